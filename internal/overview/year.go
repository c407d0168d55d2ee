package overview

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/muster-dr/muster/internal/estate"
	"github.com/muster-dr/muster/internal/finding"
	"github.com/muster-dr/muster/internal/outcome"
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/programme"
	"github.com/muster-dr/muster/internal/proof"
	"github.com/muster-dr/muster/internal/run"
	"github.com/muster-dr/muster/internal/sheet"
)

// Facts is what the pages of a year are made of.
type Facts struct {
	Frame
	From, Until time.Time // the fiscal year; Until is left out itself
	Estate      *estate.Estate
	Outcomes    []outcome.Outcome // that ended in it
	Findings    []finding.Finding // all, as they stand; of a year that is over, as they stood at its end
	Planned     []programme.Item  // of the year's plan
	Programme   string            // "" where there is none
	Proven      []proof.System    // as of now; of a year that is over, as of its end and by age alone
	Blind       map[string]bool   // runs of blind drills
}

// past reports whether the year is over.
func (f Facts) past() bool { return !f.At.Before(f.Until) }

// ofToday says what of a page about a year that is over is not of that year.
func (f Facts) ofToday() []plan.Text {
	if !f.past() {
		return nil
	}
	return []plan.Text{sheet.Say("The year is over. Runs, findings and the age of proofs are as of %s. As of today are: the rows of the plan, systems, targets, measures and residual risks; whether anything had changed since a proof was not kept, so proofs are judged by their age alone.",
		"終了した年度です。実施・指摘事項・立証の経過日数は%s時点です。訓練計画の項目、システム、目標、対策、残存リスクは本日現在の内容です。立証後の変更の有無は当時の記録がないため、立証は経過日数のみで判定しています。", f.day(f.Until.Add(-time.Second)))}
}

func (f Facts) within(t time.Time) bool { return !t.Before(f.From) && t.Before(f.Until) }

// Year is the yearly report.
type Year struct {
	Frame
	From       string       `json:"from"`
	To         string       `json:"to"` // the last day
	Fiscal     int          `json:"fiscal"`
	Programme  string       `json:"programme,omitempty"`
	Planned    []Planned    `json:"planned"`
	Counts     Counts       `json:"counts"`
	Systems    []YearSystem `json:"systems"`
	Quarters   []Quarter    `json:"quarters"`
	Findings   []Standing   `json:"findings"` // open at the end, and what changed in the year
	Residual   []Measure    `json:"residual_risks"`
	Candidates []Standing   `json:"candidate_measures"` // findings without a measure (requirement D-PRE-07)
	Over       bool         `json:"over"`               // the year: Remarks say what is nevertheless as of today
	Remarks    []plan.Text  `json:"remarks,omitempty"`
}

// Counts are the year in figures.
type Counts struct {
	Planned       int `json:"planned"`
	Held          int `json:"held"`
	HeldLate      int `json:"held_late"` // of those held
	Overdue       int `json:"overdue"`
	Runs          int `json:"runs"`
	Real          int `json:"real_events"`
	Met           int `json:"met"`
	Missed        int `json:"missed"`
	NotProven     int `json:"not_proven"`
	Systems       int `json:"systems"`
	SystemsProven int `json:"systems_rto_proven"`
	// SystemsSimulated are those whose RTO is proven with simulated people or steps only: no real ones.
	SystemsSimulated int `json:"systems_rto_simulated,omitempty"`
	NeedProof        int `json:"need_proof"`
	FindingsOpened   int `json:"findings_opened"`
	FindingsClosed   int `json:"findings_closed"`
	FindingsOpen     int `json:"findings_open"`
	FindingsLate     int `json:"findings_overdue"`
	FindingsWaived   int `json:"findings_waived"`
}

// Planned is a drill of the plan.
type Planned struct {
	Row    string           `json:"row"`
	Number string           `json:"number,omitempty"`
	Title  plan.Text        `json:"title"`
	Due    string           `json:"due"`
	Status programme.Status `json:"status"`
	HeldOn string           `json:"held_on,omitempty"`
	Late   bool             `json:"late,omitempty"`
	Run    string           `json:"run,omitempty"`
	Why    []plan.Text      `json:"why,omitempty"`
}

