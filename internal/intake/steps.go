package intake

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"golang.org/x/text/unicode/norm"

	"github.com/muster-dr/muster/internal/nearest"
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
	list, gaps, err := d.items(ask)
	if err != nil {
		return out, err
	}
	out.Gaps = gaps
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

// items are the document's steps, from its list or the sheet that holds a procedure.
func (d Document) items(ask Ask) ([]item, []Gap, error) {
	var procedures []Sheet
	for _, s := range d.Sheets {
		if _, ok := s.headerRow(); ok && ask.Sheet == "" || ask.Sheet == s.Name {
			procedures = append(procedures, s)
		}
	}
	list := Candidate{Value: "list", Label: fmt.Sprintf("%d", len(d.List))}
	switch {
	case ask.Sheet == list.Value && len(d.List) > 0, ask.Sheet == "" && len(procedures) == 0 && len(d.List) > 0:
		return d.List, nil, nil
	case ask.Sheet != "" && len(procedures) == 0:
		return nil, nil, plan.Wrong("%s has no sheet %q with anything in it; it has: %s", "%s に、内容のあるシート %q がありません。あるもの: %s", d.File, ask.Sheet, strings.Join(names(d.Sheets), ", "))
	case len(procedures) == 0 && len(d.Sheets) == 1:
		procedures = d.Sheets
	case len(procedures) > 1 && ask.Sheet == "", len(procedures) == 0, len(d.List) > 3 && len(procedures) > 0 && ask.Sheet == "":
		u := &Unsure{What: "sheet"}
		from := procedures
		if len(from) == 0 {
			from = d.Sheets
		}
		for _, s := range from {
			u.Candidates = append(u.Candidates, Candidate{Value: s.Name, Label: fmt.Sprint(len(s.Rows))})
		}
		if len(d.List) > 0 {
			u.Candidates = append(u.Candidates, list)
		}
		return nil, nil, u
	}
	var out []item
	var gaps []Gap
	for _, s := range procedures {
		l, err := lay(s, ask.Columns)
		if err != nil {
			return nil, nil, err
		}
		more, g := s.items(l)
		out, gaps = append(out, more...), append(gaps, g...)
	}
	return out, gaps, nil
}

func names(sheets []Sheet) []string {
	var out []string
	for _, s := range sheets {
		out = append(out, s.Name)
	}
	return out
}

// lineAt is a line of a text, the same in every language.
func lineAt(n int) string { return fmt.Sprintf("L%d", n) }

// items reads the rows below the heads.
func (s Sheet) items(l layout) (out []item, gaps []Gap) {
	group := ""
	heads := []Cell{}
	if l.header >= 0 {
		heads = s.Rows[l.header]
	}
	used := map[int]bool{}
	for _, c := range l.at {
		used[c] = true
	}
	for i := l.header + 1; i < len(s.Rows); i++ {
		row := s.Rows[i]
		where := fmt.Sprintf("%s!%d", s.Name, i+1)
		if i < len(s.Lines) {
			where = lineAt(s.Lines[i])
		}
		// What a merged cell covers is said once for steps, and for every row of anything else.
		get := func(col string, covered bool) string {
			at, ok := l.at[col]
			if !ok || at >= len(row) || row[at].Covered && !covered {
				return ""
			}
			return row[at].Text
		}
		if title, ok := alone(row, l); ok {
			group = title
			continue
		}
		if l.header >= 0 && i > l.header && headed(row) >= 2 && headed(row) >= headed(heads) {
			continue // the heads again, on a new page
		}
		if g := get(ColGroup, true); g != "" {
			group = strings.ReplaceAll(g, "\n", " ")
		}
		it := item{row: where, group: group, number: get(ColNumber, false), step: get(ColStep, false), role: get(ColRole, true), duration: get(ColDuration, false),
			verify: get(ColVerify, false), needs: get(ColNeeds, false), undo: get(ColUndo, false), notes: get(ColNotes, false)}
		if at, ok := l.at[ColDuration]; ok && at < len(heads) {
			it.unit = heads[at].Text
		}
		if d := get(ColDetail, false); d != "" {
			it.detail = append(it.detail, d)
		}
		for c, f := range row {
			if !used[c] && !f.Covered && f.Text != "" && c < len(heads) && heads[c].Text != "" && !heads[c].Covered && !ticked(heads[c].Text) {
				it.detail = append(it.detail, strings.ReplaceAll(heads[c].Text, "\n", "")+": "+f.Text)
			}
		}
		if it.step == "" {
			if len(out) == 0 || len(it.detail) == 0 && it.verify == "" && it.notes == "" && it.undo == "" {
				if it.number != "" && (len(it.detail) > 0 || it.role != "") {
					gaps = append(gaps, Gap{Row: where, Kind: GapText, Text: plan.Say("the row has a number and no step; it was left out", "番号はあるが手順の記載がないため、取り込んでいません")})
				}
				continue
			}
			last := &out[len(out)-1] // goes on with the step above
			last.detail = append(last.detail, it.detail...)
			last.verify, last.notes, last.undo = join(last.verify, it.verify), join(last.notes, it.notes), join(last.undo, it.undo)
			continue
		}
		out = append(out, it)
	}
	return out, gaps
}

