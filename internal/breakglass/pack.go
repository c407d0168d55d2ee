package breakglass

import (
	"archive/tar"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"filippo.io/age"
	"github.com/klauspost/compress/zstd"

	"github.com/muster-dr/muster/internal/plan"
)

// Load is what goes into an archive.
type Load struct {
	files map[string]content
	exec  map[string]bool
}

// content is what a file to be packed holds.
type content interface {
	open() (io.ReadCloser, error)
}

type inMemory []byte

func (b inMemory) open() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(b)), nil }

type onDisk string

func (p onDisk) open() (io.ReadCloser, error) { return os.Open(string(p)) }

// Put adds bytes at a place in the archive.
func (l *Load) Put(path string, b []byte) { l.put(path, inMemory(b), false) }

// PutFile adds a file of this machine.
func (l *Load) PutFile(path, from string, exec bool) { l.put(path, onDisk(from), exec) }

func (l *Load) put(path string, c content, exec bool) {
	if l.files == nil {
		l.files, l.exec = map[string]content{}, map[string]bool{}
	}
	l.files[path], l.exec[path] = c, exec
}

// describe reads every file once, for its size and digest.
func (l *Load) describe() ([]File, error) {
	var out []File
	for path, c := range l.files {
		r, err := c.open()
		if err != nil {
			return nil, err
		}
		sum := sha256.New()
		n, err := io.Copy(sum, r)
		if err = errors.Join(err, r.Close()); err != nil {
			return nil, err
		}
		out = append(out, File{Path: path, Bytes: n, SHA256: hex.EncodeToString(sum.Sum(nil)), Exec: l.exec[path]})
	}
	slices.SortFunc(out, func(a, b File) int { return strings.Compare(a.Path, b.Path) })
	return out, nil
}

// Make writes an archive to a file that is there whole or not at all, and readable for its owner alone. The installation
// signs last: an archive without its signature is none.
func Make(path string, m Manifest, l *Load, to []age.Recipient, sign Signer) (_ Manifest, err error) {
	if len(to) == 0 {
		return m, plan.Wrong("nobody could open it", "開ける人が指定されていません")
	}
	if m.Files, err = l.describe(); err != nil {
		return m, err
	}
	m.Format = Format
	if err := m.check(); err != nil {
		return m, err
	}
	manifest, err := json.MarshalIndent(m, "", "  ")
	if err != nil {
		return m, err
	}
	dir, prefix := filepath.Dir(path), "."+filepath.Base(path)+"-"
	release, err := Alone(filepath.Join(dir, prefix+"lock"))
	if err != nil {
		return m, err
	}
	defer release()
	if err := Sweep(dir, prefix); err != nil {
		return m, err
	}
	f, err := os.CreateTemp(dir, prefix+"*") // mode 0600
	if err != nil {
		return m, err
	}
	defer func() {
		if err != nil {
			_ = f.Close()
			_ = os.Remove(f.Name())
		}
	}()
	if err = l.write(f, manifest, m, to, sign); err != nil {
		return m, err
	}
	if err = errors.Join(f.Sync(), f.Close()); err != nil {
		return m, err
	}
	if err = os.Rename(f.Name(), path); err != nil {
		return m, err
	}
	d, err := os.Open(filepath.Dir(path))
	if err != nil {
		return m, err
	}
	return m, errors.Join(d.Sync(), d.Close())
}

func (l *Load) write(w io.Writer, manifest []byte, m Manifest, to []age.Recipient, sign Signer) error {
	sealed, err := age.Encrypt(w, to...)
	if err != nil {
		return err
	}
	packed, err := zstd.NewWriter(sealed, zstd.WithEncoderConcurrency(1))
	if err != nil {
		return err
	}
	t := tar.NewWriter(packed)
	if err := entry(t, FileManifest, int64(len(manifest)), bytes.NewReader(manifest)); err != nil {
		return err
	}
	for _, f := range m.Files {
		r, err := l.files[f.Path].open()
		if err != nil {
			return err
		}
		sum := sha256.New()
		err = entry(t, f.Path, f.Bytes, io.TeeReader(r, sum))
		if err = errors.Join(err, r.Close()); err != nil {
			return fmt.Errorf("%s: %w", f.Path, err)
		}
		if hex.EncodeToString(sum.Sum(nil)) != f.SHA256 {
			return plan.Wrong("%s was changed while it was packed; make the bundle again", "%s が作成中に変更されました。もう一度作成してください", f.Path)
		}
	}
	signed, err := sign(m, Sum(manifest))
	if err != nil {
		return err
	}
	if err := entry(t, FileSignature, int64(len(signed)), bytes.NewReader(signed)); err != nil {
		return err
	}
	return errors.Join(t.Close(), packed.Close(), sealed.Close())
}

func entry(t *tar.Writer, name string, size int64, r io.Reader) error {
	if err := t.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: name, Size: size, Mode: 0o600, Format: tar.FormatPAX}); err != nil {
		return err
	}
	_, err := io.Copy(t, r)
	return err
}