// YearSystem is a system's year.
type YearSystem struct {
	System   string           `json:"system"`
	Title    plan.Text        `json:"title,omitzero"`
	Priority string           `json:"priority,omitempty"`
	Runs     int              `json:"runs"`
	Met      int              `json:"met"`
	Missed   int              `json:"missed"`
	Open     int              `json:"not_proven"`
	RTOS     *float64         `json:"rto_objective_s"`
	Times    []YearTimes      `json:"times"`
	Proofs   []proof.Property `json:"proofs"`
}

// YearTimes is how long a system took in the runs of one class.
type YearTimes struct {
	Class
	Times  int      `json:"count"`
	P50S   *float64 `json:"rto_p50_s"`
	WorstS *float64 `json:"rto_worst_s"`
	LastS  *float64 `json:"rto_last_s"`
	took   []float64
}

// Standing is a finding as it stands.
type Standing struct {
	ID     string        `json:"id"`
	Title  plan.Text     `json:"title"`
	System string        `json:"system,omitempty"`
	State  finding.State `json:"state"`
	Owner  string        `json:"owner,omitempty"`
	Due    string        `json:"due,omitempty"`
	Late   bool          `json:"overdue,omitempty"`
	Opened string        `json:"opened"`
	Closed string        `json:"closed,omitempty"`
	Again  int           `json:"reopened,omitempty"`
}

// MakeYear makes the yearly report.
func MakeYear(f Facts) Year {
	y := Year{Frame: f.Frame, From: f.day(f.From), To: f.day(f.Until.Add(-time.Second)), Fiscal: f.From.In(f.zone()).Year(), Programme: f.Programme,
		Planned: []Planned{}, Systems: []YearSystem{}, Quarters: []Quarter{}, Findings: []Standing{}, Residual: []Measure{}, Candidates: []Standing{}, Over: f.past(), Remarks: f.ofToday()}
	for _, i := range f.Planned {
		one := Planned{Row: i.Row, Number: i.Number, Title: i.Title, Due: f.day(i.From), Status: i.Status, Run: i.Run, Late: i.Late, Why: i.Why}
		if !i.HeldOn.IsZero() {
			one.HeldOn = f.day(i.HeldOn)
		}
		y.Planned = append(y.Planned, one)
		y.Counts.Planned++
		switch i.Status {
		case programme.HeldThen:
			y.Counts.Held++
			if i.Late {
				y.Counts.HeldLate++
			}
		case programme.Overdue:
			y.Counts.Overdue++
		}
	}
	for _, o := range f.Outcomes {
		if !o.Whole() {
			continue
		}
		y.Counts.Runs++
		if o.Kind == run.Response {
			y.Counts.Real++
		}
		if !o.Ran() {
			continue
		}
		switch o.Verdict {
		case run.Met:
			y.Counts.Met++
		case run.Missed:
			y.Counts.Missed++
		case run.NotProven:
			y.Counts.NotProven++
		case run.NoObjective:
		}
	}
	t := MakeTrend(f.Frame, "", "", f.Outcomes, f.Blind)
	y.Quarters = t.Quarters
	y.systems(f, t.Runs)
	for _, x := range f.Findings {
		y.finding(f, x)
	}
	slices.SortStableFunc(y.Findings, func(a, b Standing) int {
		return cmp.Or(cmp.Compare(rank(a), rank(b)), cmp.Compare(cmp.Or(a.Due, "9"), cmp.Or(b.Due, "9")))
	})
	var from []string
	if f.Estate != nil {
		for _, m := range measuresOf(f.Estate) {
			from = append(from, m.Finding)
			if m.Residual != (plan.Text{}) {
				y.Residual = append(y.Residual, m)
			}
		}
	}
	for _, s := range y.Findings {
		if s.State == finding.Open && !slices.Contains(from, s.ID) {
			y.Candidates = append(y.Candidates, s)
		}
	}
	return y
}

func rank(s Standing) int {
	switch {
	case s.Late:
		return 0
	case s.State == finding.Open:
		return 1
	case s.State == finding.Waived:
		return 2
	}
	return 3
}

