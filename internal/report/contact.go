package report

import (
	"slices"
	"time"

	"github.com/muster-dr/muster/internal/i18n"
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/run"
)

// Party is a party outside, and how it was reached (requirement B-STP-05).
type Party struct {
	Name  string    `json:"name"`
	Title plan.Text `json:"title"`
	Tries []Try     `json:"tries"`
	// ReachedAt is the first two-way contact; ReachedS counts from the begin of communications.
	ReachedAt *time.Time `json:"reached_at"`
	ReachedS  *float64   `json:"reached_s"`
}

// Try is one try to reach a party.
type Try struct {
	At        time.Time   `json:"at"`
	EnteredAt *time.Time  `json:"entered_at,omitempty"`
	Channel   string      `json:"channel"`
	Outcome   run.Contact `json:"outcome"`
	Person    string      `json:"person,omitempty"` // who was reached
	By        string      `json:"by"`
	Note      string      `json:"note,omitempty"`
}

// Order is what somebody was asked to do, with the times of asking, accepting and coming
// (requirement B-CLK-09).
type Order struct {
	run.Order
	System     string       `json:"system,omitempty"`
	Site       string       `json:"site,omitempty"`
	By         string       `json:"by"`
	AskedAt    time.Time    `json:"asked_at"`
	State      run.Progress `json:"state"` // "" was never answered
	AcceptedAt *time.Time   `json:"accepted_at"`
	AcceptedBy string       `json:"accepted_by,omitempty"`
	AcceptS    *float64     `json:"accept_s"` // from asking to accepting
	ArrivedAt  *time.Time   `json:"arrived_at"`
	ArriveS    *float64     `json:"arrive_s"` // from asking to arriving
	EndedAt    *time.Time   `json:"ended_at"` // done or withdrawn
	EndS       *float64     `json:"end_s"`
	Late       bool         `json:"entered_late,omitempty"` // one of its times was entered after the fact
	Note       string       `json:"note,omitempty"`
}

// Custody is a line of the custody register (requirement P-CUST).
type Custody struct {
	run.Custody
	By         string     `json:"by"`
	At         time.Time  `json:"at"`
	EnteredAt  *time.Time `json:"entered_at,omitempty"`
	ReceivedAt *time.Time `json:"received_at"`
	Note       string     `json:"note,omitempty"`
}

// contact reads an event about parties, orders or the custody register.
func (f *facts) contact(e run.Event) error {
	at, forms := e.When(), &f.forms
	switch e.Kind {
	case run.PartyTried:
		var c run.Contacted
		if err := decode(e, &c); err != nil {
			return err
		}
		i := slices.IndexFunc(forms.parties, func(p Party) bool { return p.Name == c.Party })
		if i < 0 {
			i = len(forms.parties)
			forms.parties = append(forms.parties, Party{Name: c.Party})
		}
		p := &forms.parties[i]
		p.Tries = append(p.Tries, Try{At: at, EnteredAt: enteredAt(e), Channel: c.Channel, Outcome: c.Outcome, Person: c.Person, By: e.By, Note: e.Reason})
		if c.Outcome == run.ContactReached && (p.ReachedAt == nil || at.Before(*p.ReachedAt)) {
			p.ReachedAt = &at
		}
	case run.OrderGiven:
		o := Order{System: e.System, Site: e.Site, By: e.By, AskedAt: at, Late: !e.Happened.IsZero()}
		if err := decode(e, &o.Order); err != nil {
			return err
		}
		forms.orders = append(forms.orders, o)
	case run.OrderFollowed:
		var s run.OrderState
		if err := decode(e, &s); err != nil {
			return err
		}
		for i := range forms.orders {
			if forms.orders[i].ID == s.ID {
				forms.orders[i].follow(e, s)
			}
		}
	case run.CustodyMoved:
		c := Custody{By: e.By, At: at, EnteredAt: enteredAt(e), Note: e.Reason}
		if err := decode(e, &c.Custody); err != nil {
			return err
		}
		if c.ReceivedBy != "" {
			c.ReceivedAt = &at
		}
		forms.custody = append(forms.custody, c)
	case run.CustodyReceived:
		var s run.CustodyReceipt
		if err := decode(e, &s); err != nil {
			return err
		}
		for i := range forms.custody {
			if forms.custody[i].ID == s.ID {
				forms.custody[i].ReceivedBy, forms.custody[i].ReceivedAt = s.ReceivedBy, &at
			}
		}
	}
	return nil
}

