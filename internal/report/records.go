package report

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/run"
)

// Situation is a situation report as it was sent (requirement B-STP-11).
type Situation struct {
	At time.Time `json:"at"`
	By string    `json:"by"`
	run.Situation
	// IntervalS is the time since the one before; null for the first.
	IntervalS *float64 `json:"interval_s"`
	// Told are those of Parties of whom somebody entered that they were told, before the next
	// report. A party has no channel of the run's: whoever is not here got nothing that is known.
	Told []string `json:"told,omitempty"`
}

// Notice is what was told to somebody outside, or an instruction that came in.
type Notice struct {
	At        time.Time  `json:"at"`
	EnteredAt *time.Time `json:"entered_at,omitempty"`
	By        string     `json:"by"`
	Text      string     `json:"text"`
	run.Notice
}

// Completion is how the systems stood when completion was reported (requirement B-STP-12).
type Completion struct {
	At time.Time `json:"at"`
	By string    `json:"by"`
	run.Completed
	// VerifiedS is the time from the end of the verification to the report.
	VerifiedS *float64 `json:"after_verification_s"`
}

// Record is a person who took part, and what they said was hard (requirement B-STP-13).
type Record struct {
	Person   string     `json:"person"`
	Asked    bool       `json:"asked"`
	SignedAt *time.Time `json:"signed_at"` // null: nothing was handed in, or more was to come
	Remarks  []Remark   `json:"remarks"`
}

// Remark is what was hard.
type Remark struct {
	At    time.Time `json:"at"`
	About string    `json:"about,omitempty"` // a phase or a step
	Text  string    `json:"text"`            // "" is that nothing was
	By    string    `json:"by"`              // who entered it
}

func (f *facts) handedInBy(person string) *Record {
	i := slices.IndexFunc(f.forms.records, func(r Record) bool { return r.Person == person })
	if i < 0 {
		i = len(f.forms.records)
		f.forms.records = append(f.forms.records, Record{Person: person, Remarks: []Remark{}})
	}
	return &f.forms.records[i]
}

// recorded reads an event about what was told and what was handed in.
func (f *facts) recorded(e run.Event) error {
	forms, at := &f.forms, e.When()
	switch e.Kind {
	case run.SituationReported:
		s := Situation{At: e.At, By: e.By}
		if err := decode(e, &s.Situation); err != nil {
			return err
		}
		if n := len(forms.situations); n > 0 {
			s.IntervalS = seconds(e.At.Sub(forms.situations[n-1].At))
		}
		forms.situations = append(forms.situations, s)
	case run.NoticeKept:
		n := Notice{At: at, EnteredAt: enteredAt(e), By: e.By, Text: e.Reason}
		if err := decode(e, &n.Notice); err != nil {
			return err
		}
		forms.notices = append(forms.notices, n)
		if i := len(forms.situations) - 1; i >= 0 && !n.Received {
			if s := &forms.situations[i]; slices.Contains(s.Parties, n.Who) && !slices.Contains(s.Told, n.Who) {
				s.Told = append(s.Told, n.Who)
			}
		}
	case run.CompletionReport:
		f.note(e)
		if len(e.Data) == 0 {
			return nil // as runs of some days did
		}
		c := Completion{At: e.At, By: e.By}
		if err := decode(e, &c.Completed); err != nil {
			return err
		}
		for _, p := range f.phases {
			if p.ID == run.Verification && p.EndedAt != nil {
				c.VerifiedS = seconds(max(0, e.At.Sub(*p.EndedAt)))
			}
		}
		forms.completion = &c
	case run.RecordsAsked:
		var a run.Asked
		if err := decode(e, &a); err != nil {
			return err
		}
		for _, id := range a.People {
			f.handedInBy(id).Asked = true
		}
	case run.RecordHandedIn:
		var x run.Record
		if err := decode(e, &x); err != nil {
			return err
		}
		r := f.handedInBy(e.Person)
		r.Remarks = append(r.Remarks, Remark{At: at, About: x.About, Text: e.Reason, By: e.By})
		if x.Final && r.SignedAt == nil {
			r.SignedAt = &at
		}
	case run.RemarkMade: // who closes the record has signed
		f.note(e)
		if person := run.Person(e.By); slices.ContainsFunc(forms.records, func(r Record) bool { return r.Person == person }) {
			r := f.handedInBy(person)
			r.Remarks = append(r.Remarks, Remark{At: at, Text: e.Reason, By: e.By})
			r.SignedAt = &at
		}
	}
	return nil
}