func (y *Year) systems(f Facts, runs []TrendRun) {
	at := map[string]*YearSystem{}
	of := func(id string) *YearSystem {
		if at[id] == nil {
			y.Systems = append(y.Systems, YearSystem{})
			at[id] = &YearSystem{System: id, Times: []YearTimes{}, Proofs: []proof.Property{}}
		}
		return at[id]
	}
	var order []string
	for _, p := range f.Proven {
		s := of(p.System)
		order = append(order, p.System)
		s.Title, s.Priority, s.Proofs = p.Title, p.Priority, p.Properties
		y.Counts.Systems++
		for _, x := range p.Properties {
			if x.State.Needs() {
				y.Counts.NeedProof++
			}
			if x.Property == outcome.RTO && x.Real() {
				y.Counts.SystemsProven++
			} else if x.Property == outcome.RTO && x.State == proof.Fresh {
				y.Counts.SystemsSimulated++
			}
		}
	}
	for _, r := range runs {
		if at[r.System] == nil {
			order = append(order, r.System)
		}
		s := of(r.System)
		s.Runs++
		switch r.Verdict {
		case run.Met:
			s.Met++
		case run.Missed:
			s.Missed++
		case run.NotProven:
			s.Open++
		case run.NoObjective:
		}
		s.RTOS = cmp.Or(r.RTOObjectiveS, s.RTOS)
		if r.RTOS != nil {
			i := slices.IndexFunc(s.Times, func(t YearTimes) bool { return t.Class == r.Class })
			if i < 0 {
				i, s.Times = len(s.Times), append(s.Times, YearTimes{Class: r.Class})
			}
			x := &s.Times[i]
			x.Times, x.LastS, x.took = x.Times+1, r.RTOS, append(x.took, *r.RTOS)
			if x.WorstS == nil || *r.RTOS > *x.WorstS {
				x.WorstS = r.RTOS
			}
		}
	}
	for i, id := range order {
		for n := range at[id].Times {
			x := &at[id].Times[n]
			x.P50S, _ = p50p95(x.took)
		}
		y.Systems[i] = *at[id]
	}
}

func (y *Year) finding(f Facts, x finding.Finding) {
	if len(x.History) > 0 && !x.History[0].At.Before(f.Until) {
		return // nobody knew of it then
	}
	opened, closed := 0, 0
	for _, h := range x.History {
		if !f.within(h.At) {
			continue
		}
		switch h.What {
		case finding.WasOpened, finding.WasReopened:
			opened++
		case finding.WasClosed, finding.WasConfirmed:
			closed++
		}
	}
	y.Counts.FindingsOpened += opened
	y.Counts.FindingsClosed += closed
	switch x.State {
	case finding.Open:
		y.Counts.FindingsOpen++
	case finding.Waived:
		y.Counts.FindingsWaived++
	case finding.Closed:
	}
	if x.Overdue {
		y.Counts.FindingsLate++
	}
	if x.State == finding.Closed && closed == 0 {
		return
	}
	s := Standing{ID: x.ID, Title: x.Title, System: x.System, State: x.State, Owner: x.Owner, Due: x.Due, Late: x.Overdue, Opened: f.day(x.OpenedAt), Again: x.Reopened}
	if x.ClosedAt != nil {
		s.Closed = f.day(*x.ClosedAt)
	}
	y.Findings = append(y.Findings, s)
}

var statuses = map[programme.Status]plan.Text{
	programme.Planned: sheet.Say("planned", "予定"), programme.Waiting: sheet.Say("postponed", "延期"), programme.UnderWay: sheet.Say("under way", "実施中"), programme.HeldThen: sheet.Say("held", "実施済み"),
	programme.Overdue: sheet.Say("overdue", "未実施（期限超過）"), programme.Arriving: sheet.Say("due", "対象者あり"),
}

var standings = map[finding.State]plan.Text{finding.Open: sheet.Say("open", "未了"), finding.Waived: sheet.Say("waived", "容認"), finding.Closed: sheet.Say("closed", "解消")}

// Verdict of a year: met when everything planned was held and nothing is overdue.
func (y Year) verdict() run.Verdict {
	c := y.Counts
	switch {
	case c.Overdue > 0 || c.Missed > 0 || c.FindingsLate > 0:
		return run.Missed
	case c.NeedProof > 0 || c.SystemsSimulated > 0 || c.Planned == 0 || c.Held < c.Planned || c.NotProven > 0:
		return run.NotProven
	}
	return run.Met
}