// follow takes in a word on an order.
func (o *Order) follow(e run.Event, s run.OrderState) {
	at := e.When()
	took := seconds(max(0, at.Sub(o.AskedAt)))
	o.State, o.Note, o.Late = s.State, e.Reason, o.Late || !e.Happened.IsZero()
	switch s.State {
	case run.OrderAccepted:
		o.AcceptedAt, o.AcceptedBy, o.AcceptS = &at, s.Person, took
		if o.AcceptedBy == "" {
			o.AcceptedBy = e.By
		}
	case run.OrderArrived:
		o.ArrivedAt, o.ArriveS = &at, took
	case run.OrderDone, run.OrderWithdrawn:
		o.EndedAt, o.EndS = &at, took
	}
}

// partiesReport lists every party of the plan once somebody has tried to reach one.
func (f *facts) partiesReport() []Party {
	if len(f.forms.parties) == 0 {
		return nil
	}
	var began time.Time
	for _, p := range f.phases {
		if p.ID == run.Communications {
			began = p.StartedAt
		}
	}
	var out []Party
	for _, x := range f.plan.Estate.Parties {
		p := Party{Name: x.Name, Tries: []Try{}}
		for _, known := range f.forms.parties {
			if known.Name == x.Name {
				p = known
			}
		}
		p.Title = x.Title
		if p.ReachedAt != nil && !began.IsZero() {
			p.ReachedS = seconds(max(0, p.ReachedAt.Sub(began)))
		}
		out = append(out, p)
	}
	return out
}

// aboutForms are findings on what nobody answered, received or reached.
func (f *facts) aboutForms(l *findingList, r Report) {
	if f.ended.IsZero() {
		return
	}
	for _, p := range r.Parties {
		if p.ReachedAt == nil {
			l.addBoth(run.FindingPeople, "", "", say("%s was not reached", "%s と連絡が取れなかった", p.Name), say("%d tries", "試行 %d 回", len(p.Tries)))
			l.at("party", p.Name)
		}
	}
	for _, o := range r.Orders {
		if o.State == "" || o.State == run.OrderDeclined {
			l.addBoth(run.FindingPeople, o.System, "", say("%[1]s to %[2]s was not accepted", "%[1]s（%[2]s 宛て）が受諾されなかった", o.ID, o.to()), plain(o.What))
			l.at("order", f.id, o.ID)
		}
	}
	for _, c := range r.Custody {
		if c.ReceivedAt == nil {
			l.addBoth(run.FindingRecord, "", "", say("nobody has received %s", "%s の受領が確認されていない", c.What), say("%[1]s, taken by %[2]s to %[3]s", "%[1]s：%[2]s が %[3]s へ搬送", c.ID, c.TakenBy, c.To))
			l.at("custody", f.id, c.ID)
		}
	}
	for _, d := range r.Damage {
		if d.Conflict {
			l.addBoth(run.FindingRecord, d.System, "", say("people and probes disagreed on %s until the decision", "%s の被害について、決定まで要員の報告とプローブの観測が食い違っていた", d.thing()),
				say("reported: %[1]s, probes: %[2]s", "報告：%[1]s、プローブ：%[2]s", inWords(word(damages, d.Damage)), inWords(word(damages, d.Probes))))
			l.at("conflict", d.System, d.Component)
		}
	}
}

func (d Damage) thing() string {
	if d.Component == "" {
		return d.System
	}
	return d.System + "/" + d.Component
}

func (o Order) to() string { return o.Party + o.Person + o.Role }

