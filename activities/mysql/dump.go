package mysql

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"github.com/klauspost/compress/zstd"

	"github.com/muster-dr/muster/activities"
	"github.com/muster-dr/muster/internal/mycluster"
	"github.com/muster-dr/muster/internal/mylink"
)

func dump(ctx context.Context, p Take) (Dumped, error) {
	name := activities.CallFrom(ctx).ArtifactName()
	if b, err := namedDump(p.Dumps, name); err == nil && !b.isOf(p.Server) {
		return Dumped{}, activities.RefusedBoth("%s holds a dump %s of another server, %s at %s, which is not overwritten: give each installation of muster a folder of its own",
			"%s には別のサーバー（%[3]s、%[4]s）のダンプ %[2]s があるため、上書きしない。muster の環境ごとに別の保存先を指定する", p.Dumps.Spec.Dumps, name, b.Server, b.Address)
	}
	c, err := connect(ctx, p.Server)
	if err != nil {
		return Dumped{}, err
	}
	defer c.Close()
	d := dialects[c.Flavour]
	out := Dumped{Backup: name, Server: p.Server.Name, Address: mylink.Address(p.Server.Spec), Flavour: string(c.Flavour), Version: c.Version, TakenAt: micro(time.Now()), Databases: p.Databases}
	there, err := databases(ctx, c)
	if err != nil {
		return Dumped{}, err
	}
	if len(out.Databases) == 0 {
		out.Databases = there
	}
	if len(out.Databases) == 0 {
		return Dumped{}, activities.RefusedBoth("server %s holds no database of users: there is nothing to dump",
			"サーバー %s にはユーザーのデータベースがなく、ダンプするものがない", p.Server.Name)
	}
	host := programsIn(p.Dumps)
	if _, err := host.Find(d.dump); err != nil {
		return Dumped{}, activities.RefusedBoth("%v", "%v", err)
	}
	path := filepath.Join(p.Dumps.Spec.Dumps, out.Backup)
	if err := pack(ctx, host, p.Server, d, c.Flavour, path+packed, &out); err != nil {
		switch {
		case errors.Is(err, syscall.ENOSPC):
			return Dumped{}, activities.FindingBoth("the disk of %s filled up while %s was dumped; what was written is removed again: make room there",
				"%[2]s のダンプ中に %[1]s のディスクが満杯になった。書き込んだものは削除済み。空きを増やす", p.Dumps.Spec.Dumps, p.Server.Name)
		case isGuard(err) || ctx.Err() != nil:
			return Dumped{}, err
		}
		return Dumped{}, activities.FindingBoth("server %s could not be dumped: %v",
			"サーバー %s をダンプできなかった：%v", p.Server.Name, err)
	}
	text, err := json.MarshalIndent(out, "", "  ")
	if err != nil {
		return Dumped{}, err
	}
	if err := place(path+described, func(w io.Writer) error { _, err := w.Write(append(text, '\n')); return err }); err != nil {
		return Dumped{}, err
	}
	return namedDump(p.Dumps, out.Backup)
}

// pack writes the dump, packed, and fills in what is known of it then.
func pack(ctx context.Context, host *mycluster.Instance, t Target, d dialect, of mylink.Flavour, path string, out *Dumped) error {
	sum := sha256.New()
	return place(path, func(file io.Writer) error {
		z, err := zstd.NewWriter(io.MultiWriter(file, sum), zstd.WithEncoderConcurrency(1))
		if err != nil {
			return err
		}
		watched := &edges{to: z}
		err = dumpOut(ctx, host, t, d, of, out.Databases, watched)
		if err = errors.Join(err, z.Close()); err != nil {
			return err
		}
		out.SQLBytes, out.SHA256 = watched.bytes, hex.EncodeToString(sum.Sum(nil))
		out.GTID, err = watched.position(d)
		return err
	})
}

// place writes a file whole, on disk and under its name, or not at all.
func place(path string, fill func(io.Writer) error) error {
	f, err := os.OpenFile(path+partial, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	buffered := bufio.NewWriterSize(f, 1<<20)
	err = fill(buffered)
	if err == nil {
		err = errors.Join(buffered.Flush(), f.Sync())
	}
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.Rename(path+partial, path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(path+partial))
	}
	d, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// programsIn is where a site's programs are found, and as whom isolated servers run.
func programsIn(t StoreTarget) *mycluster.Instance {
	return &mycluster.Instance{Name: "isolated server of " + t.Name, Bin: t.Spec.Bin, RunAs: mylink.ServiceUser(t.Spec.RunAs)}
}

// held holds a dump's file against its checksum.
func held(ctx context.Context, path string, b Dumped) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	sum := sha256.New()
	if _, err := io.Copy(sum, reader{ctx, f}); err != nil {
		return err
	}
	if got := hex.EncodeToString(sum.Sum(nil)); got != b.SHA256 {
		return activities.FindingBoth("dump %s is damaged: its checksum is %s, not %s as its description says",
			"ダンプ %s は破損している。チェックサムは %s で、記述ファイルの %s と一致しない", b.Backup, got, b.SHA256)
	}
	return nil
}

// reader ends with its context.
type reader struct {
	ctx context.Context
	io.Reader
}

func (r reader) Read(p []byte) (int, error) {
	if r.ctx.Err() != nil {
		return 0, context.Cause(r.ctx)
	}
	return r.Reader.Read(p)
}

// unpacked is the text of a dump.
func unpacked(ctx context.Context, path string) (io.ReadCloser, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	z, err := zstd.NewReader(reader{ctx, f}, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(256<<20))
	if err != nil {
		return nil, errors.Join(fmt.Errorf("unpack %s: %w", path, err), f.Close())
	}
	return both{z, f}, nil
}

type both struct {
	*zstd.Decoder
	file *os.File
}

func (b both) Close() error {
	b.Decoder.Close()
	return b.file.Close()
}
