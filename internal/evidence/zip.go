package evidence

import (
	"archive/zip"
	"bytes"
	"compress/flate"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"maps"
	"slices"
	"strings"

	"github.com/muster-dr/muster/internal/plan"
)

// Bounds of a bundle that is opened: it comes from anywhere.
const (
	mostFiles = 20_000
	mostBytes = 1 << 30 // unpacked
	// MostPacked is the longest file that is taken for a bundle.
	MostPacked = 512 << 20
)

// stamp begins the zip's comment; the SHA-256 of everything before it follows. It finds what
// was damaged on the way, not what was altered on purpose.
const stamp = Format + " sha256 "

// Write writes files as a zip: the same files are the same bytes.
func Write(files map[string][]byte) ([]byte, error) {
	var b, packed bytes.Buffer
	w := zip.NewWriter(&b)
	// One for all files: it takes 0.8 MB, which is what a server that seals a year's runs would leave
	// behind for each file.
	packer, err := flate.NewWriter(&packed, flate.DefaultCompression)
	if err != nil {
		return nil, err
	}
	for _, name := range slices.Sorted(maps.Keys(files)) {
		// Sizes stand in front and no time is kept, so there is nothing that could differ.
		packed.Reset()
		packer.Reset(&packed)
		if _, err := packer.Write(files[name]); err != nil {
			return nil, err
		}
		if err := packer.Close(); err != nil {
			return nil, err
		}
		f, err := w.CreateRaw(&zip.FileHeader{Name: name, Method: zip.Deflate, CRC32: crc32.ChecksumIEEE(files[name]),
			CompressedSize64: uint64(packed.Len()), UncompressedSize64: uint64(len(files[name]))})
		if err != nil {
			return nil, err
		}
		if _, err := f.Write(packed.Bytes()); err != nil {
			return nil, err
		}
	}
	if err := w.SetComment(stamp + strings.Repeat("0", 64)); err != nil {
		return nil, err
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	out := b.Bytes()
	copy(out[len(out)-64:], Sum(out[:len(out)-64]))
	return out, nil
}

// unsafeError is a file that is not unpacked.
type unsafeError struct{ en, ja string }

func (e *unsafeError) Error() string { return e.en }

// Said is the reason in both languages.
func (e *unsafeError) Said() plan.Text { return plan.Text{EN: e.en, JA: e.ja} }

func unsafely(en, ja string, args ...any) error {
	return &unsafeError{fmt.Sprintf(en, args...), fmt.Sprintf(ja, args...)}
}

// intact reports whether the file is, to the byte, as muster wrote it.
func intact(b []byte) bool {
	n := len(b) - 64
	return n > len(stamp) && string(b[n-len(stamp):n]) == stamp && string(b[n:]) == Sum(b[:n])
}

// Read unpacks a bundle, or says why it is not unpacked. The files that could be read are
// returned beside the names of those that could not.
func Read(b []byte) (files map[string][]byte, damaged map[string]error, err error) {
	if len(b) > MostPacked {
		return nil, nil, unsafely("it is longer than %d MB", "%d MBを超えています", MostPacked>>20)
	}
	z, err := zip.NewReader(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		if !bytes.HasPrefix(b, []byte("PK")) {
			return nil, nil, unsafely("it is no zip file", "zipファイルではありません")
		}
		return nil, nil, unsafely("its end is missing or damaged (%v): was it cut off on its way?", "末尾が欠けているか壊れています（%v）。転送中に途切れた可能性があります", err)
	}
	if len(z.File) > mostFiles {
		return nil, nil, unsafely("it holds %d files; a bundle has at most %d", "ファイル数が %d です（上限 %d）", len(z.File), mostFiles)
	}
	if first := z.File; len(first) > 0 {
		if at, err := first[0].DataOffset(); err != nil || binary.LittleEndian.Uint32(b) != 0x04034b50 || at > int64(len(b)) {
			return nil, nil, unsafely("something else stands before its first file", "最初のファイルの前に余分なデータがあります")
		}
	}
	files, damaged = map[string][]byte{}, map[string]error{}
	seen, left := map[string]bool{}, uint64(mostBytes)
	for _, f := range z.File {
		if !fs.ValidPath(f.Name) || strings.ContainsAny(f.Name, "\\:\x00") || f.Name == "." {
			return nil, nil, unsafely("the name %q leads out of it or is no file's", "%q は外部を指すか、ファイル名として不正です", f.Name)
		}
		if key := strings.ToLower(f.Name); seen[key] {
			return nil, nil, unsafely("the name %q is there twice: readers would see different files", "%q が重複しています。読む側によって内容が変わります", f.Name)
		} else {
			seen[key] = true
		}
		if !f.Mode().IsRegular() {
			return nil, nil, unsafely("%q is not a plain file", "%q は通常のファイルではありません", f.Name)
		}
		if f.Method != zip.Store && f.Method != zip.Deflate {
			return nil, nil, unsafely("%q is packed in a way that muster does not use", "%q の圧縮方式がmusterのものではありません", f.Name)
		}
		if f.UncompressedSize64 > left {
			return nil, nil, unsafely("unpacked, it would be larger than %d MB: %q", "展開すると %d MBを超えます: %q", mostBytes>>20, f.Name)
		}
		content, err := unpack(f, int64(left))
		if len(content) > int(left) {
			return nil, nil, unsafely("unpacked, it would be larger than %d MB: %q", "展開すると %d MBを超えます: %q", mostBytes>>20, f.Name)
		}
		left -= uint64(len(content))
		files[f.Name] = content
		if err != nil {
			damaged[f.Name] = err
		}
	}
	return files, damaged, nil
}

// unpack reads a file; what could be read of a damaged one comes with the error.
func unpack(f *zip.File, most int64) ([]byte, error) {
	r, err := f.Open()
	if err != nil {
		return nil, err
	}
	defer r.Close()
	var b bytes.Buffer
	// The size is what the file says of itself: it gets little room before it has shown it, and is read to
	// one byte more at most.
	b.Grow(int(min(most, int64(f.UncompressedSize64), 1<<20)) + bytes.MinRead)
	_, err = io.Copy(&b, io.LimitReader(r, min(most, int64(f.UncompressedSize64))+1))
	return b.Bytes(), err
}
