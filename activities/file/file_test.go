package file_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	osexec "os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/klauspost/compress/zstd"

	"github.com/muster-dr/muster/activities/file"
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/sitetest"
)

type with map[string]any

func put(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// tree is a small tree with awkward names and a link.
func tree(t *testing.T) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "tree")
	put(t, filepath.Join(dir, "a.txt"), "one\n")
	put(t, filepath.Join(dir, "sub", "台帳.csv"), "1,2\n")
	put(t, filepath.Join(dir, "sub", "line\nbreak \\ x"), "odd\n")
	put(t, filepath.Join(dir, "empty"), "")
	if err := os.Symlink("a.txt", filepath.Join(dir, "latest")); err != nil {
		t.Fatal(err)
	}
	return dir
}

func names(t *testing.T, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, e := range entries {
		out = append(out, e.Name())
	}
	return out
}

func TestManifestAndVerify(t *testing.T) {
	s := sitetest.New(t, file.Actions())
	dir, custody := tree(t), t.TempDir()
	list := filepath.Join(custody, "m.sha256")
	making := with{"tree": dir, "to": list, "medium": "LTO-0042", "holder": "大阪支店 金庫"}
	step := s.Step("file.manifest", making)
	if seen := s.Look(step); seen.Sight != plan.HoldsNot {
		t.Fatalf("before: %+v", seen)
	}
	var made file.Listed
	if res, err := s.Act(step, &made); err != nil || res.Already || made.Files != 4 || made.Bytes != 12 || made.Medium != "LTO-0042" || made.Holder != "大阪支店 金庫" {
		t.Fatalf("%+v %+v %v", res, made, err)
	}
	if seen := s.Settle(step); seen.Sight != plan.Holds {
		t.Fatalf("lost answer: %+v", seen)
	}
	if res, err := s.Act(s.Step("file.manifest", making), nil); err != nil || !res.Already {
		t.Fatalf("again: %+v %v", res, err)
	}
	// The tool that everybody has reads it.
	check := osexec.Command("sha256sum", "--check", "--strict", "--quiet", list)
	check.Dir = dir
	if out, err := check.CombinedOutput(); err != nil {
		t.Fatalf("sha256sum: %v\n%s", err, out)
	}
	verifying := with{"tree": dir, "manifest": list, "digest": made.Digest}
	var ok file.Verified
	if _, err := s.Act(s.Step("file.verify", verifying), &ok); err != nil || ok.Files != 4 || ok.MadeAt == "" {
		t.Fatalf("%+v %v", ok, err)
	}

	put(t, filepath.Join(dir, "new"), "x")
	_, err := s.Act(s.Step("file.verify", verifying), nil)
	sitetest.Want(t, err, plan.ErrFinding, "1 files", "new", "extra: ignore")
	if _, err := s.Act(s.Step("file.verify", with{"tree": dir, "manifest": list, "extra": "ignore"}), &ok); err != nil || ok.Extra != 1 {
		t.Fatalf("%+v %v", ok, err)
	}
	put(t, filepath.Join(dir, "a.txt"), "two\n")
	for _, name := range []string{"empty", "latest"} {
		if err := os.Remove(filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink("/etc/passwd", filepath.Join(dir, "latest")); err != nil {
		t.Fatal(err)
	}
	_, err = s.Act(s.Step("file.verify", verifying), nil)
	sitetest.Want(t, err, plan.ErrFinding, "a.txt has other content", "empty is missing", "latest is a link to /etc/passwd")

	// Whoever changes the list as well is found by its own digest.
	b, err := os.ReadFile(list)
	if err != nil {
		t.Fatal(err)
	}
	put(t, list, strings.Replace(string(b), "medium: LTO-0042", "medium: LTO-0043", 1))
	_, err = s.Act(s.Step("file.verify", verifying), nil)
	sitetest.Want(t, err, plan.ErrFinding, "the list itself was changed")
	put(t, list, string(b[:len(b)-80]))
	_, err = s.Act(s.Step("file.verify", with{"tree": dir, "manifest": list}), nil)
	if err == nil {
		t.Fatal("half a manifest was taken for a whole one")
	}
	put(t, list, strings.Repeat("0", 64)+"  ../../etc/passwd\n")
	_, err = s.Act(s.Step("file.verify", with{"tree": dir, "manifest": list}), nil)
	sitetest.Want(t, err, plan.ErrRefused, "leads out of the tree")
	_, err = s.Act(s.Step("file.manifest", with{"tree": dir, "to": filepath.Join(dir, "m.sha256")}), nil)
	sitetest.Want(t, err, plan.ErrRefused, "in the tree that it lists")
	_, err = s.Act(s.Step("file.manifest", making), nil)
	sitetest.Want(t, err, plan.ErrRefused, "is not replaced")
	_, err = s.Act(s.Step("file.manifest", with{"tree": t.TempDir(), "to": filepath.Join(custody, "none")}), nil)
	sitetest.Want(t, err, plan.ErrFinding, "is the medium mounted?")
	if err := syscall.Mkfifo(filepath.Join(dir, "pipe"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err = s.Act(s.Step("file.manifest", with{"tree": dir, "to": filepath.Join(custody, "pipes")}), nil)
	sitetest.Want(t, err, plan.ErrFinding, "a pipe")
}

func TestCopy(t *testing.T) {
	s := sitetest.New(t, file.Actions())
	from, around := tree(t), t.TempDir()
	to := filepath.Join(around, "copy")
	// An attempt that died half-way.
	put(t, filepath.Join(to+".muster-part", "half"), "x")
	copying := with{"from": from, "to": to}
	step := s.Step("file.copy", copying)
	if seen := s.Look(step); seen.Sight != plan.HoldsNot {
		t.Fatalf("before: %+v", seen)
	}
	var done file.Copied
	if res, err := s.Act(step, &done); err != nil || res.Already || done.Files != 4 || done.Bytes != 12 {
		t.Fatalf("%+v %+v %v", res, done, err)
	}
	if out, err := osexec.Command("diff", "-r", "--no-dereference", from, to).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if got := names(t, around); !slices.Equal(got, []string{"copy"}) {
		t.Fatalf("left: %v", got)
	}
	if seen := s.Settle(step); seen.Sight != plan.Holds {
		t.Fatalf("lost answer: %+v", seen)
	}
	if res, err := s.Act(s.Step("file.copy", copying), nil); err != nil || !res.Already {
		t.Fatalf("again: %+v %v", res, err)
	}
	put(t, filepath.Join(to, "a.txt"), "mine\n")
	_, err := s.Act(s.Step("file.copy", copying), nil)
	sitetest.Want(t, err, plan.ErrRefused, "there already with other content")
	if b, _ := os.ReadFile(filepath.Join(to, "a.txt")); string(b) != "mine\n" {
		t.Fatalf("it was written over: %q", b)
	}
	one := filepath.Join(around, "one")
	if _, err := s.Act(s.Step("file.copy", with{"from": filepath.Join(from, "a.txt"), "to": one}), &done); err != nil || done.Files != 1 {
		t.Fatalf("%+v %v", done, err)
	}
	if b, _ := os.ReadFile(one); string(b) != "one\n" {
		t.Fatalf("%q", b)
	}
	for words, w := range map[string]with{
		"is not absolute":    {"from": "here", "to": filepath.Join(around, "x")},
		"no absolute path":   {"from": from, "to": "there"},
		"the folder around":  {"from": from, "to": filepath.Join(around, "no", "such")},
		"no such file":       {"from": filepath.Join(around, "nothing"), "to": filepath.Join(around, "x")},
		"copied into itself": {"from": from, "to": filepath.Join(from, "sub", "copy")},
	} {
		_, err := s.Act(s.Step("file.copy", w), nil)
		sitetest.Want(t, err, plan.ErrRefused, words)
	}
}

// pack writes an archive of headers with contents.
type item struct {
	tar.Header
	text string
}

func reg(name, text string) item {
	return item{tar.Header{Name: name, Typeflag: tar.TypeReg, Mode: 0o640, Size: int64(len(text))}, text}
}

func link(kind byte, name, to string) item {
	return item{Header: tar.Header{Name: name, Typeflag: kind, Linkname: to, Mode: 0o777}}
}

func folder(name string) item {
	return item{Header: tar.Header{Name: name, Typeflag: tar.TypeDir, Mode: 0o755}}
}

func pack(t *testing.T, items ...item) []byte {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, i := range items {
		if err := w.WriteHeader(&i.Header); err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(w, i.text); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func squeeze(t *testing.T, how string, b []byte) []byte {
	t.Helper()
	var out bytes.Buffer
	var w io.WriteCloser
	switch how {
	case "gzip":
		w = gzip.NewWriter(&out)
	case "zstd":
		z, err := zstd.NewWriter(&out)
		if err != nil {
			t.Fatal(err)
		}
		w = z
	default:
		return b
	}
	if _, err := w.Write(b); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// bench is a site with an archive, and an area to restore to.
type bench struct {
	*sitetest.Site
	area, archive, into string
}

func newBench(t *testing.T, archive []byte) bench {
	t.Helper()
	b := bench{Site: sitetest.New(t, file.Actions()), area: t.TempDir(), archive: filepath.Join(t.TempDir(), "backup")}
	b.into = filepath.Join(b.area, "documents")
	put(t, b.archive, string(archive))
	return b
}

func (b bench) with(more with) with {
	w := with{"archive": b.archive, "into": b.into}
	for k, v := range more {
		w[k] = v
	}
	return w
}

func sound(t *testing.T) []byte {
	return pack(t, folder("./"), folder("d/"), reg("d/台帳.csv", "1,2\n"), reg("implied/deep/x", strings.Repeat("x", 100_000)),
		link(tar.TypeSymlink, "d/latest", "台帳.csv"), link(tar.TypeLink, "again", "implied/deep/x"), item{tar.Header{Name: "setuid", Typeflag: tar.TypeReg, Mode: 0o4755, Size: 1}, "s"})
}

func TestRestore(t *testing.T) {
	for _, how := range []string{"plain", "gzip", "zstd"} {
		t.Run(how, func(t *testing.T) {
			b := newBench(t, squeeze(t, how, sound(t)))
			put(t, filepath.Join(b.into+".muster-part", "half"), "of an attempt that died")
			step := b.Step("file.restore", b.with(nil))
			if seen := b.Look(step); seen.Sight != plan.HoldsNot {
				t.Fatalf("before: %+v", seen)
			}
			var out file.Restored
			if res, err := b.Act(step, &out); err != nil || res.Already || out.Files != 3 || out.Bytes != 100_005 || out.Folder != b.into {
				t.Fatalf("%+v %+v %v", res, out, err)
			}
			if text, err := os.ReadFile(filepath.Join(b.into, "d", "latest")); err != nil || string(text) != "1,2\n" {
				t.Fatalf("through the link: %q %v", text, err)
			}
			if text, err := os.ReadFile(filepath.Join(b.into, "again")); err != nil || len(text) != 100_000 {
				t.Fatalf("the second name: %d %v", len(text), err)
			}
			if st, err := os.Stat(filepath.Join(b.into, "setuid")); err != nil || st.Mode() != 0o755 {
				t.Fatalf("%v %v", st.Mode(), err)
			}
			if seen := b.Settle(step); seen.Sight != plan.Holds {
				t.Fatalf("lost answer: %+v", seen)
			}
			if res, err := b.Act(b.Step("file.restore", b.with(nil)), nil); err != nil || !res.Already {
				t.Fatalf("again: %+v %v", res, err)
			}
			// Another run must restore itself, and not over it.
			other := b.Step("file.restore", b.with(nil))
			other.Run, other.EffectKey = "r2", "r2/restore"
			_, err := b.Act(other, nil)
			sitetest.Want(t, err, plan.ErrRefused, "is not empty")

			away := b.Step("file.discard", with{"into": b.into})
			if res, err := b.Act(away, nil); err != nil || res.Already {
				t.Fatalf("%+v %v", res, err)
			}
			if got := names(t, b.area); len(got) != 0 {
				t.Fatalf("left: %v", got)
			}
			if seen := b.Settle(away); seen.Sight != plan.Holds {
				t.Fatalf("%+v", seen)
			}
		})
	}
}

func TestRestoreAgainstManifest(t *testing.T) {
	b := newBench(t, pack(t, reg("a", "one\n"), reg("b", "two\n")))
	want := tree(t)
	list := filepath.Join(t.TempDir(), "list")
	if _, err := b.Act(b.Step("file.manifest", with{"tree": want, "to": list}), nil); err != nil {
		t.Fatal(err)
	}
	_, err := b.Act(b.Step("file.restore", b.with(with{"manifest": list})), nil)
	sitetest.Want(t, err, plan.ErrFinding, "a.txt is missing", "removed again")
	if got := names(t, b.area); len(got) != 0 {
		t.Fatalf("left: %v", got)
	}
	if out, err := osexec.Command("tar", "-C", want, "-czf", b.archive, ".").CombinedOutput(); err != nil {
		t.Fatalf("%v %s", err, out)
	}
	if _, err := b.Act(b.Step("file.restore", b.with(with{"manifest": list})), nil); err != nil {
		t.Fatal(err)
	}
	if _, err := b.Act(b.Step("file.verify", with{"tree": b.into, "manifest": list}), nil); err != nil {
		t.Fatal(err)
	}
}

// What an archive can try. Nothing of it may be written anywhere.
func TestRefusedArchives(t *testing.T) {
	whole := sound(t)
	noise := make([]byte, 1<<20)
	chacha := rand.NewChaCha8([32]byte{})
	_, _ = chacha.Read(noise)
	long := squeeze(t, "gzip", pack(t, reg("noise", string(noise))))
	zlong := squeeze(t, "zstd", pack(t, reg("noise", string(noise))))
	flipped := bytes.Clone(long)
	flipped[len(flipped)/2] ^= 1

	var h bytes.Buffer
	w := tar.NewWriter(&h)
	if err := w.WriteHeader(&tar.Header{Name: "huge", Typeflag: tar.TypeReg, Size: 1 << 60, Mode: 0o600}); err != nil {
		t.Fatal(err)
	}
	huge := h.Bytes()
	for name, c := range map[string]struct {
		archive []byte
		word    string
	}{
		"climbs":             {pack(t, reg("ok", "x"), reg("../evil", "x")), "leads out"},
		"climbs inside":      {pack(t, reg("d/../../evil", "x")), "leads out"},
		"climbs and returns": {pack(t, reg("d/../evil", "x")), "leads out"},
		"absolute":           {pack(t, reg("/tmp/evil", "x")), "leads out"},
		"link out":           {pack(t, reg("ok", "x"), link(tar.TypeSymlink, "l", "../../etc")), "out of the folder"},
		"absolute link":      {pack(t, reg("ok", "x"), link(tar.TypeSymlink, "l", "/etc")), "out of the folder"},
		"through a link":     {pack(t, folder("d"), link(tar.TypeSymlink, "l", "d"), reg("l/evil", "x")), "which is no folder"},
		"link chain":         {pack(t, link(tar.TypeSymlink, "a", "."), link(tar.TypeSymlink, "a/b", ".."), reg("a/b/evil", "x")), "which is no folder"},
		"folder over link":   {pack(t, link(tar.TypeSymlink, "l", "d"), folder("l"), reg("l/x", "x")), "twice"},
		"hard link out":      {pack(t, reg("ok", "x"), link(tar.TypeLink, "l", "../../etc/passwd")), "second name"},
		"hard link absolute": {pack(t, reg("ok", "x"), link(tar.TypeLink, "l", "/etc/passwd")), "second name"},
		"hard link of link":  {pack(t, reg("ok", "x"), link(tar.TypeSymlink, "s", "ok"), link(tar.TypeLink, "l", "s")), "second name"},
		"twice":              {pack(t, reg("a", "1"), reg("./a", "2")), "twice"},
		"device":             {pack(t, reg("ok", "x"), item{Header: tar.Header{Name: "null", Typeflag: tar.TypeChar, Devmajor: 1, Devminor: 3}}), "a device"},
		"pipe":               {pack(t, reg("ok", "x"), item{Header: tar.Header{Name: "p", Typeflag: tar.TypeFifo}}), "a device, a pipe"},
		"fills the disk":     {huge, "more than fits"},
		"no archive":         {[]byte(strings.Repeat("not a tar file\n", 100)), "no tar archive"},
		"empty":              {nil, "no file"},
		"cut":                {whole[:len(whole)/2], "damaged"},
		"cut gzip":           {long[:len(long)-100], "damaged"},
		"cut zstd":           {zlong[:len(zlong)-100], "damaged"},
		"flipped bit":        {flipped, "damaged"},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, c.archive)
			_, err := b.Act(b.Step("file.restore", b.with(nil)), nil)
			sitetest.Want(t, err, plan.ErrFinding, c.word)
			if got := names(t, b.area); len(got) != 0 {
				t.Fatalf("left: %v", got)
			}
			for _, evil := range []string{filepath.Join(b.area, "evil"), filepath.Join(filepath.Dir(b.area), "evil"), "/tmp/evil"} {
				if _, err := os.Lstat(evil); !errors.Is(err, fs.ErrNotExist) {
					t.Errorf("%s was written", evil)
				}
			}
		})
	}
}

func TestRestorePlaces(t *testing.T) {
	b := newBench(t, sound(t))
	put(t, filepath.Join(b.area, "live", "data"), "live")
	if err := os.Symlink(filepath.Join(b.area, "live"), filepath.Join(b.area, "link")); err != nil {
		t.Fatal(err)
	}
	for words, w := range map[string]with{
		"is not empty (data)":          b.with(with{"into": filepath.Join(b.area, "live")}),
		"is no folder":                 b.with(with{"into": filepath.Join(b.area, "link")}),
		"no absolute path":             b.with(with{"into": "documents"}),
		"no absolute path of a new":    b.with(with{"into": "/"}),
		"the folder around":            b.with(with{"into": filepath.Join(b.area, "no", "such")}),
		"no absolute path of a new fo": b.with(with{"into": b.into + ".muster-part"}),
	} {
		_, err := b.Act(b.Step("file.restore", w), nil)
		sitetest.Want(t, err, plan.ErrRefused, words)
	}
	_, err := b.Act(b.Step("file.restore", b.with(with{"digest": strings.Repeat("0", 64)})), nil)
	sitetest.Want(t, err, plan.ErrFinding, "another archive")
	_, err = b.Act(b.Step("file.restore", b.with(with{"archive": "/no/such/archive"})), nil)
	sitetest.Want(t, err, "", "no such file")
	_, err = b.Act(b.Step("file.discard", with{"into": filepath.Join(b.area, "live")}), nil)
	sitetest.Want(t, err, plan.ErrRefused, "was not made by file.restore")
	if got := names(t, b.area); !slices.Equal(got, []string{"link", "live"}) {
		t.Fatalf("left: %v", got)
	}
	if err := os.Mkdir(b.into, 0o755); err != nil {
		t.Fatal(err)
	}
	if _, err := b.Act(b.Step("file.restore", b.with(nil)), nil); err != nil {
		t.Fatalf("into an empty folder: %v", err)
	}
}

// A disk that runs full on the way, whatever it said before: nothing half is left. The
// limit on the size of files gives the test binary's child the error that a full disk gives.
func TestDiskFillsUp(t *testing.T) {
	if area := os.Getenv("FILE_TEST_FULL"); area != "" {
		signal.Ignore(syscall.SIGXFSZ)
		b := newBench(t, pack(t, reg("small", "x"), reg("large", strings.Repeat("x", 64<<10))))
		copying := b.Step("file.copy", with{"from": b.archive, "to": filepath.Join(area, "copy")})
		restoring := b.Step("file.restore", b.with(with{"into": filepath.Join(area, "documents")}))
		limit := syscall.Rlimit{Cur: 32 << 10}
		var before syscall.Rlimit
		if err := syscall.Getrlimit(syscall.RLIMIT_FSIZE, &before); err != nil {
			t.Fatal(err)
		}
		limit.Max = before.Max
		// The ledger is a file as well; what it needs it has already, and gets back after.
		for _, call := range []plan.Call{copying, restoring} {
			err := file.Limited(func() error { return syscall.Setrlimit(syscall.RLIMIT_FSIZE, &limit) }, func() error { return syscall.Setrlimit(syscall.RLIMIT_FSIZE, &before) }, call)
			fmt.Println("outcome:", err)
		}
		return
	}
	area := t.TempDir()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	child := osexec.Command(exe, "-test.run=^TestDiskFillsUp$")
	child.Env = append(os.Environ(), "FILE_TEST_FULL="+area)
	out, err := child.CombinedOutput()
	if err != nil || strings.Count(string(out), "filled up on the way") != 2 {
		t.Fatalf("%v\n%s", err, out)
	}
	if got := names(t, area); len(got) != 0 {
		t.Fatalf("left: %v", got)
	}
}

// Little room is seen before anything is written.
func TestNoRoom(t *testing.T) {
	b := newBench(t, sound(t))
	defer file.SetRoom(64<<10, 1000)()
	_, err := b.Act(b.Step("file.restore", b.with(nil)), nil)
	sitetest.Want(t, err, plan.ErrFinding, "more than fits", "nothing was written")
	_, err = b.Act(b.Step("file.copy", with{"from": b.archive, "to": filepath.Join(b.area, "copy")}), nil)
	sitetest.Want(t, err, plan.ErrFinding, "make room there", "nothing was written")
	file.SetRoom(1<<40, 2)
	_, err = b.Act(b.Step("file.restore", b.with(nil)), nil)
	sitetest.Want(t, err, plan.ErrFinding, "more than fits")
	if got := names(t, b.area); len(got) != 0 {
		t.Fatalf("left: %v", got)
	}
}
