package intake

import (
	"fmt"
	"regexp"
	"strings"
	"time"

	"golang.org/x/text/unicode/norm"

	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/yamldoc"
)

// Step is one step of the draft.
type Step struct {
	ID     string        `json:"id"`
	Row    string        `json:"row"`
	Group  string        `json:"group,omitempty"`
	Title  string        `json:"title"`
	Text   string        `json:"text"`
	Role   string        `json:"role"`
	Needs  []string      `json:"needs,omitempty"` // nil: the step before
	Budget time.Duration `json:"budget,omitempty"`
	// Chances are actions that could take the step's place, with what was found in it.
	Chances []Chance `json:"could_become,omitempty"`
}

// Draft is a runbook of people's steps, with what is missing.
type Draft struct {
	Name   string `json:"name"`
	Title  string `json:"title"`
	System string `json:"system"`
	From   string `json:"from"`
	Steps  []Step `json:"steps"`
	Gaps   []Gap  `json:"gaps"`
	Kept   []Kept `json:"kept,omitempty"` // columns that were not understood
}

// Ask is what is known besides the file.
type Ask struct {
	Name, Title, System string
	Sheet               string            // "" where there is one only
	Columns             map[string]string // kind to letter or head; "-" is none
	Roles               map[string]plan.Text
	People              []plan.Person
	As                  string            // role of steps without one
	RoleFor             map[string]string // what the file says, to a role
	// Actions are those that there are, so that nothing else is proposed.
	Actions []string
}

// Make makes a draft of a document; an *Unsure asks.
func Make(d Document, ask Ask) (Draft, error) {
	out := Draft{Name: ask.Name, Title: ask.Title, System: ask.System, From: d.File}
	list, gaps, kept, err := d.items(ask)
	if err != nil {
		return out, err
	}
	out.Gaps, out.Kept = gaps, kept
	if len(list) == 0 {
		return out, plan.Wrong("%s: no step was found below the heads", "%s: 見出しの下に手順が見つかりません", d.File)
	}
	if len(list) > maxSteps {
		return out, plan.Wrong("%s has more than %d steps; split it into several runbooks", "%s は %d ステップを超えています。複数の手順書に分けてください", d.File, maxSteps)
	}
	m := maker{ask: ask, draft: &out, byNumber: map[string]string{}, ids: map[string]bool{}, roles: map[string]string{}}
	for i, it := range list {
		m.step(i, it)
	}
	for i, it := range list {
		m.needs(i, it)
	}
	m.order(list)
	return out, nil
}

type maker struct {
	ask      Ask
	draft    *Draft
	byNumber map[string]string // a number, folded, to the step's ID; "" is several
	ids      map[string]bool
	roles    map[string]string // what the file says, to a role, as found
}

func (m *maker) gap(s *Step, kind, en, ja string, args ...any) {
	m.draft.Gaps = append(m.draft.Gaps, Gap{Step: s.ID, Row: s.Row, Kind: kind, Text: plan.Say(en, ja, args...)})
}

// titleLimit is how much of a step's first line is its title.
const titleLimit = 80

