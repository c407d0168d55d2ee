package intake

import (
	"regexp"
	"strings"

	"golang.org/x/text/unicode/norm"
)

// item is one step as the text has it.
type item struct {
	row      string // where it stands, for people
	number   string
	group    string
	step     string
	detail   []string
	role     string
	duration string
	verify   string
	needs    string
	undo     string
	notes    string
	unit     string // the head of the duration's column
}

var (
	listed   = regexp.MustCompile(`^(\s*)(?:(\d{1,4}(?:[.-]\d{1,3})*)[.)、．]\s*|[(（](\d{1,4})[)）]\s*|([①-⑳])\s*|([-*+・●○■□◆◇])\s+|([・●■□])\s*)(\[[ xX]\]\s*)?(.+)$`)
	heading  = regexp.MustCompile(`^(#{1,6})\s+(.+?)\s*#*$`)
	ruled    = regexp.MustCompile(`^\s*\|?\s*:?-{2,}:?\s*(\|\s*:?-{2,}:?\s*)*\|?\s*$`)
	numbered = regexp.MustCompile(`^(?:no\.?|step|手順)?\(?\d{1,4}(?:[.\-_]\d{1,3})*\)?[.)、]?$`)
	labelled = regexp.MustCompile(`^([^:：]{1,16})[:：]\s*(.+)$`)
	aside    = regexp.MustCompile(`[（(]([^（）()]{1,60})[）)]`)
)

// readMarkdown reads a text: lists become steps, with headings as their groups; tables become sheets.
func readMarkdown(text string) (list []item, sheets []Sheet) {
	group, fenced := "", false
	var path []string
	lines := strings.Split(strings.NewReplacer("\r\n", "\n", "\r", "\n").Replace(text), "\n")
	if len(lines) > 0 && strings.TrimSpace(lines[0]) == "---" { // front matter
		for i := 1; i < len(lines); i++ {
			if strings.TrimSpace(lines[i]) == "---" {
				for j := range lines[:i+1] {
					lines[j] = ""
				}
				break
			}
		}
	}
	top := 0
	for i := 0; i < len(lines); i++ {
		raw := strings.ReplaceAll(strings.ReplaceAll(lines[i], "\t", "    "), "\u3000", "  ")
		line := clean(lines[i])
		switch trimmed := strings.TrimSpace(raw); {
		case strings.HasPrefix(trimmed, "```") || strings.HasPrefix(trimmed, "~~~"):
			fenced = !fenced
			continue
		case fenced:
			if len(list) > 0 && line != "" {
				list[len(list)-1].detail = append(list[len(list)-1].detail, line)
			}
			continue
		case strings.Contains(trimmed, "|") && i+1 < len(lines) && ruled.MatchString(lines[i+1]) && strings.Contains(lines[i+1], "-"):
			s := Sheet{Name: group}
			if s.Name == "" {
				s.Name = "table"
			}
			for ; i < len(lines) && strings.Contains(lines[i], "|") && len(s.Rows) < maxRows; i++ {
				if !ruled.MatchString(lines[i]) {
					s.Rows, s.Lines = append(s.Rows, fields(lines[i])), append(s.Lines, i+1)
				}
			}
			i--
			sheets = append(sheets, s)
			continue
		}
		if m := heading.FindStringSubmatch(line); m != nil {
			depth := len(m[1])
			path = append(path[:min(len(path), depth-1)], m[2])
			group = m[2]
			continue
		}
		if m := listed.FindStringSubmatch(raw); m != nil && len(list) < maxSteps+1 {
			text := clean(plainText(m[7+1]))
			if text == "" {
				continue
			}
			indent := len(m[1])
			number := m[2]
			if number == "" {
				number = m[3]
			}
			if m[4] != "" {
				number = norm.NFKC.String(m[4])
			}
			if len(list) == 0 || group != list[len(list)-1].group {
				top = indent
			}
			if indent >= top+2 && len(list) > 0 { // belongs to the step above it
				list[len(list)-1].say(text)
				continue
			}
			top = min(top, indent)
			it := item{row: lineAt(i + 1), number: number, group: group, step: text}
			list = append(list, it.apart())
			continue
		}
		if len(list) > 0 && line != "" && strings.HasPrefix(raw, "  ") { // goes on with the step
			list[len(list)-1].say(plainText(line))
		}
	}
	return list, sheets
}

// say takes a line below a step: a labelled one is a field, any other its detail.
func (it *item) say(line string) {
	if m := labelled.FindStringSubmatch(line); m != nil {
		for _, f := range []struct {
			col string
			to  *string
		}{{ColRole, &it.role}, {ColDuration, &it.duration}, {ColVerify, &it.verify}, {ColNeeds, &it.needs}, {ColUndo, &it.undo}, {ColNotes, &it.notes}} {
			if fits(m[1], f.col) == 2 {
				if *f.to != "" {
					*f.to += "\n"
				}
				*f.to += m[2]
				return
			}
		}
	}
	it.detail = append(it.detail, line)
}

// apart takes what stands in brackets behind a step: （担当：運用班、10分）.
func (it item) apart() item {
	for _, m := range aside.FindAllStringSubmatch(it.step, -1) {
		used := true
		for _, part := range strings.FieldsFunc(m[1], func(r rune) bool { return strings.ContainsRune("、,，/／;；", r) }) {
			part = strings.TrimSpace(part)
			if l := labelled.FindStringSubmatch(part); l != nil && fits(l[1], ColRole) == 2 {
				it.role = l[2]
			} else if l != nil && fits(l[1], ColDuration) == 2 {
				it.duration = l[2]
			} else if _, _, ok := parseDuration(part, 0); ok && !plain.MatchString(norm.NFKC.String(part)) {
				it.duration = part
			} else {
				used = false
			}
		}
		if used {
			it.step = strings.TrimSpace(strings.Replace(it.step, m[0], "", 1))
		}
	}
	return it
}

var links = regexp.MustCompile(`\[([^\]]*)\]\(([^)]*)\)`)

// plainText is Markdown without its marks.
func plainText(s string) string {
	s = links.ReplaceAllString(s, "$1 <$2>")
	return strings.NewReplacer("**", "", "__", "", "`", "", "<br>", "\n", "<br/>", "\n", "<br />", "\n", "\\|", "|").Replace(s)
}

// fields are the cells of a table's row; \| is no border.
func fields(line string) []Cell {
	const bar = "\x00"
	s := strings.TrimSpace(strings.ReplaceAll(line, `\|`, bar))
	s = strings.TrimSuffix(strings.TrimPrefix(s, "|"), "|")
	var out []Cell
	for _, f := range strings.Split(s, "|") {
		if len(out) < maxColumns {
			out = append(out, Cell{Text: clean(plainText(strings.ReplaceAll(f, bar, "|")))})
		}
	}
	return out
}
