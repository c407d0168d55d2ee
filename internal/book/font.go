package book

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/muster-dr/muster/internal/i18n"
	"github.com/muster-dr/muster/internal/pdf"
)

// Fonts are the TrueType files that a PDF is set in. Bold and Mono fall back on Regular.
type Fonts = pdf.Fonts

// The family is BIZ UDPGothic (SIL Open Font License): TrueType outlines, as gopdf needs,
// letters that are told apart in bad light, and the name forms that people have (髙 﨑 齋).
const (
	regularFile = "BIZUDPGothic-Regular.ttf"
	boldFile    = "BIZUDPGothic-Bold.ttf"
	monoFile    = "BIZUDGothic-Regular.ttf"
)

// MissingFont says that no font was found, and the way out.
type MissingFont struct {
	Lang  i18n.Lang
	Where string
	Err   error
}

func (m *MissingFont) Error() string {
	if m.Where != "" {
		return m.Lang.T("the font %s can't be used: %v", "フォント %s を利用できません: %v", m.Where, m.Err)
	}
	return m.Lang.T("a PDF needs the font BIZ UDPGothic (%s), and it is not on this machine", "PDFの作成にはフォント BIZ UDPゴシック（%s）が必要ですが、見つかりません", regularFile)
}

// WayOut is what to do about it.
func (m *MissingFont) WayOut() string {
	return m.Lang.T("Install it (Debian, Ubuntu: apt-get install fonts-morisawa-bizud-gothic), or name a TrueType font or its folder with --font or font: in muster.yaml; --format html needs none",
		"導入するか（Debian・Ubuntu: apt-get install fonts-morisawa-bizud-gothic）、--font または muster.yaml の font で TrueType フォントかそのフォルダーを指定してください。--format html ならフォントは不要です")
}

// FindFonts reads the fonts: those of a folder, one TrueType file for everything, or with ""
// those of the system's folders.
func FindFonts(at string, l i18n.Lang) (Fonts, error) {
	if at != "" {
		info, err := os.Stat(at)
		if err != nil {
			return Fonts{}, &MissingFont{l, at, plain(err)}
		}
		if info.IsDir() {
			return readFonts(at, l)
		}
		b, err := readFont(at)
		if err != nil {
			return Fonts{}, &MissingFont{l, at, err}
		}
		return Fonts{Regular: b, Bold: b, Mono: b}, nil
	}
	for _, root := range fontFolders() {
		found := ""
		_ = filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
			if err != nil {
				return nil // a folder that may not be read holds none for us
			}
			if d.Name() == regularFile {
				found = filepath.Dir(path)
				return fs.SkipAll
			}
			return nil
		})
		if found != "" {
			return readFonts(found, l)
		}
	}
	return Fonts{}, &MissingFont{Lang: l}
}

func fontFolders() []string {
	out := []string{"/usr/share/fonts", "/usr/local/share/fonts", "/Library/Fonts"}
	if home, err := os.UserHomeDir(); err == nil {
		out = append(out, filepath.Join(home, ".local/share/fonts"), filepath.Join(home, ".fonts"), filepath.Join(home, "Library/Fonts"))
	}
	return out
}

func readFonts(dir string, l i18n.Lang) (Fonts, error) {
	regular, err := readFont(filepath.Join(dir, regularFile))
	if err != nil {
		return Fonts{}, &MissingFont{l, filepath.Join(dir, regularFile), err}
	}
	f := Fonts{Regular: regular, Bold: regular, Mono: regular}
	if b, err := readFont(filepath.Join(dir, boldFile)); err == nil {
		f.Bold = b
	}
	if b, err := readFont(filepath.Join(dir, monoFile)); err == nil {
		f.Mono = b
	}
	return f, nil
}

// maxFont bounds what is read as a font.
const maxFont = 64 << 20

func readFont(path string) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, plain(err)
	}
	if !info.Mode().IsRegular() || info.Size() > maxFont {
		return nil, errors.New("it is no font file")
	}
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, plain(err)
	}
	switch {
	case strings.HasPrefix(string(b), "OTTO"):
		return nil, errors.New("its outlines are CFF (OpenType); a TrueType font is needed")
	case strings.HasPrefix(string(b), "ttcf"):
		return nil, errors.New("it is a collection (TTC); a single TrueType font is needed")
	case len(b) < 12 || b[0] != 0 || b[1] != 1:
		return nil, fmt.Errorf("it is no TrueType font")
	}
	return b, nil
}

func plain(err error) error {
	if e := new(fs.PathError); errors.As(err, &e) {
		return e.Err
	}
	return err
}
