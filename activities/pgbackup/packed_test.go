package pgbackup

import (
	"archive/tar"
	"compress/gzip"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/muster-dr/muster/internal/plan"
)

// packed takes a backup as tar files, as the server's own schedule would.
func (s *shop) packed(t *testing.T, name, packing string) {
	t.Helper()
	i, err := programs(s.store)
	if err != nil {
		t.Fatal(err)
	}
	args := []string{"-D", filepath.Join(s.store.Spec.Backups, name), "-h", "127.0.0.1", "-p", fmt.Sprint(s.live.Port), "-U", s.live.Target.Spec.User, "-Ft", "-X", "stream", "-c", "fast"}
	if packing != "" {
		args = append(args, "--compress="+packing)
	}
	if _, err := i.Run(s.call(t), []string{"PGPASSWORD=" + s.live.Target.Spec.Password.Reveal()}, "pg_basebackup", args...); err != nil {
		t.Fatal(err)
	}
}

func TestPackedBackupsAreRestored(t *testing.T) {
	t.Parallel()
	s := open(t)
	for n, packing := range []string{"", "gzip", "server-zstd"} {
		last := s.order(t, 3)
		name := fmt.Sprintf("packed-%d", n)
		s.packed(t, name, packing)
		b, err := folders{s.store}.named(t.Context(), name)
		if err != nil || b.Type != "tar" || b.SizeBytes < 1<<20 {
			t.Fatalf("%s: %+v %v", packing, b, err)
		}
		ctx := s.call(t)
		done, err := restore(ctx, Restore{Backups: s.store, Backup: name})
		if err != nil {
			t.Fatalf("%s: %v", packing, err)
		}
		v, err := verify(ctx, Verify{Backups: s.store, Newest: newestOrder})
		if err != nil || !v.RecoveryPoint.Equal(last) || v.Rows["public.orders"] != int64(3*n+3) || done.RestoreS <= 0 {
			t.Errorf("%s: %+v %v", packing, v, err)
		}
		if _, err := discard(ctx, Discard{Backups: s.store}); err != nil {
			t.Fatal(err)
		}
	}
	wants := func(name, words string) {
		t.Helper()
		if _, err := restore(s.call(t), Restore{Backups: s.store, Backup: name}); kind(err) != plan.ErrFinding || !strings.Contains(err.Error(), words) {
			t.Errorf("%s: want a finding with %q: %v", name, words, err)
		}
	}
	for n, file := range []string{"base.tar", "base.tar.gz", "base.tar.zst"} {
		name := fmt.Sprintf("packed-%d", n)
		flip(t, filepath.Join(s.store.Spec.Backups, name, file))
		wants(name, "backup "+name+" is damaged")
	}
	if err := os.Truncate(filepath.Join(s.store.Spec.Backups, "packed-1", "base.tar.gz"), 100); err != nil {
		t.Fatal(err)
	}
	if _, err := restore(s.call(t), Restore{Backups: s.store, Backup: "packed-1"}); err == nil {
		t.Error("a cut-off backup was restored")
	}
}

// A tar file that was made to lead out of the isolated folder writes nothing there.
func TestAPackedBackupLeadsNowhere(t *testing.T) {
	t.Parallel()
	s := open(t)
	s.packed(t, "evil", "gzip")
	outside := filepath.Join(s.dir, "outside")
	for _, h := range []tar.Header{
		{Name: "../../../outside", Typeflag: tar.TypeReg, Mode: 0o600, Size: 4},
		{Name: outside, Typeflag: tar.TypeReg, Mode: 0o600, Size: 4},
		{Name: "base", Typeflag: tar.TypeSymlink, Linkname: s.dir},
	} {
		f, err := os.Create(filepath.Join(s.store.Spec.Backups, "evil", "base.tar.gz"))
		if err != nil {
			t.Fatal(err)
		}
		z := gzip.NewWriter(f)
		w := tar.NewWriter(z)
		label := "START TIME: 2026-11-24 00:00:00 UTC\n"
		err = errors.Join(w.WriteHeader(&tar.Header{Name: "backup_label", Typeflag: tar.TypeReg, Size: int64(len(label))}), second(w.Write([]byte(label))), w.WriteHeader(&h))
		if h.Size > 0 {
			err = errors.Join(err, second(w.Write([]byte("evil"))))
		}
		if err := errors.Join(err, w.Close(), z.Close(), f.Close()); err != nil {
			t.Fatal(err)
		}
		if _, err := restore(s.call(t), Restore{Backups: s.store, Backup: "evil"}); kind(err) != plan.ErrFinding {
			t.Errorf("%s: %v", h.Name, err)
		}
		if _, err := os.Lstat(outside); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s was written outside: %v", h.Name, err)
		}
	}
}

func second(_ int, err error) error { return err }
