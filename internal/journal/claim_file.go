package journal

import (
	"context"
	"errors"
	"io"
	"os"
	"time"

	"github.com/muster-dr/muster/internal/filelock"
)

// claimFor takes part in the work on a file by a lock on the file beside it that says whose the store is: shared by the
// servers of one engine, and by nobody while another engine's name is put there. It ends with the process.
func (f *sqliteFile) claimFor(ctx context.Context, engine string, wait time.Duration) error {
	until := time.Now().Add(wait)
	for {
		part, other, err := takeFile(f.path+".control", engine)
		switch {
		case err != nil:
			return err
		case part != nil:
			f.part.Store(part)
			return nil
		case time.Now().After(until) && other != "":
			return twoEngines(other)
		}
		select {
		case <-time.After(100 * time.Millisecond):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// takeFile returns the file whose lock is the part, or who else has it; neither while somebody is about to say.
func takeFile(path, engine string) (part *os.File, other string, err error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, "", err
	}
	defer func() {
		if part == nil {
			err = errors.Join(err, filelock.Release(f))
		}
	}()
	alone, err := filelock.Try(f, filelock.Alone)
	if err != nil {
		return nil, "", err
	}
	if alone {
		if _, err := f.WriteAt([]byte(engine), 0); err != nil {
			return nil, "", err
		}
		if err := f.Truncate(int64(len(engine))); err != nil {
			return nil, "", err
		}
	}
	// On the way from the one lock to the other somebody else may come between: whose it is, is read after it.
	if shared, err := filelock.Try(f, filelock.Shared); err != nil || !shared {
		return nil, "", err
	}
	has, err := io.ReadAll(io.NewSectionReader(f, 0, 4096))
	if err != nil || string(has) != engine {
		return nil, string(has), err
	}
	return f, "", nil
}

func (f *sqliteFile) close() error {
	if part := f.part.Swap(nil); part != nil {
		return filelock.Release(part)
	}
	return nil
}
