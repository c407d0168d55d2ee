package evidence

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/report"
	"github.com/muster-dr/muster/internal/run"
)

// report makes the report of a part again from plan and the events up to it, and compares every
// value of what was sealed of it. Without a plan (p is nil) there must be none.
func (v *verification) report(p *plan.Plan, events []run.Event, m *Manifest) {
	v.Figures, v.Systems = 0, []System{} // of the newest part
	has := map[string]bool{}
	for _, f := range m.Files {
		has[f.Path] = true
	}
	reported := has[FileReport] || has[FileHTML] || has[FileRecord]
	if p == nil {
		if v.Computed == ComputedNone && (reported || has[FilePlan]) {
			v.found(Finding{Code: CodeReport, File: Dir(m.Part) + FileManifest}, "%s: this record has no plan, and a plan or report was sealed with it all the same.", "%s: 計画のない記録に、計画または報告書が封印されています。", Dir(m.Part)+FileManifest)
		}
		return
	}
	r, again, err := made(*p, events)
	switch {
	case !reported && m.NoReport != "" && err == nil && m.Muster == v.opts.Version:
		v.found(Finding{Code: CodeReport, File: Dir(m.Part) + FileManifest}, "%s: it says that no report could be made (%s); one can be made from plan and events.", "%s: 報告書を作成できなかったとありますが（%s）、計画とイベントから作成できます。", Dir(m.Part)+FileManifest, m.NoReport)
		return
	case !reported && m.NoReport != "":
		v.Computed = ComputedNot
		v.note("Part %d was sealed without a report, because none could be made of it: %s. Its figures were not computed again.", "第 %d 部は報告書を作成できないまま封印されました（%s）。数値の再計算はしていません。", m.Part, m.NoReport)
		return
	case err != nil:
		v.found(Finding{Code: CodeReport, File: Dir(m.Part) + FileEvents}, "No report can be made from the plan and the events: %v.", "計画とイベントから報告書を作成できません: %v。", err)
		return
	}
	for _, s := range r.Systems {
		rlo := run.NoObjective
		for _, st := range s.RLO.Stages {
			rlo = run.Worst(rlo, st.Verdict)
		}
		v.Systems = append(v.Systems, System{ID: s.ID, RTO: string(s.RTO.Verdict), RPO: string(s.RPO.Verdict), RLO: string(rlo)})
	}
	for _, f := range []string{FileReport, FileHTML, FileRecord} {
		// What another version made of a run may be less, but never no report.
		if name := Dir(m.Part) + f; !has[f] && (f != FileRecord || m.Muster == v.opts.Version) {
			v.found(Finding{Code: CodeMissing, File: name}, "%s was not sealed: nothing of it can be held against plan and events.", "%s が封印されていません。計画とイベントとの照合ができません。", name)
		}
	}
	c := v.values(FileReport, again, m, true)
	if c == nil {
		return
	}
	var record bytes.Buffer
	if err := report.WriteRecordAs(formatOf(v.files[Dir(m.Part)+FileRecord]), &record, *p, r); err == nil {
		v.values(FileRecord, record.Bytes(), m, false)
	}
	if !c.follows {
		v.page(m, r)
	}
}

// formatOf is the format of a sealed record; one that can't be read is told by whoever compares it.
func formatOf(record []byte) string {
	var r struct {
		Format string `json:"format"`
	}
	_ = json.Unmarshal(record, &r)
	return cmp.Or(r.Format, report.RecordFormat)
}

// values compares a sealed file's values with those that were made again. count: its figures are
// those that are told of.
func (v *verification) values(file string, again []byte, m *Manifest, count bool) *comparison {
	name := Dir(m.Part) + file
	sealed, ok := v.files[name]
	if !ok {
		return nil
	}
	was, err := values(sealed)
	if err != nil {
		v.found(Finding{Code: CodeFile, File: name}, "%s: it can't be read: %v.", "%s: 読み取れません: %v。", name, err)
		return nil
	}
	is, err := values(again)
	if err != nil {
		v.found(Finding{Code: CodeReport, File: name}, "The report can't be read: %v.", "報告書を読み取れません: %v。", err)
		return nil
	}
	c := &comparison{v: v, file: name, same: m.Muster == v.opts.Version, follows: !v.bad[name] && v.eventsWrong(), count: count}
	c.compare("", "", was, is)
	if c.others > 0 {
		v.note("%s is as it was sealed; %d more of its values do not follow from the events as they are in the bundle.", "%s は封印時のままですが、バンドル内のイベントから導かれない値がほかに %d 件あります。", name, c.others)
	}
	if c.worded > 0 {
		v.note("%s: %d sentences are worded otherwise than by %s; they are as they were sealed.", "%s: %d 件の文の表現が %s のものと異なります。封印時のままです。", name, c.worded, v.opts.Version)
	}
	if c.differs && !c.same {
		v.note("It was sealed by muster %s and checked with %s: a difference in the report may be one between versions; check with %[1]s to be sure.", "封印は muster %s、検証は %s によるものです。報告書の差異は版の違いの可能性があるため、%[1]s でも検証してください。", m.Muster, v.opts.Version)
	}
	return c
}

// made makes the report. The bundle comes from anywhere: whatever its events do to the report's
// arithmetic is a finding and no crash.
func made(p plan.Plan, events []run.Event) (r report.Report, b []byte, err error) {
	defer func() {
		if x := recover(); x != nil {
			err = fmt.Errorf("what the events say can't be (%v)", x)
		}
	}()
	if r, err = report.Build(p, events); err != nil {
		return r, nil, err
	}
	var out bytes.Buffer
	err = report.Render(&out, r, report.JSON, "")
	return r, out.Bytes(), err
}

