package breakglass

import (
	"archive/tar"
	"bytes"
	"crypto/rand"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"filippo.io/age"
	"github.com/klauspost/compress/zstd"
	"golang.org/x/mod/sumdb/note"

	"github.com/muster-dr/muster/internal/plan"
)

const words = "six words that were drawn blindly"

// installation is who makes archives.
type installation struct {
	signer note.Signer
	public string
}

func newInstallation(t *testing.T) installation {
	t.Helper()
	private, public, err := note.GenerateKey(rand.Reader, "muster-evidence-main")
	if err != nil {
		t.Fatal(err)
	}
	signer, err := note.NewSigner(private)
	if err != nil {
		t.Fatal(err)
	}
	return installation{signer, public}
}

func (i installation) sign(m Manifest, digest string) ([]byte, error) {
	return note.Sign(&note.Note{Text: Statement(m.ID, digest)}, i.signer)
}

func (i installation) load() *Load {
	l := &Load{}
	l.Put(FileMuster, []byte("a program"))
	l.exec[FileMuster] = true
	l.Put(FileLogKeys, []byte(i.public+"\n"))
	l.Put(DirPlans+"estate.yaml", []byte("sites: []\n"))
	l.Put(FileSecrets, bytes.Repeat([]byte("hunter2 "), 10_000))
	return l
}

func manifest() Manifest {
	return Manifest{ID: NewID(), Installation: "muster-evidence-main", MadeAt: time.Now().UTC(), By: "sato", Muster: "test", OS: runtime.GOOS, Arch: runtime.GOARCH}
}

// byPassphrase is cheap to open, as a test wants it.
func byPassphrase(t *testing.T, text string) []age.Recipient {
	t.Helper()
	r, err := age.NewScryptRecipient(text)
	if err != nil {
		t.Fatal(err)
	}
	r.SetWorkFactor(10)
	return []age.Recipient{r}
}

func opens(t *testing.T, text string) []age.Identity {
	t.Helper()
	ids, err := ByPassphrase(text)
	if err != nil {
		t.Fatal(err)
	}
	return ids
}

func made(t *testing.T, i installation) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "kit.age")
	if _, err := Make(path, manifest(), i.load(), byPassphrase(t, words), i.sign); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestAnArchiveIsMadeAndUnpacked(t *testing.T) {
	main := newInstallation(t)
	path := made(t, main)
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Fatalf("%v, %v", info.Mode(), err)
	}
	b, err := os.ReadFile(path)
	if err != nil || bytes.Contains(b, []byte("hunter2")) {
		t.Fatal("a secret lies in clear")
	}
	dir := filepath.Join(t.TempDir(), "new", "kit")
	got, err := Unpack(path, dir, opens(t, words), []string{main.public})
	if err != nil || !got.Known || got.SignedBy != main.public || !got.Fits() {
		t.Fatalf("%+v, %v", got, err)
	}
	for name, mode := range map[string]os.FileMode{FileMuster: 0o700, FileSecrets: 0o600, DirPlans + "estate.yaml": 0o600} {
		info, err := os.Stat(filepath.Join(dir, name))
		if err != nil || info.Mode().Perm() != mode {
			t.Errorf("%s: %v, %v", name, info, err)
		}
	}
	// Without a key that was given on another way it is whole, and nothing shows whose it is.
	if got, err = Unpack(path, dir+"-2", opens(t, words), nil); err != nil || got.Known {
		t.Errorf("%+v, %v", got, err)
	}
	if m, err := Identify(path, opens(t, words)); err != nil || m.ID != got.ID {
		t.Errorf("%+v, %v", m, err)
	}
}

func TestAKeyOpensWhatWasMadeForIt(t *testing.T) {
	main := newInstallation(t)
	file := filepath.Join(t.TempDir(), "laptop.key")
	public, err := NewFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := NewFile(file); err == nil {
		t.Error("the key that opens older archives was overwritten")
	}
	to, err := Recipients([]string{public}, "")
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "kit.age")
	if _, err := Make(path, manifest(), main.load(), to, main.sign); err != nil {
		t.Fatal(err)
	}
	ids, err := ByFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Unpack(path, filepath.Join(t.TempDir(), "kit"), ids, nil); err != nil {
		t.Error(err)
	}
	other := filepath.Join(t.TempDir(), "other.key")
	if _, err := NewFile(other); err != nil {
		t.Fatal(err)
	}
	if ids, err = ByFile(other); err != nil {
		t.Fatal(err)
	}
	if _, err := Unpack(path, filepath.Join(t.TempDir(), "kit"), ids, nil); !errors.Is(err, ErrNotOpened) {
		t.Errorf("another key: %v", err)
	}
	if err := os.Chmod(file, 0o644); err != nil {
		t.Fatal(err)
	}
	if _, err := ByFile(file); err == nil || !strings.Contains(err.Error(), "chmod 600") {
		t.Errorf("a key that others may read: %v", err)
	}
}

