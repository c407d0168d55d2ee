package breakglass

import (
	"archive/tar"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"syscall"

	"filippo.io/age"
	"github.com/klauspost/compress/zstd"
	"golang.org/x/sys/unix"

	"github.com/muster-dr/muster/internal/evidence"
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/wholefile"
)

// ErrHere marks what this machine lacks or refuses, as against what is wrong with the archive.
var ErrHere = errors.New("of this machine")

// here is such an error.
type here struct{ error }

func (h here) Unwrap() error        { return h.error }
func (h here) Is(target error) bool { return target == ErrHere }
func (h here) Said() plan.Text      { return plan.SaidBy(h.error) }

// ErrNotOpened: none of the keys or passphrases opens the archive.
var ErrNotOpened = errors.New("it can't be opened")

// Opened is an archive that was unpacked and made sure of.
type Opened struct {
	Manifest
	// SignedBy is the installation's key that signed it. Known says that it is one of those that were
	// given; else it is one that the archive names itself, which shows that it is whole and not whose it is.
	SignedBy string
	Known    bool
}

// Unpack opens an archive into a directory that is there afterwards whole or not at all. Every file has the size and the digest
// that the manifest says, and the manifest the installation's signature, before the directory has its name.
func Unpack(file, dir string, with []age.Identity, keys []string) (out Opened, err error) {
	f, err := os.Open(file)
	if err != nil {
		return out, err
	}
	defer f.Close()
	parent := filepath.Dir(dir)
	if err := os.MkdirAll(parent, 0o700); err != nil {
		return out, here{err}
	}
	unfinished, err := os.MkdirTemp(parent, "."+filepath.Base(dir)+"-*") // mode 0700
	if err != nil {
		return out, here{err}
	}
	defer func() {
		if err != nil {
			_ = os.RemoveAll(unfinished)
		}
	}()
	root, err := os.OpenRoot(unfinished)
	if err != nil {
		return out, err
	}
	defer root.Close()
	if out, err = unpack(f, root, unfinished, with, keys); err != nil {
		return out, inWords(err)
	}
	return out, errors.Join(syncTree(unfinished), os.Rename(unfinished, dir), wholefile.SyncDir(parent))
}

// inWords says what a damaged or short file looks like to those who read it.
func inWords(err error) error {
	var both interface{ Said() plan.Text }
	of := new(fs.PathError)
	switch {
	case errors.As(err, &both), errors.Is(err, ErrNotOpened):
		return err
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		return here{plan.Wrong("the disk is full; free space on it, or name another directory with --bundle-dir. Nothing was left behind", "ディスクが満杯です。空き容量を確保するか、--bundle-dir で別のディレクトリを指定してください。展開途中のファイルは残していません")}
	case errors.As(err, &of) && of.Op != "read" && (errors.Is(err, fs.ErrPermission) || errors.Is(err, syscall.EROFS) || errors.Is(err, syscall.EIO)):
		return here{err}
	case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF):
		return plan.Wrong("it ends in the middle: it was cut off when it was copied. Take another copy", "途中で終わっています。コピーの際に途切れた可能性があります。別のコピーを使ってください")
	}
	return plan.Wrong("it was altered or damaged, or is no bundle of muster (%v). Take another copy", "改変または破損しているか、musterのパッケージではありません（%v）。別のコピーを使ってください", err)
}

func unpack(f io.Reader, root *os.Root, at string, with []age.Identity, keys []string) (out Opened, err error) {
	clear, err := age.Decrypt(f, with...)
	var foreign *age.NoIdentityMatchError
	if errors.As(err, &foreign) {
		return out, ErrNotOpened
	}
	if err != nil {
		return out, err
	}
	packed, err := zstd.NewReader(clear, zstd.WithDecoderMaxMemory(64<<20), zstd.WithDecoderConcurrency(1))
	if err != nil {
		return out, err
	}
	defer packed.Close()
	t := tar.NewReader(packed)
	body, err := whole(t, FileManifest, mostManifest)
	if err != nil {
		return out, err
	}
	if out.Manifest, err = decodeManifest(body); err != nil {
		return out, err
	}
	if err := room(at, out.Bytes()); err != nil {
		return out, err
	}
	for _, want := range out.Files {
		if err := take(t, root, want); err != nil {
			return out, err
		}
	}
	signed, err := whole(t, FileSignature, 64<<10)
	if err != nil {
		return out, err
	}
	if h, err := t.Next(); err == nil {
		return out, plan.Wrong("it holds %q, which its manifest does not name", "マニフェストにないファイル %q が含まれています", h.Name)
	} else if !errors.Is(err, io.EOF) {
		return out, err
	}
	// Whatever follows is read too: only then it is known that nothing was cut off.
	if n, err := io.Copy(io.Discard, io.LimitReader(packed, 1<<20)); err != nil {
		return out, err
	} else if n >= 1<<20 {
		return out, plan.Wrong("something follows its end", "末尾に余分なデータがあります")
	}
	out.Known = len(keys) > 0
	if !out.Known {
		text, err := root.ReadFile(FileLogKeys)
		if err != nil {
			return out, err
		}
		if keys, err = evidence.Keys(string(text)); err != nil {
			return out, err
		}
	}
	if out.SignedBy, err = signedBy(signed, out.ID, Sum(body), keys); err != nil {
		return out, err
	}
	return out, errors.Join(root.WriteFile(FileManifest, body, 0o600), root.WriteFile(FileSignature, signed, 0o600))
}