// eventsWrong reports whether events were found to be altered: what the report says then
// differs of itself.
func (v *verification) eventsWrong() bool {
	return slices.ContainsFunc(v.Findings, func(f Finding) bool {
		return slices.Contains([]Code{CodeEvent, CodeNoEvent, CodeOrder, CodeTwice}, f.Code)
	})
}

// page compares the sealed HTML with one made again, where the same version made it.
func (v *verification) page(m *Manifest, r report.Report) {
	name := Dir(m.Part) + FileHTML
	sealed, ok := v.files[name]
	if !ok || v.bad[name] {
		return
	}
	if m.Muster != v.opts.Version {
		v.Page = PageNotCompared
		v.note("%s was made by muster %s; it is as it was sealed, and was not made again by %s.", "%s は muster %s が作成したものです。封印時のままですが、%s での再作成による照合はしていません。", name, m.Muster, v.opts.Version)
		return
	}
	if v.Page == "" { // one part that was not compared is not made good by another
		v.Page = PageCompared
	}
	var again bytes.Buffer
	if err := report.Render(&again, r, report.HTML, ""); err != nil || !bytes.Equal(again.Bytes(), sealed) {
		v.found(Finding{Code: CodeFigure, File: name}, "%s: it does not say what follows from plan and events.", "%s: 計画とイベントから作られる内容と異なります。", name)
	}
}

func values(b []byte) (any, error) {
	d := json.NewDecoder(bytes.NewReader(b))
	d.UseNumber()
	var out any
	err := d.Decode(&out)
	return out, err
}

type comparison struct {
	v       *verification
	file    string
	same    bool // version
	differs bool
	// follows: the events are altered and the report is not, so that its differences only say
	// so again. Those of figures are told, the others counted.
	follows bool
	others  int
	count   bool
	worded  int // of values in words that another version words otherwise
}

// words are fields of sentences, which another version may word otherwise. Like the page they are as they were sealed.
var words = []string{"title", "title_ja", "detail", "detail_ja", "en", "ja"}

// figures are what must be in the report of whichever version.
var figures = []string{"rto", "rpo", "rlo", "verdict", "actual_s", "objective_s", "lost_markers", "stages", "level", "within_s"}

// compare walks both reports. What only the new one has is no difference when another version
// made the sealed one, unless it is a figure.
func (c *comparison) compare(system, path string, was, is any) {
	switch w := was.(type) {
	case map[string]any:
		n, ok := is.(map[string]any)
		if !ok {
			break
		}
		for _, k := range slices.Sorted(maps.Keys(w)) {
			if _, there := n[k]; !there {
				c.tell(system, join(path, k), w[k], nil)
				continue
			}
			c.compare(system, join(path, k), w[k], n[k])
		}
		for _, k := range slices.Sorted(maps.Keys(n)) {
			if _, there := w[k]; !there && (c.same || system != "" && slices.Contains(figures, k)) {
				c.tell(system, join(path, k), nil, n[k])
			}
		}
		return
	case []any:
		n, ok := is.([]any)
		if !ok || len(n) != len(w) {
			break
		}
		for i := range w {
			if path == "systems" {
				id, at := named(n[i]), ""
				if id == "" {
					at = fmt.Sprintf("systems[%d]", i)
				}
				c.compare(id, at, w[i], n[i])
				continue
			}
			c.compare(system, fmt.Sprintf("%s[%d]", path, i), w[i], n[i])
		}
		return
	default:
		if c.count && system != "" && isFigure(path) {
			c.v.Figures++
		}
		if was == is {
			return
		}
		_, said := is.(string)
		if _, was := was.(string); !c.same && was && said && slices.Contains(words, path[strings.LastIndexByte(path, '.')+1:]) {
			c.worded++
			return
		}
	}
	c.tell(system, path, was, is)
}

// isFigure reports whether a path is part of an RTO, RPO or RLO.
func isFigure(path string) bool {
	return strings.HasPrefix(path, "rto.") || strings.HasPrefix(path, "rpo.") || strings.HasPrefix(path, "rlo.")
}

func named(v any) string {
	m, _ := v.(map[string]any)
	id, _ := m["id"].(string)
	return id
}

func join(path, key string) string {
	if path == "" {
		return key
	}
	return path + "." + key
}

func (c *comparison) tell(system, path string, was, is any) {
	c.differs = true
	if c.follows && (system == "" || !isFigure(path)) {
		c.others++
		return
	}
	f := Finding{Code: CodeFigure, File: c.file, System: system, Figure: path, Sealed: shown(was), Found: shown(is)}
	where, whereJA := path, path
	if system != "" {
		where, whereJA = path+" of "+system, system+" の "+path
	}
	c.v.found(f, "%[1]s: %[2]s says %[4]s; plan and events give %[5]s.", "%[1]s: %[3]s は %[4]s とありますが、計画とイベントからは %[5]s になります。", c.file, where, whereJA, f.Sealed, f.Found)
}

// shown is a value of a report in a sentence.
func shown(v any) string {
	if v == nil {
		return "null"
	}
	b, err := json.Marshal(v)
	if err != nil {
		return fmt.Sprint(v)
	}
	if s := string(b); len(s) <= 80 {
		return s
	}
	return string(b[:77]) + "..."
}