// ticked: columns that are filled while the procedure is carried out.
func ticked(head string) bool {
	h := unitless(head)
	for _, w := range []string{"チェック", "済", "完了", "実績", "開始時刻", "終了時刻", "開始", "終了", "確認者", "印", "捺印", "結果", "done", "check", "checked", "actual", "start", "end", "result", "signature", "sign"} {
		if h == w || strings.HasPrefix(h, "実績") {
			return true
		}
	}
	return false
}

// alone is a row with one text that spans several columns: a heading inside the table.
func alone(row []Cell, l layout) (string, bool) {
	text, wide := "", 0
	for _, c := range row {
		if c.Text == "" || c.Covered && c.Text == text {
			continue
		}
		if text != "" || c.Covered {
			return "", false
		}
		text, wide = c.Text, c.Wide
	}
	return strings.ReplaceAll(text, "\n", " "), text != "" && wide >= 3
}

func join(a, b string) string {
	if a == "" || b == "" {
		return a + b
	}
	return a + "\n" + b
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

// number is a step's number as references write it: No.１－２ is 1-2.
func number(s string) string {
	s = strings.NewReplacer("no.", "", "no", "", "step", "", "手順", "", "№", "", "(", "", ")", "", "、", "", "ー", "-", "－", "-", "_", "-").Replace(fold(s))
	return strings.Trim(s, ".-")
}

var referred = regexp.MustCompile(`\d{1,4}(?:[.\-_]\d{1,3})*`)

// references are the numbers that a prerequisite names; words says that it is more than numbers.
func references(needs string) (refs []string, words bool) {
	s := fold(needs)
	if s == "" || nothing[s] {
		return nil, false
	}
	rest := referred.ReplaceAllString(s, "")
	rest = strings.NewReplacer("手順", "", "step", "", "no.", "", "no", "", "項番", "", "完了後", "", "の後", "", "完了", "", "後", "", "および", "", "及び", "", "と", "", "and", "", "after", "", ",", "", "、", "", "・", "", "/", "", "&", "", "#", "", "~", "", "-", "", "(", "", ")", "", ";", "", "が", "", "。", "").Replace(rest)
	if rest != "" {
		return nil, true
	}
	return referred.FindAllString(s, -1), false
}

// needs resolves what a step waits for; without any it waits for the one before.
func (m *maker) needs(i int, it item) {
	s := &m.draft.Steps[i]
	refs, words := references(it.needs)
	if words {
		m.gap(s, GapNeeds, "the prerequisite is in words and stands in the text: %q", "前提が文章のため、本文に残した: %q", short(it.needs))
		return
	}
	var out []string
	for _, r := range refs {
		switch id, ok := m.numbered(it.group, number(r)); {
		case !ok:
			m.gap(s, GapNeeds, "it names step %s, which is not there", "参照先の手順 %s がない", r)
		case id == "":
			m.gap(s, GapNeeds, "it names step %s, of which there are several", "参照先の手順 %s が複数ある", r)
		case id == s.ID:
			m.gap(s, GapNeeds, "it names itself", "自分自身を参照している")
		case slices.IndexFunc(m.draft.Steps, func(o Step) bool { return o.ID == id }) > i:
			m.gap(s, GapOrder, "it waits for %s, which comes later; left out, since steps must not wait for each other", "後の手順 %s を前提としている。循環を避けるため取り込んでいない", r)
		case !slices.Contains(out, id):
			out = append(out, id)
		}
	}
	s.Needs = out
}

// numbered is the step of a number: in the same group, else in the only one that has it.
func (m *maker) numbered(group, n string) (id string, ok bool) {
	if id, ok := m.byNumber[group+"\x00"+n]; ok {
		return id, true
	}
	for key, found := range m.byNumber {
		if strings.HasSuffix(key, "\x00"+n) {
			if ok {
				return "", true
			}
			id, ok = found, true
		}
	}
	return id, ok
}

var parallel = regexp.MustCompile(`並行|並列|同時に|同時並行|in parallel|at the same time|concurrently`)

// order looks for numbers that don't rise, and for steps that are said to go on beside each other.
func (m *maker) order(list []item) {
	last := 0
	for i, it := range list {
		s := &m.draft.Steps[i]
		var n int
		if head, _, _ := strings.Cut(number(it.number), "-"); head != "" {
			_, _ = fmt.Sscanf(head, "%d", &n)
		}
		if i > 0 && n > 0 && n < last && list[i-1].group == it.group {
			m.gap(s, GapOrder, "number %s comes after a higher one; the order of the rows was kept", "番号 %s が前の番号より小さい。行の順序を採用した", it.number)
		}
		if n > 0 {
			last = n
		}
		if parallel.MatchString(s.Text) {
			m.gap(s, GapOrder, "it is said to go on beside others; say which with needs", "並行作業の記載がある。needs で前後関係を明示する")
		}
	}
}

// role finds the estate's role for what the file says.
func (m *maker) role(s *Step, said string) {
	said = strings.TrimSpace(strings.ReplaceAll(said, "\n", " "))
	if said == "" {
		s.Role = m.standIn()
		m.gap(s, GapRole, "no role; %s stands in", "担当の記載がない。仮に %s とした", s.Role)
		return
	}
	if role, ok := m.roles[said]; ok && role != "" {
		s.Role = role
		return
	}
	if role := m.ask.roleOf(said); role != "" {
		m.roles[said], s.Role = role, role
		return
	}
	s.Role = m.standIn()
	s.Text += "\n" + map[bool]string{true: "担当: ", false: "By: "}[inJapanese(s.Text+said)] + said
	var known []string
	for name, t := range m.ask.Roles {
		known = append(known, name, t.EN, t.JA)
	}
	slices.Sort(known)
	if near := nearest.Word(said, slices.DeleteFunc(known, func(k string) bool { return k == "" })); near != "" {
		m.gap(s, GapRole, "%q is no role of the estate; did you mean %q? --role '%s=ROLE' says it; %s stands in", "%q は台帳の役割にない。%q の間違いでは？ --role '%s=役割' で指定できる。仮に %s とした", said, near, said, s.Role)
		return
	}
	m.gap(s, GapRole, "%q is no role of the estate; --role '%s=ROLE' says which it is; %s stands in", "%q は台帳の役割にない。--role '%s=役割' で対応付けできる。仮に %s とした", said, said, s.Role)
}

// roleOf is the role that a text names: by its name, what people call it, or one of its holders.
func (a Ask) roleOf(said string) string {
	if r, ok := a.RoleFor[said]; ok {
		return r
	}
	f := fold(said)
	var list []string
	for name := range a.Roles {
		list = append(list, name)
	}
	slices.Sort(list)
	for _, name := range list {
		t := a.Roles[name]
		if f == fold(name) || f == fold(t.EN) || f == fold(t.JA) {
			return name
		}
	}
	found := ""
	for _, name := range list { // 運用担当（夜間）, 災害対策本部 事務局
		for _, word := range []string{name, a.Roles[name].EN, a.Roles[name].JA} {
			if w := fold(word); len([]rune(w)) >= 2 && strings.Contains(f, w) {
				if found != "" && found != name {
					return ""
				}
				found = name
			}
		}
	}
	if found != "" {
		return found
	}
	for _, p := range a.People {
		for _, name := range []string{p.ID, p.Name.EN, p.Name.JA} {
			if n := fold(name); n != "" && strings.TrimSuffix(strings.TrimSuffix(f, "様"), "さん") == n && len(p.Roles) > 0 {
				return p.Roles[0]
			}
		}
	}
	return ""
}

// standIn is the role of steps that name none: as said, else the one that most people hold.
func (m *maker) standIn() string {
	if m.ask.As != "" {
		return m.ask.As
	}
	best, most := "", -1
	var list []string
	for name := range m.ask.Roles {
		list = append(list, name)
	}
	slices.Sort(list)
	for _, name := range list {
		n := 0
		for _, p := range m.ask.People {
			if slices.Contains(p.Roles, name) {
				n++
			}
		}
		if n > most {
			best, most = name, n
		}
	}
	return best
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
