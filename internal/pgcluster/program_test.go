package pgcluster

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Debian keeps versions side by side, and what PostgreSQL 15 wrote nothing but 15 can start.
func TestOfVersionsSideBySideTheDatasOwnIsTaken(t *testing.T) {
	real, err := FindBin()
	if err != nil {
		t.Fatal(err)
	}
	major, err := (&Instance{Bin: real}).ProgramVersion(t.Context())
	if err != nil || major < 13 {
		t.Fatalf("version %d, %v", major, err)
	}
	at, before := t.TempDir(), places
	t.Cleanup(func() { places = before })
	places = []string{filepath.Join(at, "*/bin/postgres")}
	own, newer, data := filepath.Join(at, fmt.Sprint(major), "bin"), filepath.Join(at, "99", "bin"), filepath.Join(at, "data")
	for _, bin := range []string{own, newer} {
		if err := errors.Join(os.MkdirAll(bin, 0o755), os.Symlink(filepath.Join(real, "postgres"), filepath.Join(bin, "postgres"))); err != nil {
			t.Fatal(err)
		}
	}
	if bin, err := FindBinFor(data); err != nil || bin != newer {
		t.Errorf("without data: %s, %v, want the newest", bin, err)
	}
	for version, want := range map[int]string{major: own, 99: newer, 12: newer} {
		if err := errors.Join(os.MkdirAll(data, 0o755), os.WriteFile(filepath.Join(data, "PG_VERSION"), fmt.Appendln(nil, version), 0o644)); err != nil {
			t.Fatal(err)
		}
		if bin, err := FindBinFor(data); err != nil || bin != want {
			t.Errorf("data of %d: %s, %v, want %s", version, bin, err, want)
		}
		is, programs, err := (&Instance{Data: data, Bin: own}).Versions(t.Context())
		if err != nil || is != version || programs != major {
			t.Errorf("versions of data of %d: %d and %d, %v", version, is, programs, err)
		}
	}
}

// Vendors' builds have names of their own, and what can't be read of one is no other version.
func TestTheVersionOfAVendorsBuildIsRead(t *testing.T) {
	real, err := FindBin()
	if err != nil {
		t.Fatal(err)
	}
	major, err := (&Instance{Bin: real}).ProgramVersion(t.Context())
	if err != nil || major < 13 {
		t.Fatalf("version %d, %v", major, err)
	}
	for name, want := range map[string]int{"(EnterpriseDB)": major, "(Vendor Database Server)": major, "by a vendor": 0} {
		bin := t.TempDir()
		script := fmt.Sprintf("#!/bin/sh\n%s/postgres \"$@\" | sed 's/([^)]*)/%s/'\n", real, name)
		if err := os.WriteFile(filepath.Join(bin, "postgres"), []byte(script), 0o755); err != nil {
			t.Fatal(err)
		}
		if is, err := (&Instance{Bin: bin}).ProgramVersion(t.Context()); err != nil || is != want {
			t.Errorf("%s: %d, %v, want %d", name, is, err, want)
		}
	}
}

// What a server died of is told, however many hints follow it.
func TestTheCauseIsAmongTheLastLines(t *testing.T) {
	said := lastLines("LOG:  starting\nFATAL:  could not create shared memory segment: No space left on device\nDETAIL:  Failed system call was shmget\nHINT:  This error does not mean that\n\tyou have run out of disk space.\n\tThe documentation has more.\nLOG:  database system is shut down\n")
	if !strings.Contains(said, "could not create shared memory segment") || !strings.Contains(said, "is shut down") || strings.Contains(said, "starting") {
		t.Errorf("said %q", said)
	}
	if said := lastLines("\n"); said != "" {
		t.Errorf("of nothing it says %q", said)
	}
}