// Sheet sets it in words.
func (y Year) Sheet() sheet.Sheet {
	c := y.Counts
	d := y.sheet(fmt.Sprintf("year-%d", y.Fiscal), sheet.Say("Yearly report, fiscal %d", "%d年度 年次報告", y.Fiscal))
	d.Facts = append(d.Facts, sheet.Say("%s to %s", "%s 〜 %s", y.From, y.To))
	d.Verdict = y.verdict()
	d.Remarks = append(d.Remarks, y.Remarks...)
	d.Sentence = sheet.Say("%d of %d planned drills were held, %d are overdue; the RTO of %d of %d systems is proven; %d findings were closed, %d are open.",
		"計画した訓練%[2]d件のうち%[1]d件を実施（期限超過%[3]d件）。RTOは%[5]dシステム中%[4]dシステムで立証済み。指摘事項は%[6]d件を解消、%[7]d件が未了。", c.Held, c.Planned, c.Overdue, c.SystemsProven, c.Systems, c.FindingsClosed, c.FindingsOpen)
	if c.SystemsSimulated > 0 {
		d.Remarks = append(d.Remarks, sheet.Say("Of %d more systems the RTO was met with simulated people or steps only; they are not counted as proven.", "ほかに%dシステムは要員またはステップが模擬の訓練でのみRTOを達成しており、立証済みに数えていません。", c.SystemsSimulated))
	}
	if y.Programme == "" {
		d.Remarks = append(d.Remarks, sheet.Say("There is no programme (kind: Programme), so nothing says what should have been held.", "訓練計画（kind: Programme）がないため、実施予定との対比はできません。"))
	}
	if c.Real > 0 {
		d.Remarks = append(d.Remarks, sheet.Say("Real events: %d.", "実際の事象：%d件。", c.Real))
	}
	verdict := func(bad, unsure bool) run.Verdict {
		switch {
		case bad:
			return run.Missed
		case unsure:
			return run.NotProven
		}
		return run.Met
	}
	d.Tiles = []sheet.Tiles{{Tiles: []sheet.Tile{
		{Name: sheet.Say("Drills", "訓練"), Term: sheet.Say("held of planned", "実施／計画"), Measured: sheet.Plain(fmt.Sprintf("%d / %d", c.Held, c.Planned)), Target: sheet.Say("overdue %d", "期限超過 %d件", c.Overdue), Verdict: verdict(c.Overdue > 0, c.Held < c.Planned || c.Planned == 0)},
		{Name: sheet.Say("Systems", "システム"), Term: sheet.Say("RTO proven", "RTO立証済み"), Measured: provenOf(c), Target: sheet.Say("runs met %d, missed %d, not proven %d", "実施の判定：達成%d・未達%d・未立証%d", c.Met, c.Missed, c.NotProven), Verdict: verdict(c.Missed > 0, c.NeedProof > 0 || c.SystemsSimulated > 0)},
		{Name: sheet.Say("Findings", "指摘事項"), Term: sheet.Say("open", "未了"), Measured: sheet.Plain(fmt.Sprint(c.FindingsOpen)), Target: sheet.Say("opened %d, closed %d, overdue %d, waived %d", "発生%d・解消%d・期限超過%d・容認%d", c.FindingsOpened, c.FindingsClosed, c.FindingsLate, c.FindingsWaived), Verdict: verdict(c.FindingsLate > 0, c.FindingsOpen > 0)},
	}}}
	for _, s := range y.Findings[:min(3, len(y.Findings))] {
		if s.State == finding.Open {
			d.Brief = append(d.Brief, plan.Text{EN: s.ID + " " + s.Title.EN + " — " + cmp.Or(s.Owner, "no owner") + ", " + cmp.Or(s.Due, "no date"), JA: s.ID + " " + s.Title.JA + "（" + cmp.Or(s.Owner, "担当未定") + "・" + cmp.Or(s.Due, "期限未定") + "）"})
		}
	}
	quarter := Trend{Frame: y.Frame, Quarters: y.Quarters}.quarterSection()
	d.Sections = []sheet.Section{y.plannedSection(), y.systemSection(), quarter, y.findingSection(), y.residualSection(), triggers(y)}
	return d
}