// aboutRecords are findings on what was hard, and on who has not said.
func (f *facts) aboutRecords(l *findingList, r Report) {
	var open []string
	for _, x := range r.Records {
		if x.Asked && x.SignedAt == nil {
			open = append(open, x.Person)
		}
		for _, m := range x.Remarks {
			noted := slices.ContainsFunc(r.Notes, func(n Note) bool { return n.Kind == run.RemarkMade && n.At.Equal(m.At) && n.Text == m.Text })
			if m.Text == "" || noted {
				continue
			}
			if run.SaysNothing(m.Text) {
				l.nothing++
				continue
			}
			step := ""
			if !slices.Contains(run.Phases(run.Disaster), run.Phase(m.About)) {
				step = m.About
			}
			title := say("remark of %s", "%s の所見", x.Person)
			if m.About != "" {
				title = say("remark of %[1]s on %[2]s", "%[1]s の所見（%[2]s）", x.Person, inWords(about(m.About)))
			}
			l.addBoth(run.FindingRemark, "", step, title, plain(m.Text))
			l.at(f.remarkKey(l)...)
		}
	}
	if len(open) > 0 && !f.ended.IsZero() {
		l.addBoth(run.FindingRecord, "", "", say("the record is not complete: %d did not hand in theirs", "記録が未完：%d 名が未提出", len(open)), plain(strings.Join(open, ", ")))
		l.at("record", "handed-in")
	}
}

// about names a phase in words, and a step as it is.
func about(name string) plan.Text {
	if slices.Contains(run.Phases(run.Disaster), run.Phase(name)) {
		return phaseWord(run.Phase(name))
	}
	return plain(name)
}

var triggers = map[string]plan.Text{"cadence": {EN: "cadence", JA: "定時"}, "forecast": {EN: "a target is expected to be missed", JA: "目標超過の見込み"},
	"completion": {EN: "completion", JA: "完了"}, "person": {EN: "sent by hand", JA: "手動"}}

// byHand says of each party whether somebody has told it.
func (s Situation) byHand() plan.Text {
	var out []plan.Text
	for _, party := range s.Parties {
		word := say("%s: not recorded as told", "%s：伝達の記録なし", party)
		if slices.Contains(s.Told, party) {
			word = say("%s: told", "%s：伝達済み", party)
		}
		out = append(out, word)
	}
	return plan.Joined(out...)
}

