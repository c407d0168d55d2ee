package archtest

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// A page in Japanese stands beside the English one, NAME.ja.md beside NAME.md. Whoever changes one
// and not the other is told here which part has no counterpart.
func TestPagesInJapaneseFollowTheEnglish(t *testing.T) {
	root, seen := filepath.Join("..", ".."), 0
	for _, dir := range []string{".", "docs"} {
		entries, err := fs.Glob(os.DirFS(filepath.Join(root, dir)), "*.ja.md")
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range entries {
			seen++
			var pages [2]string
			for i, file := range []string{strings.TrimSuffix(name, ".ja.md") + ".md", name} {
				b, err := os.ReadFile(filepath.Join(root, dir, file))
				if err != nil {
					t.Fatal(err)
				}
				pages[i] = string(b)
				for _, link := range links.FindAllStringSubmatch(pages[i], -1) {
					target, _, _ := strings.Cut(link[1], "#")
					if target == "" || strings.Contains(target, "://") {
						continue
					}
					if _, err := os.Stat(filepath.Join(root, dir, target)); err != nil {
						t.Errorf("%s leads to %s, which is not there", file, target)
					}
				}
			}
			for _, wrong := range apart(pages[0], pages[1]) {
				t.Errorf("%s: %s", filepath.Join(dir, name), wrong)
			}
		}
	}
	if seen < 3 {
		t.Errorf("only %d pages in Japanese were looked at", seen)
	}
}

var (
	links    = regexp.MustCompile(`\]\(([^)\s]+)\)`)
	headings = regexp.MustCompile(`(?m)^#+ `)
	points   = regexp.MustCompile(`(?m)^(?:- |\| )`)
	commands = regexp.MustCompile("(?m)`((?:muster|make|systemctl) [^`]+)`|^((?:muster|make) [a-z-]+)")
	script   = regexp.MustCompile(`[\p{Han}\p{Hiragana}\p{Katakana}]`)
)

// apart says in what two pages differ that are one page in two languages: headings, points and
// rows, links, commands.
func apart(en, ja string) (out []string) {
	if a, b := headings.FindAllString(en, -1), headings.FindAllString(ja, -1); !slices.Equal(a, b) {
		out = append(out, fmt.Sprintf("%d headings, in English %d", len(b), len(a)))
	}
	if a, b := len(points.FindAllString(en, -1)), len(points.FindAllString(ja, -1)); a != b {
		out = append(out, fmt.Sprintf("%d points and rows, in English %d", b, a))
	}
	for what, find := range map[string]func(string) []string{
		"link":    func(s string) []string { return parts(links, s) },
		"command": func(s string) []string { return parts(commands, s) },
	} {
		a, b := find(en), find(ja)
		for _, x := range a {
			if !slices.Contains(b, x) {
				out = append(out, fmt.Sprintf("the %s %s is in English only", what, x))
			}
		}
		for _, x := range b {
			if !slices.Contains(a, x) {
				out = append(out, fmt.Sprintf("the %s %s is in Japanese only", what, x))
			}
		}
	}
	return out
}

// parts are what an expression finds. A page in Japanese leads to pages in Japanese, whose
// headings are, and its commands may ask for the language.
func parts(find *regexp.Regexp, s string) (out []string) {
	for _, m := range find.FindAllStringSubmatch(s, -1) {
		x := strings.Join(m[1:], "")
		x = strings.NewReplacer(".ja.md", ".md", " --lang ja", "").Replace(x)
		if page, at, ok := strings.Cut(x, "#"); ok && (script.MatchString(at) || page == "") {
			x = page + "#"
		}
		out = append(out, x)
	}
	return out
}

// The check would notice.
func TestPagesThatDifferAreNoticed(t *testing.T) {
	en := "# A\n\n[日本語](a.ja.md)\n\n- one: `muster up`\n- two: [b](b.md)\n"
	for ja, want := range map[string]string{
		"# あ\n\n[English](a.md)\n\n- 一: `muster up`\n- 二: [b](b.ja.md)\n":       "",
		"# あ\n\n[English](a.md)\n\n- 一: `muster up`\n\n[b](b.md)\n":             "1 points",
		"# あ\n\n[English](a.md)\n\n## い\n- 一: `muster up`\n- 二: [b](b.ja.md)\n": "2 headings",
		"# あ\n\n[English](a.md)\n\n- 一: `muster server`\n- 二: [b](b.ja.md)\n":   "muster up is in English only",
		"# あ\n\n[English](a.md)\n\n- 一: `muster up`\n- 二: [b](c.md)\n":          "c.md is in Japanese only",
	} {
		got := strings.Join(apart(en, ja), "; ")
		if want == "" && got != "" || !strings.Contains(got, want) {
			t.Errorf("%s: %q, want %q", ja, got, want)
		}
	}
}