func (y Year) plannedSection() sheet.Section {
	t := sheet.Table{Brief: true, Head: []plan.Text{sheet.Say("No.", "番号"), sheet.Say("Drill", "訓練"), sheet.Say("Due", "予定"), sheet.Say("Status", "状況"), sheet.Say("Held", "実施日"), sheet.Say("Run", "実施"), sheet.Say("Why", "理由")}}
	for _, p := range y.Planned {
		why := plan.Text{}
		for _, w := range p.Why {
			if why != (plan.Text{}) {
				why = plan.Text{EN: why.EN + "; ", JA: why.JA + "／"}
			}
			why = plan.Text{EN: why.EN + w.EN, JA: why.JA + w.In("ja")}
		}
		status := sheet.Tell(statuses[p.Status])
		switch p.Status {
		case programme.Overdue:
			status.Class = string(run.Missed)
		case programme.HeldThen:
			status.Class = string(run.Met)
			if p.Late {
				status = sheet.Tell(sheet.Say("held late", "遅れて実施"))
				status.Class = string(run.NotProven)
			}
		}
		t.Rows = append(t.Rows, []sheet.Cell{word(p.Number), {Text: titleOf(p.Title, p.Row)}, sheet.Time(sheet.Plain(p.Due)), status, sheet.Time(sheet.Plain(p.HeldOn)), word(p.Run), {Text: why}})
	}
	return sheet.Section{ID: "planned", Title: sheet.Say("Planned and held", "計画と実施"), Tables: []sheet.Table{t.Compact()}}
}

func (y Year) systemSection() sheet.Section {
	t := sheet.Table{Brief: true, Head: []plan.Text{sheet.Say("System", "システム"), sheet.Say("Band", "優先度"), sheet.Say("Runs", "実施"), sheet.Say("Met", "達成"), sheet.Say("Missed", "未達"), sheet.Say("Not proven", "未立証"), sheet.Say("RTO target", "RTO目標")}}
	times := sheet.Table{Brief: true, Caption: sheet.Say("RTO: only runs of the same kind together", "RTOの実績（種別ごと）"), Head: []plan.Text{sheet.Say("System", "システム"), sheet.Say("Kind", "種別"), sheet.Say("Times", "回数"), sheet.Say("RTO target", "RTO目標"),
		sheet.Plain("p50"), sheet.Say("Worst", "最長"), sheet.Say("Last", "最新")}}
	p := sheet.Table{Caption: sheet.Say("What is proven, and what has to be again", "立証の状況"), Head: []plan.Text{sheet.Say("System", "システム"), sheet.Plain("RTO"), sheet.Plain("RPO"), sheet.Plain("RLO"), sheet.Say("Restore", "復元"), sheet.Say("Failback", "切戻し")}}
	for _, s := range y.Systems {
		t.Rows = append(t.Rows, []sheet.Cell{{Text: titleOf(s.Title, s.System)}, word(s.Priority), count(s.Runs), count(s.Met), count(s.Missed), count(s.Open), span(s.RTOS)})
		for _, x := range s.Times {
			times.Rows = append(times.Rows, []sheet.Cell{{Text: titleOf(s.Title, s.System)}, {Text: x.text()}, count(x.Times), span(s.RTOS), span(x.P50S), span(x.WorstS), span(x.LastS)})
		}
		row := []sheet.Cell{{Text: titleOf(s.Title, s.System)}}
		for _, want := range outcome.Properties() {
			c := sheet.Cell{Text: sheet.Dash}
			for _, x := range s.Proofs {
				if x.Property == want {
					c = sheet.Cell{Text: states[x.State], Class: string(stateVerdict(x.State))}
					if x.At != nil {
						c.Text = sheet.Say("%s %s", "%s %s", both(c.Text), y.day(*x.At))
					}
					if x.MissedAt != nil {
						c.Text = sheet.Say("missed %s", "未達 %s", y.day(*x.MissedAt))
					}
					if len(x.Simulated) > 0 {
						c.Text = sheet.Say("%s (%s)", "%s（%s）", both(c.Text), both(proof.SimulatedText(x.Simulated)))
						if x.State == proof.Fresh { // counted in no figure of what is proven
							c.Class = string(run.NotProven)
						}
					}
				}
			}
			row = append(row, c)
		}
		p.Rows = append(p.Rows, row)
	}
	return sheet.Section{ID: "systems", Title: sheet.Say("Attainment per system", "システム別の達成状況"), Tables: []sheet.Table{t, times, p}}
}

// provenOf says of how many systems the RTO is proven; what was only simulated stands beside it.
func provenOf(c Counts) plan.Text {
	if c.SystemsSimulated > 0 {
		return sheet.Say("%d / %d (simulated: %d)", "%d / %d（模擬：%d）", c.SystemsProven, c.Systems, c.SystemsSimulated)
	}
	return sheet.Plain(fmt.Sprintf("%d / %d", c.SystemsProven, c.Systems))
}

