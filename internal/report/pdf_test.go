package report_test

import (
	"archive/zip"
	"bytes"
	"context"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/muster-dr/muster/internal/book"
	"github.com/muster-dr/muster/internal/i18n"
	"github.com/muster-dr/muster/internal/pdf"
	"github.com/muster-dr/muster/internal/report"
	"github.com/muster-dr/muster/internal/run"
)

func fonts(t *testing.T) pdf.Fonts {
	t.Helper()
	f, err := book.FindFonts("", i18n.EN)
	if err != nil {
		t.Fatalf("%v (Debian, Ubuntu: apt-get install fonts-morisawa-bizud-gothic)", err)
	}
	return f
}

// asked runs one of poppler's programs on a file and returns what it says.
func asked(t *testing.T, file string, program string, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	var out, complaint bytes.Buffer
	cmd := exec.CommandContext(ctx, program, append(args, file)...)
	if program == "pdftotext" {
		cmd.Args = append(cmd.Args, "-")
	}
	cmd.Stdout, cmd.Stderr = &out, &complaint
	if err := cmd.Run(); err != nil {
		t.Fatalf("%s (package poppler-utils): %v: %s", program, err, complaint.String())
	}
	if complaint.Len() > 0 {
		t.Errorf("%s complains: %s", program, complaint.String())
	}
	return out.String()
}

var blanks = regexp.MustCompile(`[\s\x{3000}]+`)

// TestPDFOfEveryStory: every page of every story is tagged, with its letters behind it, in both languages.
func TestPDFOfEveryStory(t *testing.T) {
	f := fonts(t)
	for _, s := range stories {
		for _, l := range []i18n.Lang{i18n.JA, i18n.EN} {
			t.Run(s.name+"."+string(l), func(t *testing.T) {
				r := build(t, s.tell(t))
				var b, again bytes.Buffer
				missing, err := report.WritePDF(&b, r, l, f)
				if err != nil || len(missing) > 0 {
					t.Fatalf("error %v, letters missing %q", err, missing)
				}
				if _, err := report.WritePDF(&again, r, l, f); err != nil || !bytes.Equal(b.Bytes(), again.Bytes()) {
					t.Errorf("the same report makes other bytes: %v", err)
				}
				if s.name != "missed" || l == i18n.EN { // poppler takes seconds for each
					return
				}
				file := filepath.Join(t.TempDir(), "x.pdf")
				if err := os.WriteFile(file, b.Bytes(), 0o600); err != nil {
					t.Fatal(err)
				}
				info := asked(t, file, "pdfinfo")
				for _, want := range []string{"Tagged:          yes", "Title:           " + l.Banner(r.Run.Kind), "Suspects:        no"} {
					if !strings.Contains(info, want) {
						t.Errorf("pdfinfo does not say %q:\n%s", want, info)
					}
				}
				for _, line := range strings.Split(strings.TrimSpace(asked(t, file, "pdffonts")), "\n")[2:] {
					if !strings.Contains(line, "yes yes yes") {
						t.Errorf("not embedded as a subset with its letters: %s", line)
					}
				}
				tree := asked(t, file, "pdfinfo", "-struct-text")
				for _, want := range []string{"H1 (block)", "THead", "/Scope /Column", "Figure"} {
					if want == "Figure" && len(r.Phases) == 0 {
						continue
					}
					if !strings.Contains(tree, want) {
						t.Errorf("no %s in the structure", want)
					}
				}
				if empty := regexp.MustCompile(`(?m)^ *""$`).FindString(tree); empty != "" {
					t.Error("an element of the structure has no text: what is on the page is not what it points to")
				}
			})
		}
	}
}

// names are forms that people and companies have in their names, and that are lost easily.
const names = "髙橋・山﨑・齋藤・渡邉・①課・㈱・神社・福"

// TestNamesInEveryFormat: a record with a wrong letter in a name is worthless.
func TestNamesInEveryFormat(t *testing.T) {
	s := newStory(t, aPlan())
	s.begin(0, run.Drill)
	s.on(1, "people", run.Event{Kind: run.RemarkMade, By: "suzuki", Reason: names}, nil)
	r := build(t, s)
	squeezed := blanks.ReplaceAllString(names, "")
	for _, f := range []report.Format{report.JSON, report.HTML, report.Markdown} {
		if got := blanks.ReplaceAllString(render(t, r, f, "ja"), ""); !strings.Contains(got, squeezed) {
			t.Errorf("%s lost a name's letter", f)
		}
	}
	z, err := zip.NewReader(strings.NewReader(render(t, r, report.CSV, "ja")), int64(len(render(t, r, report.CSV, "ja"))))
	if err != nil {
		t.Fatal(err)
	}
	all := ""
	for _, f := range z.File {
		in, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		b, err := io.ReadAll(in)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.HasPrefix(b, []byte("\ufeff")) {
			t.Errorf("%s: a spreadsheet would read it in another encoding", f.Name)
		}
		all += string(b)
	}
	if !strings.Contains(blanks.ReplaceAllString(all, ""), squeezed) {
		t.Error("csv lost a name's letter")
	}
	var b bytes.Buffer
	if missing, err := report.WritePDF(&b, r, i18n.JA, fonts(t)); err != nil || len(missing) > 0 {
		t.Fatalf("error %v, missing %q", err, missing)
	}
	file := filepath.Join(t.TempDir(), "x.pdf")
	if err := os.WriteFile(file, b.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	if text := blanks.ReplaceAllString(asked(t, file, "pdftotext", "-raw"), ""); !strings.Contains(text, squeezed) {
		t.Errorf("pdf lost a name's letter")
	}
}
