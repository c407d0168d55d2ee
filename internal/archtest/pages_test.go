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
					target, at, _ := strings.Cut(link[1], "#")
					if strings.Contains(target, "://") {
						continue
					}
					if target == "" {
						target = file
					}
					page, err := os.ReadFile(filepath.Join(root, dir, target))
					if info, there := os.Stat(filepath.Join(root, dir, target)); there != nil {
						t.Errorf("%s leads to %s, which is not there", file, target)
					} else if !info.IsDir() && (err != nil || at != "" && !heads(string(page), at)) {
						t.Errorf("%s leads to #%s of %s, which has no such heading", file, at, target)
					}
				}
			}
			differ := apart(pages[0], pages[1])
			if strings.Contains(pages[1], anchor) {
				differ = partsApart(strings.TrimSuffix(name, ".ja.md")+".md", pages[0], pages[1])
			}
			for _, wrong := range differ {
				t.Errorf("%s: %s", filepath.Join(dir, name), wrong)
			}
		}
	}
	if seen < 9 {
		t.Errorf("only %d pages in Japanese were looked at", seen)
	}
}

var (
	links    = regexp.MustCompile(`\]\(([^)\s]+)\)`)
	headings = regexp.MustCompile(`(?m)^#+ `)
	points   = regexp.MustCompile(`(?m)^(?:- |\| )`)
	commands = regexp.MustCompile("(?m)`((?:muster|make|systemctl) [^`]+)`|^((?:muster|make) [a-z-]+)")
	rows     = regexp.MustCompile("(?m)^\\| (`[^`|]+`)") // what is called so is called so in both
	quoted   = regexp.MustCompile(`"[^"]*"`)             // what somebody says, in their language
	fences   = regexp.MustCompile("(?m)^```")
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
	if a, b := len(fences.FindAllString(en, -1)), len(fences.FindAllString(ja, -1)); a != b {
		out = append(out, fmt.Sprintf("%d fences of code, in English %d", b, a))
	}
	if a, b := paragraphs(en), paragraphs(ja); a != b {
		out = append(out, fmt.Sprintf("%d paragraphs, in English %d", b, a))
	}
	for what, find := range map[string]func(string) []string{
		"link":    func(s string) []string { return parts(links, s) },
		"row":     func(s string) []string { return parts(rows, s) },
		"command": func(s string) []string { return parts(commands, s) },
	} {
		a, b := find(en), find(ja)
		// A heading in Japanese has an address in Japanese, which stands for the page's.
		page := func(x string) string { p, _, _ := strings.Cut(x, "#"); return p + "#" }
		for _, x := range a {
			if !slices.Contains(b, x) && !(what == "link" && slices.Contains(b, page(x))) {
				out = append(out, fmt.Sprintf("the %s %s is in English only", what, x))
			}
		}
		for _, x := range b {
			if !slices.Contains(a, x) && !(what == "link" && strings.HasSuffix(x, "#") && slices.ContainsFunc(a, func(y string) bool { return page(y) == x })) {
				out = append(out, fmt.Sprintf("the %s %s is in Japanese only", what, x))
			}
		}
	}
	return out
}

// paragraphs counts what stands between empty lines.
func paragraphs(page string) (n int) {
	for part := range strings.SplitSeq(page, "\n\n") {
		if strings.TrimSpace(part) != "" {
			n++
		}
	}
	return n
}

// anchor begins the line above each heading of a page of which only some sections are in Japanese:
// it has the English heading's address, so that a link leads to either page with the same one.
const anchor = `<a id="`

