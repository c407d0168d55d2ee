package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"time"

	"aead.dev/minisign"
	"github.com/goreleaser/nfpm/v2"
	_ "github.com/goreleaser/nfpm/v2/deb"
	"github.com/goreleaser/nfpm/v2/files"
	_ "github.com/goreleaser/nfpm/v2/rpm"
)

// release is what all packages of one release have in common. The same release makes the same bytes: the
// one time in it is that of the sources.
type release struct {
	version string
	at      time.Time
	out     string
}

// pack writes the archive and the packages of one architecture.
func (r release) pack(arch string, list []item) error {
	if err := r.archive(arch, list); err != nil {
		return err
	}
	for _, format := range []string{"deb", "rpm"} {
		if err := r.system(format, arch, list); err != nil {
			return fmt.Errorf("%s for %s: %w", format, arch, err)
		}
	}
	return nil
}

// archive is everything below one folder, for machines without a package manager.
func (r release) archive(arch string, list []item) (err error) {
	folder := fmt.Sprintf("muster-%s-linux-%s", r.version, arch)
	f, err := os.Create(filepath.Join(r.out, folder+".tar.gz"))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	z, err := gzip.NewWriterLevel(f, gzip.DefaultCompression)
	if err != nil {
		return err
	}
	t := tar.NewWriter(z)
	for _, i := range list {
		b, err := os.ReadFile(i.from)
		if err != nil {
			return err
		}
		if err := t.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: folder + i.to, Mode: int64(i.mode), Size: int64(len(b)), ModTime: r.at, Format: tar.FormatUSTAR}); err != nil {
			return err
		}
		if _, err := t.Write(b); err != nil {
			return err
		}
	}
	return errors.Join(t.Close(), z.Close())
}

// system is a package of the system's own.
func (r release) system(format, arch string, list []item) (err error) {
	scripts, err := os.MkdirTemp("", "muster-dist-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(scripts) }()
	info := &nfpm.Info{Name: "muster", Arch: arch, Platform: "linux", Version: r.version, Release: "1", Section: "admin", Priority: "optional",
		Maintainer: "muster", Description: "Disaster recovery: plans, drills and responses on Temporal.\nRehearses and leads failing over to another site, and says what was achieved.",
		License: "Apache-2.0", MTime: r.at}
	// gzip is read by every dpkg and rpm that there is, and takes seconds where xz takes minutes.
	info.Deb.Compression, info.RPM.Compression, info.RPM.BuildHost = "gzip", "gzip", "localhost"
	info.Recommends = []string{"systemd"}
	if format == "rpm" {
		info.Description = strings.ReplaceAll(info.Description, "\n", " ")
	}
	for _, i := range list {
		kind := files.TypeFile
		if i.setting {
			kind = files.TypeConfigNoReplace
		}
		info.Contents = append(info.Contents, &files.Content{Source: i.from, Destination: i.to, Type: kind,
			FileInfo: &files.ContentFileInfo{Owner: "root", Group: "root", Mode: i.mode, MTime: r.at}})
	}
	for name, s := range map[string]struct {
		text string
		into *string
	}{"after": {after, &info.Scripts.PostInstall}, "before": {before, &info.Scripts.PreRemove}} {
		path := filepath.Join(scripts, name)
		if err := os.WriteFile(path, []byte(s.text), 0o755); err != nil {
			return err
		}
		if err := os.Chtimes(path, r.at, r.at); err != nil {
			return err
		}
		*s.into = path
	}
	info = nfpm.WithDefaults(info)
	if err := nfpm.PrepareForPackager(info, format); err != nil {
		return err
	}
	packager, err := nfpm.Get(format)
	if err != nil {
		return err
	}
	var b bytes.Buffer
	if err := packager.Package(info, &b); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(r.out, packager.ConventionalFileName(info)), b.Bytes(), 0o644)
}

const sums = "SHA256SUMS"

// sum writes the checksums of all that was made, as sha256sum -c reads them.
func (r release) sum() error {
	entries, err := os.ReadDir(r.out)
	if err != nil {
		return err
	}
	var lines []string
	for _, e := range entries {
		if e.IsDir() || strings.HasPrefix(e.Name(), sums) {
			continue
		}
		f, err := os.Open(filepath.Join(r.out, e.Name()))
		if err != nil {
			return err
		}
		h := sha256.New()
		_, err = io.Copy(h, f)
		if err = errors.Join(err, f.Close()); err != nil {
			return err
		}
		lines = append(lines, fmt.Sprintf("%x  %s\n", h.Sum(nil), e.Name()))
	}
	sort.Slice(lines, func(a, b int) bool { return lines[a][64:] < lines[b][64:] })
	return os.WriteFile(filepath.Join(r.out, sums), []byte(strings.Join(lines, "")), 0o644)
}

// sign signs the checksums with the releaser's key, as `minisign -S` does. The comment that is signed
// too says which release it is, so that an old one can't pass for a new.
func (r release) sign(keyFile, password string) error {
	key, err := minisign.PrivateKeyFromFile(password, keyFile)
	if err != nil {
		return fmt.Errorf("the signing key %s: %w", keyFile, err)
	}
	f, err := os.Open(filepath.Join(r.out, sums))
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	message := minisign.NewReader(f)
	if _, err := io.Copy(io.Discard, message); err != nil {
		return err
	}
	signature := message.SignWithComments(key, "muster "+r.version+" "+sums, "signature of muster "+r.version)
	return os.WriteFile(filepath.Join(r.out, sums+".minisig"), signature, 0o644)
}