// whole reads the next entry, which has to be that file.
func whole(t *tar.Reader, name string, most int64) ([]byte, error) {
	h, err := next(t, name)
	if err != nil {
		return nil, err
	}
	if h.Size > most {
		return nil, plan.Wrong("%s has %d bytes", "%s が %d バイトあります", name, h.Size)
	}
	return io.ReadAll(io.LimitReader(t, most))
}

func next(t *tar.Reader, name string) (*tar.Header, error) {
	h, err := t.Next()
	if errors.Is(err, io.EOF) {
		return nil, plan.Wrong("%s is missing", "%s がありません", name)
	}
	if err != nil {
		return nil, err
	}
	if h.Name != name || h.Typeflag != tar.TypeReg {
		return nil, plan.Wrong("it holds %q (kind %q) where its manifest says %s", "マニフェストでは %[3]s のところに %[1]q（種別 %[2]q）が入っています", h.Name, string(h.Typeflag), name)
	}
	return h, nil
}

// take writes one file below root, and nowhere else.
func take(t *tar.Reader, root *os.Root, want File) error {
	h, err := next(t, want.Path)
	if err != nil {
		return err
	}
	if h.Size != want.Bytes {
		return plan.Wrong("%s has %d bytes and not %d", "%s が %d バイトです（マニフェストでは %d）", want.Path, h.Size, want.Bytes)
	}
	if dir := path.Dir(want.Path); dir != "." {
		if err := root.MkdirAll(dir, 0o700); err != nil {
			return err
		}
	}
	mode := fs.FileMode(0o600)
	if want.Exec {
		mode = 0o700
	}
	f, err := root.OpenFile(want.Path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, mode)
	if err != nil {
		return err
	}
	sum := sha256.New()
	_, err = io.Copy(io.MultiWriter(f, sum), t)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	if hex.EncodeToString(sum.Sum(nil)) != want.SHA256 {
		return plan.Wrong("%s is not what its manifest says: it was altered or damaged. Take another copy", "%s がマニフェストと一致しません。改変または破損しています。別のコピーを使ってください", want.Path)
	}
	return nil
}

// spare is left on a disk, for what is written once all is unpacked.
const spare = 256 << 20

// room refuses before anything is written.
func room(at string, need int64) error {
	var st unix.Statfs_t
	if err := unix.Statfs(at, &st); err != nil {
		return err
	}
	free := int64(st.Bavail) * int64(st.Bsize)
	if free < need+spare {
		return here{plan.Wrong("it needs %d MB at %s, and %d MB are free; free space, or name another directory with --bundle-dir", "%[2]s に %[1]d MBの空きが必要ですが、%[3]d MBしかありません。空き容量を確保するか、--bundle-dir で別のディレクトリを指定してください", (need+spare)>>20, filepath.Dir(at), free>>20)}
	}
	return nil
}

func syncTree(dir string) error {
	return filepath.WalkDir(dir, func(p string, d fs.DirEntry, err error) error {
		if err != nil || !d.IsDir() {
			return err
		}
		return wholefile.SyncDir(p)
	})
}

// Identify reads the manifest and no more: which archive it is. Nothing shows yet that it is whole.
func Identify(file string, with []age.Identity) (Manifest, error) {
	f, err := os.Open(file)
	if err != nil {
		return Manifest{}, err
	}
	defer f.Close()
	clear, err := age.Decrypt(f, with...)
	var foreign *age.NoIdentityMatchError
	if errors.As(err, &foreign) {
		return Manifest{}, ErrNotOpened
	}
	if err != nil {
		return Manifest{}, inWords(err)
	}
	packed, err := zstd.NewReader(clear, zstd.WithDecoderMaxMemory(64<<20), zstd.WithDecoderConcurrency(1))
	if err != nil {
		return Manifest{}, inWords(err)
	}
	defer packed.Close()
	body, err := whole(tar.NewReader(packed), FileManifest, mostManifest)
	if err != nil {
		return Manifest{}, inWords(err)
	}
	return decodeManifest(body)
}
