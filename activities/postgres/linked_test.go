package postgres

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/muster-dr/muster/internal/pgtest"
	"github.com/muster-dr/muster/internal/plan"
)

// A data directory is often a link to a disk with room; the copy belongs there, and not beside the link.
func TestALinkedDataDirectoryIsRebuiltWhereItLies(t *testing.T) {
	t.Parallel()
	p := pgtest.StartPair(t)
	p.Tokyo.AwaitStreaming(t, p.Osaka)
	tokyo, osaka, ctx := p.Tokyo.Target, p.Osaka.Target, as(t, "run-1")
	disk := filepath.Join(p.Dir, "bigdisk")
	if err := p.Osaka.OwnDir(disk); err != nil {
		t.Fatal(err)
	}
	move := func(what, to string) {
		t.Helper()
		p.Osaka.StopServer(t)
		if err := errors.Join(os.Rename(what, to), os.Symlink(to, what)); err != nil {
			t.Fatal(err)
		}
		p.Osaka.StartServer(t)
		p.Tokyo.AwaitStreaming(t, p.Osaka)
	}
	real := filepath.Join(disk, "main")
	move(p.Osaka.Data, real)
	if err := os.WriteFile(filepath.Join(real, "old"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	r := Rejoin{Server: osaka, Follow: tokyo, Method: byBaseBackup, Wait: minute}
	if lacking, err := readyRejoin(ctx, r); err != nil || len(lacking) > 0 {
		t.Errorf("ready: %v, %v", lacking, err)
	}
	if used, err := sizeOf(real); err != nil || used < 1<<20 {
		t.Errorf("%d bytes in %s, %v", used, real, err)
	}
	must[Rejoined](t)(rejoin(ctx, r))
	p.Tokyo.AwaitStreaming(t, p.Osaka)
	if to, err := os.Readlink(p.Osaka.Data); err != nil || to != real {
		t.Errorf("the data directory links to %q, %v, want %s", to, err, real)
	}
	if _, err := os.Stat(filepath.Join(real, "old")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the old data are still where they were: %v", err)
	}
	if left, err := filepath.Glob(filepath.Join(disk, "*.muster-*")); err != nil || len(left) > 0 {
		t.Errorf("left on the disk: %v, %v", left, err)
	}

	move(filepath.Join(p.Osaka.Data, "pg_wal"), filepath.Join(disk, "wal"))
	lacking, err := readyRejoin(ctx, r)
	if err != nil || len(lacking) != 1 || !strings.Contains(lacking[0].EN, "pg_wal") {
		t.Errorf("ready with a linked log: %v, %v", lacking, err)
	}
	_, err = rejoin(ctx, r)
	wantKind(t, err, plan.ErrRefused)
	if err == nil || !strings.Contains(err.Error(), "pg_wal") {
		t.Errorf("rebuilding with a linked log = %v", err)
	}
	p.Tokyo.AwaitStreaming(t, p.Osaka) // nothing was stopped
	must[Rejoined](t)(rejoin(ctx, Rejoin{Server: osaka, Follow: tokyo, Method: "auto", Wait: minute}))

	// A link to nothing is a disk that is not there.
	p.Osaka.StopServer(t)
	if err := os.Rename(real, real+".away"); err != nil {
		t.Fatal(err)
	}
	_, err = rejoin(ctx, r)
	wantKind(t, err, plan.ErrRefused)
	if to, lerr := os.Readlink(p.Osaka.Data); lerr != nil || to != real || err == nil || !strings.Contains(err.Error(), "mount") {
		t.Errorf("rebuilding behind a link to nothing = %v; it links to %q, %v", err, to, lerr)
	}
	if err := os.Rename(real+".away", real); err != nil {
		t.Fatal(err)
	}
}
