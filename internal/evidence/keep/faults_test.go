package keep

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/muster-dr/muster/internal/evidence"
	"github.com/muster-dr/muster/internal/journal"
	"github.com/muster-dr/muster/internal/run"
)

// Some tests need a process of their own: one to be killed, one with a small disk.
const inChild = "MUSTER_KEEP_CHILD"

func TestMain(m *testing.M) {
	if dir := os.Getenv(inChild); dir != "" {
		do := sealOnce
		if os.Getenv(inChild+"_DISK") != "" {
			do = fullDisk
		}
		if err := do(dir); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

func childKeeper(dir string) (*Keeper, func(), error) {
	store, err := journal.Open(context.Background(), "sqlite:"+filepath.Join(dir, "journal.db"))
	if err != nil {
		return nil, nil, err
	}
	return New(Options{Dir: filepath.Join(dir, "seal"), Attachments: filepath.Join(dir, "evidence"), Store: store, Version: "test"}), func() { _ = store.Close() }, nil
}

func sealOnce(dir string) error {
	k, done, err := childKeeper(dir)
	if err != nil {
		return err
	}
	defer done()
	defer k.Close()
	return k.Round(context.Background())
}

// Killed at any moment, and begun again: each run is sealed once at last, and the log is one
// that its signed checkpoint covers. Not beside the other tests: a child that is slow to begin would be killed before it
// has sealed anything.
func TestKilledAnywhereEachRunIsSealedOnce(t *testing.T) {
	w := newWorld(t, nil)
	dir := filepath.Dir(w.o.Dir)
	var ids []string
	for n := range 24 {
		id := fmt.Sprintf("tokyo-loss-%d", n+1)
		ids = append(ids, id)
		w.ended(id, run.Drill)
		var said bytes.Buffer
		child := exec.Command(os.Args[0])
		child.Env, child.Stderr = append(os.Environ(), inChild+"="+dir), &said
		if err := child.Start(); err != nil {
			t.Fatal(err)
		}
		kill := time.AfterFunc(time.Duration(rand.IntN(600))*time.Millisecond, func() { _ = child.Process.Kill() })
		err := child.Wait()
		kill.Stop()
		if err != nil && child.ProcessState.Exited() {
			t.Fatalf("%v: %s", err, said.String())
		}
	}
	w.round()
	for _, id := range ids {
		if got := w.kinds(id); !slices.Equal(got, []evidence.EntryKind{evidence.EntrySealed}) {
			t.Errorf("%s: %v", id, got)
		}
		if r := w.verify(w.bundle(id, BundleOptions{})); !r.Sound {
			t.Errorf("%s: %+v", id, r.Findings)
		}
	}
}

// A disk that is full, or was made read-only, keeps nothing but the sealing from being done; it
// is said in plain words, and done as soon as it works again.
func TestAFullAndAReadOnlyDiskOnlyDelay(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	dir := filepath.Dir(w.o.Dir)
	w.ended("tokyo-loss-1", run.Drill)
	if err := os.Mkdir(w.o.Dir, 0o700); err != nil {
		t.Fatal(err)
	}
	child := exec.Command("unshare", "--user", "--map-root-user", "--mount", "sh", "-c", `mount -t tmpfs -o size=3m none "$0/seal" && exec "$1"`, dir, os.Args[0])
	child.Env = append(os.Environ(), inChild+"="+dir, inChild+"_DISK=1")
	if out, err := child.CombinedOutput(); err != nil {
		t.Fatalf("%v (unshare is in the package util-linux): %s", err, out)
	}
}

func fullDisk(dir string) error {
	k, done, err := childKeeper(dir)
	if err != nil {
		return err
	}
	defer done()
	defer k.Close()
	ctx := context.Background()
	if err := k.Round(ctx); err != nil {
		return fmt.Errorf("with room: %w", err)
	}
	again := func(id, word string, breakIt, mend func() error) error {
		p, err := k.o.Store.Plan(ctx, planOf(k))
		if err != nil {
			return err
		}
		if err := k.o.Store.Append(ctx, exampleEvents(id, p)); err != nil {
			return err
		}
		if err := breakIt(); err != nil {
			return err
		}
		if err := k.Round(ctx); err == nil || !strings.Contains(err.Error(), word) {
			return fmt.Errorf("%s: sealed, or not said in plain words: %v", word, err)
		}
		s := k.Status()
		if !strings.Contains(s.Trouble, word) || s.Since == nil || !slices.Contains(s.Waiting, id) {
			return fmt.Errorf("%s: status %+v", word, s)
		}
		if err := mend(); err != nil {
			return err
		}
		if err := k.Round(ctx); err != nil {
			return fmt.Errorf("%s: mended: %w", word, err)
		}
		if s := k.Status(); s.Trouble != "" || len(s.Waiting) > 0 {
			return fmt.Errorf("%s: mended: status %+v", word, s)
		}
		b, err := k.Bundle(ctx, id, BundleOptions{})
		if err != nil {
			return err
		}
		public, _, err := PublicKey(k.o.Dir)
		if err != nil {
			return err
		}
		if r := evidence.Verify(b, evidence.Options{Keys: []string{public}, Version: "test"}); !r.Sound {
			return fmt.Errorf("%s: %+v", word, r.Findings)
		}
		return nil
	}
	filler := filepath.Join(dir, "seal", "filler")
	err = again("tokyo-loss-2", "the disk is full", func() error {
		f, err := os.Create(filler)
		if err != nil {
			return err
		}
		for err == nil {
			_, err = f.Write(make([]byte, 4096))
		}
		_ = f.Close()
		return nil
	}, func() error { return os.Remove(filler) })
	remount := func(how string) func() error {
		return func() error {
			k.Close() // the kernel refuses while a file is open for writing
			out, err := exec.Command("mount", "-o", "remount,"+how, filepath.Join(dir, "seal")).CombinedOutput()
			if err != nil {
				return fmt.Errorf("%w: %s", err, out)
			}
			return nil
		}
	}
	return errors.Join(err, again("tokyo-loss-3", "it can't be written to", remount("ro"), remount("rw")))
}
