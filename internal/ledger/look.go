package ledger

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"io/fs"
	"os"

	"github.com/muster-dr/muster/internal/plan"
)

// Look says what would keep a worker of this user from opening the ledger at path, with the way out; there is whether
// one lies there. It makes, changes and locks nothing, and reads the head of the file alone. A process that has the ledger
// open must not call it: to close the file here would give up its locks.
func Look(path string) (there bool, err error) {
	for _, file := range []string{path, path + "-wal", path + "-shm", path + ".owners"} {
		f, err := os.OpenFile(file, os.O_RDWR, 0)
		switch {
		case errors.Is(err, fs.ErrNotExist) && file == path:
			return false, nil
		case errors.Is(err, fs.ErrNotExist):
			continue
		case errors.Is(err, fs.ErrPermission):
			return true, plan.Caused(err, "this user may not write it: give the folder of the ledger, with all that is in it, to the worker's user (chown -R)", "現在のユーザーには書き込み権限がありません。台帳のフォルダーを、中のファイルごとワーカーのユーザーの所有にしてください（chown -R）")
		case err != nil:
			return true, err
		}
		if file == path {
			err = judge(f)
		}
		if err := errors.Join(err, f.Close()); err != nil {
			return true, err
		}
	}
	return true, nil
}

// judge reads what SQLite keeps at the head of its files. An empty one is a ledger that is about to be made.
func judge(f io.Reader) error {
	const version, application, size = 60, 68, 100
	head := make([]byte, size)
	switch n, err := io.ReadFull(f, head); {
	case n == 0 && errors.Is(err, io.EOF):
		return nil
	case err != nil && !errors.Is(err, io.ErrUnexpectedEOF):
		return err
	case n < size, !bytes.HasPrefix(head, []byte("SQLite format 3\x00")):
		return plan.Wrong("it is damaged or no ledger: keep the file as evidence, and begin with a new one only when no run is open", "破損しているか、台帳ではありません。証拠としてファイルを保管し、進行中の実施がない場合に限り、新しい台帳で始めてください")
	}
	id, layout := binary.BigEndian.Uint32(head[application:]), binary.BigEndian.Uint32(head[version:])
	switch {
	case id != applicationID && id != 0: // 0 may be one that is about to be made
		return foreign()
	case id == applicationID && layout > schemaVersion:
		return newer(int(layout))
	}
	return nil
}

func foreign() error {
	return plan.Wrong("it is another program's database: give the ledger a file of its own", "ほかのプログラムのデータベースです。台帳には専用のファイルを使ってください")
}

func newer(layout int) error {
	return plan.Wrong("it was written by a newer muster (layout %d, this one knows %d): run that version again", "より新しいmusterが書き込んだ台帳です（形式 %d。このmusterが対応するのは %d まで）。その版を再び使ってください", layout, schemaVersion)
}