func TestWhomAnArchiveIsFor(t *testing.T) {
	for _, x := range []struct {
		keys       []string
		passphrase string
		says       string
	}{
		{nil, "hunter2", "fewer than 16"},
		{[]string{"age1x"}, "", "no public key"},
		{[]string{"AGE-SECRET-KEY-1XYZ"}, "", "secret key stands among"},
		{[]string{"age1x"}, words, "not with both"},
	} {
		if _, err := Recipients(x.keys, x.passphrase); err == nil || !strings.Contains(err.Error(), x.says) {
			t.Errorf("%v %q: %v", x.keys, x.passphrase, err)
		} else if ja := plan.SaidBy(err).JA; ja == err.Error() || strings.Contains(ja+err.Error(), "1XYZ") {
			t.Errorf("in Japanese: %s", ja)
		}
	}
	if _, err := Make(filepath.Join(t.TempDir(), "x"), manifest(), newInstallation(t).load(), nil, nil); err == nil {
		t.Error("an archive for nobody was made")
	}
}

// Nothing is left behind when the installation does not sign.
func TestNoArchiveWithoutASignature(t *testing.T) {
	dir := t.TempDir()
	no := errors.New("the server is away")
	_, err := Make(filepath.Join(dir, "kit.age"), manifest(), newInstallation(t).load(), byPassphrase(t, words), func(Manifest, string) ([]byte, error) { return nil, no })
	left, _ := os.ReadDir(dir)
	if !errors.Is(err, no) || len(left) > 0 {
		t.Errorf("%v, left %v", err, left)
	}
}

func TestADamagedArchiveLeavesNothing(t *testing.T) {
	main := newInstallation(t)
	path := made(t, main)
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	flipped := func(at int) []byte {
		b := bytes.Clone(whole)
		b[at] ^= 1
		return b
	}
	for name, b := range map[string][]byte{
		"empty": {}, "another file": []byte("PK\x03\x04 this is a zip file, really"), "cut off in its head": whole[:100], "cut off": whole[:len(whole)/2], "cut off by a byte": whole[:len(whole)-1],
		"a byte of its head": flipped(30), "a byte of its middle": flipped(len(whole) / 2), "its last byte": flipped(len(whole) - 1), "more after it": append(bytes.Clone(whole), 'x'),
	} {
		t.Run(name, func(t *testing.T) {
			refused(t, b, opens(t, words), nil, "")
		})
	}
	refused(t, whole, opens(t, "some other words, drawn blindly"), nil, "can't be opened")
	refused(t, whole, opens(t, words), []string{newInstallation(t).public}, "not signed by the key of the installation")
}