func stateVerdict(s proof.State) run.Verdict {
	switch s {
	case proof.Fresh:
		return run.Met
	case proof.Expired, proof.Missed:
		return run.Missed
	case proof.NotSet:
		return run.NoObjective
	case proof.Changed, proof.Never:
	}
	return run.NotProven
}

// listedFindings bounds the table; CSV and JSON of the findings have them all.
const listedFindings = 200

func (y Year) findingSection() sheet.Section {
	s := sheet.Section{ID: "findings", Title: sheet.Say("Findings", "指摘事項")}
	t := sheet.Table{Brief: true, Head: []plan.Text{sheet.Say("No.", "番号"), sheet.Say("Finding", "内容"), sheet.Say("System", "システム"), sheet.Say("State", "状態"), sheet.Say("Owner", "担当"), sheet.Say("Due", "期限"), sheet.Say("Opened", "発生"), sheet.Say("Closed", "解消"), sheet.Say("Came back", "再発")}}
	for _, x := range y.Findings[:min(listedFindings, len(y.Findings))] {
		state := sheet.Tell(standings[x.State])
		if x.Late {
			state = sheet.Cell{Text: sheet.Say("overdue", "期限超過"), Class: string(run.Missed)}
		}
		again := plan.Text{}
		if x.Again > 0 {
			again = sheet.Plain(fmt.Sprint(x.Again))
		}
		t.Rows = append(t.Rows, []sheet.Cell{word(x.ID), {Text: x.Title}, word(x.System), state, word(x.Owner), sheet.Time(sheet.Plain(x.Due)), sheet.Time(sheet.Plain(x.Opened)), sheet.Time(sheet.Plain(x.Closed)), sheet.Number(again)})
	}
	if n := len(y.Findings) - listedFindings; n > 0 {
		s.Lead = append(s.Lead, sheet.Say("%d more: muster findings list.", "ほか%d件：muster findings list で表示。", n))
	}
	s.Tables = []sheet.Table{t.Compact()}
	return s
}

func (y Year) residualSection() sheet.Section {
	s := sheet.Section{ID: "residual", Title: sheet.Say("Residual risks", "残存リスク")}
	if len(y.Residual) == 0 {
		s.Lead = []plan.Text{sheet.Say("The estate names none.", "構成台帳に記載なし。")}
		return s
	}
	t := sheet.Table{Brief: true, Head: []plan.Text{sheet.Say("System", "システム"), sheet.Say("Measure", "対策"), sheet.Say("Residual risk", "残存リスク")}}
	for _, m := range y.Residual {
		t.Rows = append(t.Rows, []sheet.Cell{word(m.System), {Text: m.Title}, {Text: m.Residual}})
	}
	s.Tables = []sheet.Table{t}
	return s
}

// triggers says what happened in the year that asks for a revision of the plan (requirement D.3).
func triggers(y Year) sheet.Section {
	t := sheet.Table{Brief: true, Head: []plan.Text{sheet.Say("Trigger", "契機"), sheet.Say("In this year", "本年度の該当"), sheet.Say("What must follow", "必要な対応")}}
	row := func(what plan.Text, n int, then plan.Text) {
		if n > 0 {
			t.Rows = append(t.Rows, []sheet.Cell{{Text: what}, count(n), {Text: then}})
		}
	}
	row(sheet.Say("a drill was held", "訓練の実施"), y.Counts.Held+max(0, y.Counts.Runs-y.Counts.Real-y.Counts.Held), sheet.Say("solve findings as they arise; what takes long goes into the measures", "指摘事項をその都度解決し、時間を要するものは事前対策計画に反映"))
	row(sheet.Say("a covered event happened, or nearly", "対象事象（ニアミスを含む）の発生"), y.Counts.Real, sheet.Say("post-event report and revision", "事後報告の作成と計画の見直し"))
	row(sheet.Say("objective missed", "目標の未達"), y.Counts.Missed, sheet.Say("review targets and measures", "目標と対策の見直し"))
	row(sheet.Say("findings without a measure", "対策のない指摘事項"), len(y.Candidates), sheet.Say("decide a measure with component and level, or waive by name", "構成要素・レベルを付けて対策化するか、氏名を付して容認"))
	row(sheet.Say("yearly review", "年次見直し"), 1, sheet.Say("muster report review: the 14 questions", "muster report review の14項目に回答"))
	return sheet.Section{ID: "triggers", Title: sheet.Say("What asks for a revision of the plan", "計画を見直す契機"), Tables: []sheet.Table{t}}
}
