package intake

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/muster-dr/muster/internal/nearest"
)

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
