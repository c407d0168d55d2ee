package report

import (
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/sheet"
)

// pictures puts the charts above the tables that say the same in figures.
func (d *document) pictures() {
	at := func(id string, c *drawing) {
		for i := range d.Sections {
			if d.Sections[i].ID == id && c != nil {
				d.Sections[i].Figures = append(d.Sections[i].Figures, c)
			}
		}
	}
	for _, s := range d.report.Systems {
		var title *plan.Text
		if len(d.report.Systems) > 1 {
			t := s.heading()
			title = &t
		}
		if c := d.curveChart(s); c != nil {
			c.System = title
			at("curve", c)
		}
		if c := d.waterfall(s); c != nil {
			c.System = title
			at("time", c)
		}
	}
	at("timeline", d.gantt(true))
	at("people", d.answersChart())
	at("trend", d.trendChart())
}

// firstPage is what an executive reads in one minute, besides the sentence.
func (d *document) firstPage() {
	r := d.report
	d.Name, d.Verdict, d.At = "muster-report-"+r.Run.ID, r.Run.Verdict, r.Run.StartedAt
	if r.Run.EndedAt != nil {
		d.At = *r.Run.EndedAt
	}
	for _, s := range r.Systems {
		d.Tiles = append(d.Tiles, d.tilesOf(s))
	}
	if lead := d.Section("people").Lead; len(lead) > 0 {
		d.Brief = append(d.Brief, lead[0])
	}
	if t := r.Trend; t != nil {
		d.Brief = append(d.Brief, d.trendWords(t))
	}
	if n := d.standIns(); n > 0 {
		d.Brief = append(d.Brief, say("roles filled by stand-ins: %d", "代行者が務めた役割：%d", n))
	}
	top := d.top()
	if len(top) == 0 {
		d.Brief = append(d.Brief, d.Section("findings").Lead...)
	}
	for _, f := range top {
		owner, due := say("no owner yet", "担当未定"), plan.Text{}
		if f.Owner != "" {
			owner = plain(f.Owner)
		}
		if f.Due != "" {
			due = say(", due %s", "・期限 %s", f.Due)
		}
		d.Brief = append(d.Brief, plan.Text{EN: f.ID + " " + f.Title + " — " + owner.EN + due.EN, JA: f.ID + " " + f.TitleJA + "（" + owner.JA + due.JA + "）"})
	}
	d.Brief = append(d.Brief, say("Evidence: journal %s (%d events), plan %s. To verify offline: muster evidence export %s, then muster verify on the bundle.",
		"証拠：記録 %s（%d 件）、計画 %s。オフラインでの検証：muster evidence export %s で書き出し、muster verify で検証。", short(r.Evidence.JournalDigest), r.Evidence.Events, short(r.Evidence.PlanHash), r.Run.ID))
	if s := d.focus(); s != nil {
		if c := d.waterfall(*s); c != nil {
			c.System = titled(say("Where the time of %s went", "%s：所要時間の内訳", inWords(s.heading())))
			d.Front = append(d.Front, c)
		}
	}
	if c := d.trendChart(); c != nil {
		d.Front = append(d.Front, c)
	}
	whole := len(r.Phases)+len(r.Steps)+len(r.Undone) <= frontRows
	if c := d.gantt(whole); c != nil {
		if !whole {
			c.ID = "phases"
		}
		c.System = titled(say("Timeline", "経過"))
		d.Front = append(d.Front, c)
	}
	d.Foot = say("Computed by muster from the journal alone. %s", "本報告は muster が記録のみから算出したもの。%s", inWords(sheet.Legend))
}

// frontRows is how many bars the first page has room for.
const frontRows = 18

func titled(t plan.Text) *plan.Text { return &t }

// standIns counts those who acted for somebody else.
func (d *document) standIns() int {
	n := 0
	for _, p := range d.report.People.List {
		if p.DeputyFor != "" && p.AnsweredAt != nil {
			n++
		}
	}
	return n
}