// refused holds that a file is not unpacked, and that nothing of it is left.
func refused(t *testing.T, b []byte, with []age.Identity, keys []string, says string) {
	t.Helper()
	at := t.TempDir()
	file := filepath.Join(t.TempDir(), "x")
	if err := os.WriteFile(file, b, 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := Unpack(file, filepath.Join(at, "kit"), with, keys)
	if err == nil || !strings.Contains(err.Error(), says) {
		t.Errorf("%v, want %q", err, says)
	}
	if errors.Is(err, ErrHere) {
		t.Errorf("it is this machine's fault: %v", err)
	}
	if left, _ := os.ReadDir(at); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

// forged packs entries as they are given, under a manifest that names the files, signed well.
func forged(t *testing.T, main installation, files []File, entries ...tar.Header) []byte {
	t.Helper()
	m := manifest()
	m.Format, m.Files = Format, files
	body, err := json.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	signed, err := main.sign(m, Sum(body))
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	sealed, err := age.Encrypt(&out, byPassphrase(t, words)...)
	if err != nil {
		t.Fatal(err)
	}
	packed, err := zstd.NewWriter(sealed)
	if err != nil {
		t.Fatal(err)
	}
	w := tar.NewWriter(packed)
	put := func(h tar.Header, b []byte) {
		h.Mode = 0o600
		if err := w.WriteHeader(&h); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write(b); err != nil {
			t.Fatal(err)
		}
	}
	put(tar.Header{Typeflag: tar.TypeReg, Name: FileManifest, Size: int64(len(body))}, body)
	for _, h := range entries {
		put(h, bytes.Repeat([]byte("x"), int(h.Size)))
	}
	put(tar.Header{Typeflag: tar.TypeReg, Name: FileSignature, Size: int64(len(signed))}, signed)
	if err := errors.Join(w.Close(), packed.Close(), sealed.Close()); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// Whoever knows the passphrase can still not write outside of the directory, nor fill the disk.
func TestAMaliciousArchiveLeavesNothing(t *testing.T) {
	main := newInstallation(t)
	x := func(path string, n int64) File {
		return File{Path: path, Bytes: n, SHA256: Sum(bytes.Repeat([]byte("x"), int(max(0, min(n, 1000)))))}
	}
	reg := func(name string, n int64) tar.Header { return tar.Header{Typeflag: tar.TypeReg, Name: name, Size: n} }
	many := make([]File, mostFiles+1)
	for _, c := range []struct {
		name    string
		files   []File
		entries []tar.Header
		says    string
	}{
		{"a path upwards", []File{x("../x", 1)}, []tar.Header{reg("../x", 1)}, `names the file "../x"`},
		{"an absolute path", []File{x("/etc/x", 1)}, []tar.Header{reg("/etc/x", 1)}, `names the file "/etc/x"`},
		{"a path with a backslash", []File{x(`..\x`, 1)}, []tar.Header{reg(`..\x`, 1)}, "names the file"},
		{"the signature's own name", []File{x(FileSignature, 1)}, []tar.Header{reg(FileSignature, 1)}, "names the file"},
		{"a name twice", []File{x("a", 1), x("a", 1)}, []tar.Header{reg("a", 1), reg("a", 1)}, "twice"},
		{"a file below a file", []File{x("a", 1), x("a/b", 1)}, []tar.Header{reg("a", 1), reg("a/b", 1)}, ""},
		{"a symlink", []File{x("a", 0)}, []tar.Header{{Typeflag: tar.TypeSymlink, Name: "a", Linkname: "/etc/passwd"}}, "where its manifest says"},
		{"a hard link", []File{x("a", 0)}, []tar.Header{{Typeflag: tar.TypeLink, Name: "a", Linkname: "/etc/passwd"}}, "where its manifest says"},
		{"a device", []File{x("a", 0)}, []tar.Header{{Typeflag: tar.TypeChar, Name: "a"}}, "where its manifest says"},
		{"a file too many", []File{x("a", 1)}, []tar.Header{reg("a", 1), reg("b", 1)}, "where its manifest says"},
		{"a file too few", []File{x("a", 1), x("b", 1)}, []tar.Header{reg("a", 1)}, "where its manifest says"},
		{"another size", []File{x("a", 1)}, []tar.Header{reg("a", 2)}, "2 bytes and not 1"},
		{"another content", []File{{Path: "a", Bytes: 1, SHA256: strings.Repeat("0", 64)}}, []tar.Header{reg("a", 1)}, "is not what its manifest says"},
		{"no digest", []File{{Path: "a", Bytes: 1}}, []tar.Header{reg("a", 1)}, "digest"},
		{"a size below nothing", []File{x("a", -1)}, nil, "-1 bytes"},
		{"more than a disk", []File{x("a", MostBytes), x("b", 1)}, nil, "more than"},
		{"more files than there are", many, nil, "files; there are"},
		{"no files", nil, nil, "names 0 files"},
	} {
		t.Run(c.name, func(t *testing.T) {
			refused(t, forged(t, main, c.files, c.entries...), opens(t, words), []string{main.public}, c.says)
		})
	}
}

// A disk without room is found before anything is written.
func TestAFullDiskIsFoundBefore(t *testing.T) {
	err := room(t.TempDir(), 1<<60)
	if !errors.Is(err, ErrHere) || !strings.Contains(err.Error(), "--bundle-dir") {
		t.Error(err)
	}
}

// What a killed process left is taken away by the next, and what is another's stays.
func TestWhatAKilledProcessLeftIsTakenAway(t *testing.T) {
	main := newInstallation(t)
	dir := t.TempDir()
	path := filepath.Join(dir, "kit.age")
	for _, name := range []string{".kit.age-123456", ".kit.age-mine", ".kit.age-2-123", "kit.age-5"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("hunter2"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	release, err := Alone(filepath.Join(dir, ".kit.age-lock"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Make(path, manifest(), main.load(), byPassphrase(t, words), main.sign); err == nil || !strings.Contains(err.Error(), "another muster") {
		t.Errorf("beside another: %v", err)
	}
	release()
	if _, err := Make(path, manifest(), main.load(), byPassphrase(t, words), main.sign); err != nil {
		t.Fatal(err)
	}
	var left []string
	list, err := os.ReadDir(dir)
	for _, d := range list {
		left = append(left, d.Name())
	}
	if err != nil || strings.Join(left, " ") != ".kit.age-2-123 .kit.age-mine kit.age kit.age-5" {
		t.Errorf("left: %q, %v", left, err)
	}
}
