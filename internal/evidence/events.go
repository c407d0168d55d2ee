package evidence

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/muster-dr/muster/internal/run"
)

// events reads the events of a part and holds each against the sums that were sealed, so
// that what was altered, taken out, put in or moved is named.
func (v *verification) events(m *Manifest) []run.Event {
	dir := Dir(m.Part)
	b, ok := v.files[dir+FileEvents]
	if !ok {
		return nil
	}
	name, trusted := dir+FileEvents, !v.bad[dir+FileSums]
	sums := readSums(v.files[dir+FileSums])
	place := map[string]int{} // in the sums, by writer/number
	for i, s := range sums {
		place[s.event] = i
	}
	lines := bytes.Split(bytes.TrimSuffix(b, []byte("\n")), []byte("\n"))
	events, wrong, there := make([]run.Event, len(lines)), make([]error, len(lines)), map[string]bool{}
	for n, line := range lines {
		wrong[n] = json.Unmarshal(line, &events[n])
		there[idOf(events[n])] = true
	}
	var out []run.Event
	seen, next, moved := map[string]bool{}, 0, false
	for n, line := range lines {
		e, id := events[n], idOf(events[n])
		if err := wrong[n]; err != nil {
			id = ""
			if trusted && n < len(sums) {
				id = sums[n].event
			}
			v.found(Finding{Code: CodeEvent, File: name, Line: n + 1, Event: id}, "%s, line %d: event %s was altered and can't be read: %v.", "%s %d行目: イベント %s が改変され、読み取れません: %v。", name, n+1, id, err)
			seen[id] = true
			next = n + 1
			continue
		}
		if e.Run != m.Run {
			v.found(Finding{Code: CodeEvent, File: name, Line: n + 1, Event: id}, "%s, line %d: event %s is of run %s.", "%s %d行目: イベント %s は %s のものです。", name, n+1, id, e.Run)
			continue
		}
		at, sealed := place[id]
		switch {
		case seen[id]:
			v.found(Finding{Code: CodeTwice, File: name, Line: n + 1, Event: id}, "%s, line %d: event %s is there twice.", "%s %d行目: イベント %s が重複しています。", name, n+1, id)
			continue
		case !trusted:
		case !sealed && n < len(sums) && !there[sums[n].event]:
			v.found(Finding{Code: CodeEvent, File: name, Line: n + 1, Event: sums[n].event}, "%s, line %d: event %s was altered: it calls itself %s.", "%s %d行目: イベント %s が改変されています（%s と名乗っています）。", name, n+1, sums[n].event, id)
			seen[sums[n].event] = true
		case !sealed:
			v.found(Finding{Code: CodeEvent, File: name, Line: n + 1, Event: id}, "%s, line %d: event %s was put in: it was not sealed.", "%s %d行目: 封印されていないイベント %s が加えられています。", name, n+1, id)
		case sums[at].sum != Sum(line)[:head]:
			v.found(Finding{Code: CodeEvent, File: name, Line: n + 1, Event: id}, "%s, line %d: event %s was altered.", "%s %d行目: イベント %s が改変されています。", name, n+1, id)
		case at < next && !moved:
			moved = true // one that moved puts all that follow out of place: it is told once
			v.found(Finding{Code: CodeOrder, File: name, Line: n + 1, Event: id}, "%s, line %d: event %s stands after %s; it was sealed before it.", "%s %d行目: イベント %s が %s より後にあります（封印時は前）。", name, n+1, id, sums[next-1].event)
		}
		seen[id] = true
		if sealed {
			next = max(next, at+1)
		}
		out = append(out, e)
	}
	if trusted {
		for i, s := range sums {
			if !seen[s.event] {
				v.found(Finding{Code: CodeNoEvent, File: name, Line: i + 1, Event: s.event}, "%s: event %s is missing; it was line %d.", "%s: イベント %s がありません（封印時は %d行目）。", name, s.event, i+1)
			}
		}
	}
	if v.bad[name] && !v.told(name) {
		v.found(Finding{Code: CodeFile, File: name}, "%s: it is not what was sealed.", "%s: 封印時の内容と異なります。", name)
	}
	return out
}

// idOf names an event.
func idOf(e run.Event) string { return fmt.Sprintf("%s/%d", e.Writer, e.Seq) }

// told reports whether something was found in a file already.
func (v *verification) told(file string) bool {
	for _, f := range v.Findings {
		if f.File == file {
			return true
		}
	}
	return false
}

type sumLine struct{ sum, event string }

func readSums(b []byte) []sumLine {
	var out []sumLine
	for line := range strings.Lines(string(b)) {
		sum, event, ok := strings.Cut(strings.TrimSuffix(line, "\n"), " ")
		if ok {
			out = append(out, sumLine{sum, event})
		}
	}
	return out
}

// sequence looks for numbers that are missing, besides those that were when it was sealed.
// It needs no sums, so whoever made new ones is found all the same.
func (v *verification) sequence(events []run.Event, known map[string]bool) {
	absent := 0
	for _, g := range Gaps(events) {
		if known[g] {
			absent++
			continue
		}
		if !v.names(g) {
			v.found(Finding{Code: CodeNoEvent, File: FileEvents, Event: g}, "%s: event %s is missing: its writer's later numbers are there.", "%s: イベント %s がありません。同じ書き手の後の番号は存在します。", FileEvents, g)
		}
	}
	if absent > 0 {
		v.note("%d event(s) were missing in the record already when it was sealed.", "イベント %d 件は封印時点で既に欠けていました。", absent)
	}
}

func (v *verification) names(event string) bool {
	for _, f := range v.Findings {
		if f.Event == event {
			return true
		}
	}
	return false
}
