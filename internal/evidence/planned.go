package evidence

import (
	"encoding/json"
	"fmt"
	"slices"

	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/run"
)

// laterParts says what the bundle shows of parts that it does not hold. An entry that speaks of one
// shows that it was taken out. Without any, nothing shows whether there is one: an entry can be
// left out like a part, and the log's other entries are other runs' affairs.
func (v *verification) laterParts(entries map[uint64]Entry) {
	last := 0
	for _, e := range entries {
		if e.Run == v.Run {
			last = max(last, e.Part)
		}
	}
	for part := v.Parts + 1; part <= min(last, v.Parts+mostFindings); part++ {
		v.take(Dir(part) + FileManifest)
	}
	v.LaterParts = LaterNotShown
	if last > v.Parts {
		v.LaterParts = LaterMissing
		return
	}
	parts, ja := "part 1", "第 1 部"
	if v.Parts > 1 {
		parts, ja = fmt.Sprintf("parts 1 to %d", v.Parts), fmt.Sprintf("第 1〜%d 部", v.Parts)
	}
	v.note("It shows %[1]s of %[3]s. Whether more was sealed later, and is not in it, this bundle does not show: where it came from, `muster evidence list %[3]s` says it.", "このバンドルが示すのは %[3]s の%[2]sです。後から封印され、ここに含まれない部の有無は、このバンドルからは分かりません。書き出し元の `muster evidence list %[3]s` で確認してください。", parts, ja, v.Run)
}

// planned finds out whether the record is one that has a plan. Its events say so, not only its
// manifest: who seals could leave out the plan, and with it all that is computed again.
func (v *verification) planned(m *Manifest, events []run.Event) {
	v.Computed = ComputedFigures
	if run.Endless(m.Run) {
		if !slices.ContainsFunc(events, func(e run.Event) bool { return e.Kind == run.RunStarted }) {
			v.Computed = ComputedNone
		}
		return
	}
	for _, e := range events {
		if e.Kind != run.RunStarted {
			continue
		}
		var s run.Started
		if err := e.Decode(&s); err != nil {
			return
		}
		if s.Kind != m.Kind {
			v.found(Finding{Code: CodeManifest, File: FileManifest, Sealed: string(m.Kind), Found: string(s.Kind)}, "%s: it calls the run a %s; its events say that it is a %s.", "%s: 実施の種類が %s と書かれていますが、イベントでは %s です。", FileManifest, m.Kind, s.Kind)
		}
		if s.PlanHash != m.PlanHash {
			v.found(Finding{Code: CodePlan, File: FileManifest, Sealed: m.PlanHash, Found: s.PlanHash}, "%s: it names the plan %.12s; the events say that the run used %.12s.", "%s: 計画 %.12s と書かれていますが、イベントでは %.12s が使われています。", FileManifest, m.PlanHash, s.PlanHash)
		}
		if s.Kind == run.Occasion {
			v.Computed = ComputedNone
		}
		return
	}
}

// plan reads the frozen plan and makes sure that it is the one that the run used.
func (v *verification) plan(m *Manifest) *plan.Plan {
	if v.Computed == ComputedNone {
		return nil
	}
	if !slices.ContainsFunc(m.Files, func(f File) bool { return f.Path == FilePlan }) {
		v.found(Finding{Code: CodeMissing, File: FilePlan}, "%s was not sealed: without the plan nothing of the report can be computed again.", "%s が封印されていません。計画がないため、報告書を再計算できません。", FilePlan)
		return nil
	}
	b, ok := v.files[FilePlan]
	if !ok {
		return nil // said already
	}
	p := new(plan.Plan)
	if err := json.Unmarshal(b, p); err != nil {
		v.found(Finding{Code: CodePlan, File: FilePlan}, "%s: it can't be read: %v.", "%s: 読み取れません: %v。", FilePlan, err)
		return nil
	}
	if !p.Intact() || p.Hash != m.PlanHash {
		v.found(Finding{Code: CodePlan, File: FilePlan, Sealed: m.PlanHash, Found: p.Hash}, "%s: it is not the plan that the run used: its content does not match the hash %.12s.", "%s: 実施に使われた計画ではありません。内容がハッシュ %.12s と一致しません。", FilePlan, m.PlanHash)
		return nil
	}
	return p
}