func (m *maker) step(i int, it item) {
	whole := it.step
	title, rest, _ := strings.Cut(whole, "\n")
	title = strings.TrimSpace(title)
	if r := []rune(title); len(r) > titleLimit {
		title, rest = string(r[:titleLimit])+"…", whole
	}
	s := Step{Row: it.row, Group: it.group, Title: title}
	s.ID = m.id(i, it, title)
	if n := number(it.number); n != "" {
		key := it.group + "\x00" + n // numbers may begin anew with every heading
		if _, twice := m.byNumber[key]; twice {
			m.byNumber[key] = ""
			m.gap(&s, GapOrder, "number %s stands at several steps", "番号 %s が複数のステップにある", it.number)
		} else {
			m.byNumber[key] = s.ID
		}
	}
	var parts []string
	add := func(label, text string) {
		if text = strings.TrimSpace(text); text != "" {
			if label != "" {
				text = label + ": " + text
			}
			parts = append(parts, text)
		}
	}
	add("", title)
	add("", rest)
	for _, d := range it.detail {
		add("", d)
	}
	ja := inJapanese(whole + strings.Join(it.detail, "") + m.draft.Title)
	label := func(en, nihongo string) string {
		if ja {
			return nihongo
		}
		return en
	}
	if refs, words := references(it.needs); words && len(refs) == 0 {
		add(label("Before it", "前提"), it.needs)
	}
	add(label("Verify", "確認"), it.verify)
	add(label("If it goes wrong", "戻し手順"), it.undo)
	add(label("Notes", "備考"), it.notes)
	s.Text = strings.Join(parts, "\n")
	if strings.Contains(s.Text, "${{") {
		s.Text = strings.ReplaceAll(s.Text, "${{", "$ {{")
		m.gap(&s, GapText, "${{ is muster's own sign and was set apart", "${{ は muster の記法のため、空白を入れた")
	}
	s.Title = strings.ReplaceAll(s.Title, "${{", "$ {{")
	m.role(&s, it.role)
	if d, note, ok := parseDuration(it.duration, unitOf(it.unit)); ok {
		s.Budget = d
		if note.EN != "" {
			m.gap(&s, GapDuration, "%s", "%s", note)
		}
	} else if t := strings.TrimSpace(it.duration); t != "" && !nothing[strings.ToLower(norm.NFKC.String(t))] {
		m.gap(&s, GapDuration, "%q is no duration that can be read; give it as budget: 10m", "%q は所要時間として読み取れない。budget: 10m のように記入する", t)
	} else {
		m.gap(&s, GapDuration, "no duration; give it as budget: 10m", "所要時間がない。budget: 10m のように記入する")
	}
	if it.verify == "" {
		m.gap(&s, GapVerify, "nothing says how one sees that it is done", "完了をどう確認するかの記載がない")
	}
	all := s.Text
	if changes(all) && it.undo == "" {
		m.gap(&s, GapUndo, "it changes something, and nothing says how that is undone", "変更を伴うが、戻し方の記載がない")
	}
	if conditional(all) {
		m.gap(&s, GapCondition, "it holds a condition: consider two steps with if:, or a human.confirm", "条件分岐が含まれる。if: を付けた別ステップ、または human.confirm への分割を検討する")
	}
	s.Chances = chances(all, m.ask.Actions)
	for _, c := range s.Chances {
		m.gap(&s, GapAutomate, "%s could do it (found: %s)", "%s で自動化できる可能性がある（記載: %s）", c.Action, c.Found)
	}
	m.draft.Steps = append(m.draft.Steps, s)
}

var slugged = regexp.MustCompile(`[^a-z0-9]+`)

// id is a name from an English title, else from the number; always another.
func (m *maker) id(i int, it item, title string) string {
	base := fmt.Sprintf("step-%02d", i+1)
	if n := strings.Trim(slugged.ReplaceAllString(number(it.number), "-"), "-"); n != "" {
		base = "step-" + n
	}
	if !inJapanese(title) {
		slug := strings.Trim(slugged.ReplaceAllString(strings.ToLower(title), "-"), "-")
		if len(slug) > 40 {
			slug = strings.Trim(slug[:40], "-")
		}
		if yamldoc.IsName(slug) {
			base = slug
		}
	}
	if !yamldoc.IsName(base) {
		base = fmt.Sprintf("step-%02d", i+1)
	}
	out := base
	for n := 2; m.ids[out]; n++ {
		out = fmt.Sprintf("%s-%d", base, n)
	}
	m.ids[out] = true
	return out
}

func short(s string) string {
	s = strings.ReplaceAll(s, "\n", " ")
	if r := []rune(s); len(r) > 60 {
		return string(r[:60]) + "…"
	}
	return s
}

// japanese reports whether a text is.
func inJapanese(s string) bool {
	return strings.ContainsFunc(s, func(r rune) bool { return r >= 0x3040 && r <= 0x30ff || r >= 0x4e00 && r <= 0x9fff })
}