// partsApart says in what the sections of a page that are in Japanese differ from the English
// ones, and whether its list of contents names all: those by their address here, the others by the
// English page's.
func partsApart(page, en, ja string) (out []string) {
	english, _ := sections(en, func(line, _ string) string {
		title, ok := strings.CutPrefix(line, "## ")
		if !ok {
			return ""
		}
		return slug(title)
	})
	japanese, all := sections(ja, func(line, before string) string {
		id, ok := strings.CutPrefix(before, anchor)
		if !ok || !strings.HasPrefix(line, "## ") {
			return ""
		}
		return strings.TrimSuffix(id, `"></a>`)
	})
	if with := len(japanese) - 1; with != all {
		out = append(out, fmt.Sprintf("%d headings of sections, %d of them with an anchor above", all, with))
	}
	for id, text := range japanese {
		if id == "" {
			continue
		}
		if english[id] == "" {
			out = append(out, fmt.Sprintf("the English page has no section #%s", id))
			continue
		}
		// What is in English only is linked on the English page.
		for _, wrong := range apart(english[id], strings.ReplaceAll(text, "]("+page+"#", "](#")) {
			out = append(out, "#"+id+": "+wrong)
		}
	}
	for id := range english {
		if id == "" {
			continue
		}
		_, here := japanese[id]
		if in := strings.Contains(japanese[""], "](#"+id+")"); in != here {
			out = append(out, fmt.Sprintf("the contents and the sections disagree on whether #%s is in Japanese", id))
		}
		if there := strings.Contains(japanese[""], "]("+page+"#"+id+")"); there == here {
			out = append(out, fmt.Sprintf("the contents lead to #%s in neither language, or in both", id))
		}
	}
	slices.Sort(out)
	return out
}

// sections cuts a page at the headings that id names; what stands before the first has "".
// all counts the headings.
func sections(page string, id func(line, before string) string) (out map[string]string, all int) {
	out = map[string]string{}
	at, before, code := "", "", false
	for line := range strings.Lines(page) {
		bare := strings.TrimSuffix(line, "\n")
		if strings.HasPrefix(bare, "```") {
			code = !code
		}
		if !code && strings.HasPrefix(bare, "## ") {
			all++
		}
		if is := id(bare, before); is != "" && !code {
			at = is
		}
		if !strings.HasPrefix(bare, anchor) {
			out[at] += line
		}
		if bare != "" {
			before = bare
		}
	}
	return out, all
}

// heads reports whether a page has a heading, or an anchor, of that address.
func heads(page, at string) bool {
	if strings.Contains(page, anchor+at+`"></a>`) {
		return true
	}
	for line := range strings.Lines(page) {
		if title, ok := strings.CutPrefix(strings.TrimLeft(line, "#"), " "); ok && strings.HasPrefix(line, "#") && slug(strings.TrimSpace(title)) == at {
			return true
		}
	}
	return false
}

// slug is the address that a heading has.
func slug(title string) string {
	return strings.ReplaceAll(regexp.MustCompile(`[^\p{L}\p{N} _-]`).ReplaceAllString(strings.ToLower(title), ""), " ", "-")
}

// parts are what an expression finds. A page in Japanese leads to pages in Japanese, whose
// headings are, and its commands may ask for the language.
func parts(find *regexp.Regexp, s string) (out []string) {
	for _, m := range find.FindAllStringSubmatch(s, -1) {
		x := quoted.ReplaceAllString(strings.Join(strings.Fields(strings.Join(m[1:], "")), " "), `""`)
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

// So would the check of a page that is in Japanese in part.
func TestPartsThatDifferAreNoticed(t *testing.T) {
	en := "# How\n\n- [One thing](#one-thing)\n- [Two, more](#two-more)\n\n## One thing\n\n`muster up`\n\n```\n## no heading\n```\n\n## Two, more\n\ntext\n"
	head := "# 方法\n\n- [一](#one-thing)\n- [二](how.md#two-more)\n\n"
	one := "<a id=\"one-thing\"></a>\n\n## 一\n\n`muster up`\n\n```\n## 違う\n```\n"
	for ja, want := range map[string]string{
		head + one: "",
		head + strings.Replace(one, "`muster up`", "muster", 1):              "#one-thing: the command muster up is in English only",
		head + strings.ReplaceAll(one, "```\n", ""):                          "#one-thing: 0 fences of code, in English 2",
		head + strings.Replace(one, "one-thing", "one", 1):                   "the English page has no section #one",
		head + one + "\n## 三\n":                                              "2 headings of sections, 1 of them",
		strings.Replace(head, "how.md#two", "#two", 1) + one:                 "disagree on whether #two-more",
		strings.Replace(head, "- [二](how.md#two-more)\n", "", 1) + one:       "lead to #two-more in neither",
		strings.Replace(head, "(#one-thing)", "(how.md#one-thing)", 1) + one: "lead to #one-thing in neither language, or in both",
	} {
		got := strings.Join(partsApart("how.md", en, ja), "; ")
		if want == "" && got != "" || !strings.Contains(got, want) {
			t.Errorf("%s: %q, want %q", ja, got, want)
		}
	}
}