// reporting is what was told to whom, what was expected and what came, and what was hard.
func (d *document) reporting() section {
	r := d.report
	s := section{ID: "reporting", Title: say("Reports, completion and records", "状況報告・完了報告・記録")}
	if len(r.Situations) > 0 {
		t := table{Caption: say("Situation reports as they were sent (outlooks are forecasts)", "状況報告（復旧見込みは予測）"), Head: []plan.Text{say("No.", "番号"), say("At", "時刻"), say("Interval", "間隔"), say("Because", "契機"), say("To", "宛先"), say("By hand", "手動で伝達"), say("Words", "内容")}}
		out := table{Caption: say("Outlooks against what came", "復旧見込みと実績"), Head: []plan.Text{say("No.", "番号"), say("System", "システム"), say("Expected", "見込み"), say("Restored", "実績"), say("Off by", "差")}}
		for _, x := range r.Situations {
			t.Rows = append(t.Rows, []cell{figureCell(plain(itoa(x.No))), timeCell(plain(d.clock(x.At))), figureCell(spanOr(x.IntervalS, dash)), tell(word(triggers, x.Trigger)), name(strings.Join(x.To, ", ")), tell(x.byHand()), tell(plan.Text{EN: x.EN, JA: x.JA})})
			for _, o := range x.Systems {
				if o.ExpectedAt == nil {
					continue
				}
				row := []cell{figureCell(plain(itoa(x.No))), d.system(o.System), timeCell(plain(d.clock(*o.ExpectedAt))), timeCell(dash), figureCell(dash)}
				for _, sys := range r.Systems {
					if at := sys.RTO.RestoredAt; sys.ID == o.System && at != nil {
						off := at.Sub(*o.ExpectedAt)
						took := say("%s later", "%s 遅い", span(round(off.Seconds())))
						if off < 0 {
							took = say("%s earlier", "%s 早い", span(round(-off.Seconds())))
						}
						row[3], row[4] = timeCell(plain(d.clock(*at))), figureCell(took)
					}
				}
				out.Rows = append(out.Rows, row)
			}
		}
		s.Tables = append(s.Tables, t)
		if len(out.Rows) > 0 {
			s.Tables = append(s.Tables, out)
		}
	}
	if len(r.Notices) > 0 {
		t := table{Caption: say("Notices and instructions", "通知と指示"), Head: []plan.Text{say("At", "時刻"), say("What", "区分"), say("Who", "相手"), say("Means", "手段"), say("Words", "内容"), say("By", "記入者"), say("Entered", "入力時刻")}}
		for _, n := range r.Notices {
			what := say("told", "通知")
			if n.Received {
				what = say("instruction received", "指示受領")
			}
			t.Rows = append(t.Rows, []cell{timeCell(plain(d.clock(n.At))), tell(what), name(n.Who), name(n.Channel), tell(plan.Apart(n.Text)), tell(actor(n.By)), timeCell(d.entered(n.EnteredAt))})
		}
		s.Tables = append(s.Tables, t)
	}
	if len(r.Acks) > 0 {
		s.Tables = append(s.Tables, d.acks())
	}
	if c := r.Completion; c != nil {
		t := table{Caption: say("Completion report", "復旧完了報告"), Head: []plan.Text{say("System", "システム"), say("In service", "稼働"), say("Level", "稼働レベル"), say("Data as of", "データ時点")}}
		for _, x := range c.Systems {
			back, level := say("not proven", "未確認"), dash
			if x.Restored {
				back = say("yes, seen from outside", "稼働（外部から確認）")
			}
			if x.Level != nil {
				level = plain(fmt.Sprintf("%d%%", *x.Level))
			}
			t.Rows = append(t.Rows, []cell{d.system(x.System), tell(back), figureCell(level), timeCell(d.asOf(x.System))})
		}
		s.Tables = append(s.Tables, t)
		lead := say("Completion was reported by %[1]s at %[2]s.", "復旧完了報告：%[1]s（%[2]s）。", inWords(actor(c.By)), d.clock(c.At))
		if c.VerifiedS != nil {
			lead = say("Completion was reported by %[1]s at %[2]s, %[3]s after the verification.", "復旧完了報告：%[1]s（%[2]s、復旧確認から %[3]s 後）。", inWords(actor(c.By)), d.clock(c.At), span(*c.VerifiedS))
		}
		s.Lead = append(s.Lead, lead)
		for _, x := range c.Restrictions {
			s.Lead = append(s.Lead, say("Restriction: %s", "残る制限：%s", x))
		}
	}
	if len(r.Records) > 0 {
		t := table{Caption: say("What was hard", "難しかった点"), Head: []plan.Text{say("Person", "氏名"), say("Record", "提出"), say("About", "対象"), say("Words", "内容")}}
		for _, x := range r.Records {
			state := say("! not handed in", "！未提出")
			switch {
			case x.SignedAt != nil:
				at := d.clock(*x.SignedAt)
				state = say("signed %s", "提出 %s", at)
			case !x.Asked:
				state = plan.Text{}
			}
			if len(x.Remarks) == 0 {
				t.Rows = append(t.Rows, []cell{name(x.Person), tell(state)})
			}
			for i, m := range x.Remarks {
				who, handed := name(x.Person), tell(state)
				if i > 0 {
					who, handed = name(""), name("")
				}
				text := name(m.Text)
				if m.Text == "" || run.SaysNothing(m.Text) {
					text = tell(say("nothing was hard", "特になし"))
				}
				t.Rows = append(t.Rows, []cell{who, handed, tell(about(m.About)), text})
			}
		}
		s.Tables = append(s.Tables, t)
	}
	if len(s.Tables) == 0 {
		return section{}
	}
	return s
}

// asOf is the point in time that the recovered data of a system goes back to.
func (d *document) asOf(system string) plan.Text {
	for _, s := range d.report.Systems {
		if s.ID == system && s.RTO.EventAt != nil && s.RPO.ActualS != nil {
			return plain(d.clock(s.RTO.EventAt.Add(-time.Duration(*s.RPO.ActualS * float64(time.Second)))))
		}
	}
	return dash
}