// communications is whom people reached, what they asked of whom, and what was carried where.
func (d *document) communications() section {
	r := d.report
	if len(r.Parties)+len(r.Orders)+len(r.Custody) == 0 {
		return section{}
	}
	s := section{ID: "communications", Title: say("Communications, orders and custody", "連絡・指示・搬送の記録")}
	if len(r.Parties) > 0 {
		t := table{Caption: say("Parties reached", "関係先への連絡"), Head: []plan.Text{say("Party", "連絡先"), say("First contact", "最初の連絡成立"), say("After", "所要"), say("Tries", "試行"), say("At", "時刻"), say("By", "連絡者"), say("Means", "手段"), say("Outcome", "結果"),
			say("Reached", "応対者"), say("Remark", "備考"), say("Entered", "入力時刻")}}
		for _, p := range r.Parties {
			head := []cell{name(p.Name), timeCell(d.clockOr(p.ReachedAt)), figureCell(spanOr(p.ReachedS, dash)), figureCell(plain(itoa(len(p.Tries))))}
			if len(p.Tries) == 0 {
				t.Rows = append(t.Rows, append(head, name(""), name(""), name(""), tell(say("not tried", "未連絡"))))
			}
			for _, x := range p.Tries {
				t.Rows = append(t.Rows, append(slices.Clone(head), timeCell(plain(d.clock(x.At))), tell(actor(x.By)), name(x.Channel), tell(both(func(l i18n.Lang) string { return l.Contact(x.Outcome) })),
					name(x.Person), name(x.Note), timeCell(d.entered(x.EnteredAt))))
				head = []cell{name(""), name(""), name(""), name("")}
			}
		}
		s.Tables = append(s.Tables, t)
	}
	if len(r.Orders) > 0 {
		t := table{Caption: say("Orders and requests", "指示・依頼"), Head: []plan.Text{say("No.", "番号"), say("To", "相手"), say("What", "内容"), say("For", "目的"), say("System", "システム"), say("Site", "拠点"), say("Asked", "依頼"), say("By", "指示者"), say("Accepted", "受諾"),
			say("after", "受諾まで"), say("by", "受諾者"), say("Arrived", "到着"), say("after", "到着まで"), say("Ended", "終了"), say("after", "終了まで"), say("State", "状態"), say("Remark", "備考")}}
		for _, o := range r.Orders {
			asked := plain(d.clock(o.AskedAt))
			if o.Late {
				asked = plan.Text{EN: asked.EN + " (entered late)", JA: asked.JA + "（事後入力）"}
			}
			t.Rows = append(t.Rows, []cell{name(o.ID), name(o.to()), name(o.What), tell(both(func(l i18n.Lang) string { return l.Purpose(o.Purpose) })), d.system(o.System), d.site(o.Site), timeCell(asked), tell(actor(o.By)),
				timeCell(d.clockOr(o.AcceptedAt)), figureCell(spanOr(o.AcceptS, plan.Text{})), name(o.AcceptedBy), timeCell(d.clockOr(o.ArrivedAt)), figureCell(spanOr(o.ArriveS, plan.Text{})),
				timeCell(d.clockOr(o.EndedAt)), figureCell(spanOr(o.EndS, plan.Text{})), tell(both(func(l i18n.Lang) string { return l.Progress(o.State) })), name(o.Note)})
		}
		s.Tables = append(s.Tables, t)
	}
	if len(r.Custody) > 0 {
		t := table{Caption: say("Custody register", "媒体等の搬送記録"), Head: []plan.Text{say("No.", "番号"), say("What", "対象"), say("From", "搬出元"), say("To", "搬出先"), say("Taken by", "搬送者"), say("At", "搬出時刻"), say("Received by", "受領者"), say("At", "受領時刻"),
			say("Entered by", "記入者"), say("Remark", "備考"), say("Entered", "入力時刻")}}
		for _, c := range r.Custody {
			by := name(c.ReceivedBy)
			if c.ReceivedAt == nil {
				by = tell(say("! nobody", "！未受領"))
			}
			t.Rows = append(t.Rows, []cell{name(c.ID), name(c.What), name(c.From), name(c.To), name(c.TakenBy), timeCell(plain(d.clock(c.At))), by, timeCell(d.clockOr(c.ReceivedAt)), tell(actor(c.By)), name(c.Note), timeCell(d.entered(c.EnteredAt))})
		}
		s.Tables = append(s.Tables, t)
	}
	return s
}
