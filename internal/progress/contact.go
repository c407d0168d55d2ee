package progress

import (
	"slices"
	"time"

	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/run"
)

// Party is somebody to be reached, and what came of it so far.
type Party struct {
	Name      string      `json:"name"`
	Title     plan.Text   `json:"title"`
	Contact   string      `json:"contact,omitempty"`
	Kind      string      `json:"kind,omitempty"`
	Tries     int         `json:"tries"`
	ReachedAt *time.Time  `json:"reached_at,omitempty"` // the first two-way contact
	Channel   string      `json:"channel,omitempty"`    // of the last try
	Outcome   run.Contact `json:"outcome,omitempty"`
	Person    string      `json:"person,omitempty"` // who was reached last
	Note      string      `json:"note,omitempty"`
}

// Order is something that somebody was asked to do, with its times.
type Order struct {
	run.Order
	System     string         `json:"system,omitempty"`
	Site       string         `json:"site,omitempty"`
	By         string         `json:"by"`
	AskedAt    time.Time      `json:"asked_at"`
	State      run.Progress   `json:"state,omitempty"` // the latest; "" is asked
	AcceptedAt *time.Time     `json:"accepted_at,omitempty"`
	AcceptedBy string         `json:"accepted_by,omitempty"`
	ArrivedAt  *time.Time     `json:"arrived_at,omitempty"`
	EndedAt    *time.Time     `json:"ended_at,omitempty"` // done or withdrawn
	Note       string         `json:"note,omitempty"`
	Next       []run.Progress `json:"next,omitempty"` // what may be said of it
}

// Custody is a line of the custody register.
type Custody struct {
	run.Custody
	By         string     `json:"by"`
	At         time.Time  `json:"at"`
	ReceivedAt *time.Time `json:"received_at,omitempty"`
	Note       string     `json:"note,omitempty"`
}

func (t *Tracker) tried(e run.Event) {
	var c run.Contacted
	_ = e.Decode(&c)
	for i := range t.view.Parties {
		p := &t.view.Parties[i]
		if p.Name != c.Party {
			continue
		}
		p.Tries++
		p.Channel, p.Outcome, p.Person, p.Note = c.Channel, c.Outcome, c.Person, e.Reason
		if at := e.When(); c.Outcome == run.ContactReached && (p.ReachedAt == nil || at.Before(*p.ReachedAt)) {
			p.ReachedAt = &at
		}
	}
}

// Followed is an order with one more word on it. The report goes by the same rule.
func (o Order) followed(e run.Event, s run.OrderState) Order {
	at := e.When()
	who := s.Person
	if who == "" {
		who = e.By
	}
	o.State, o.Note = s.State, e.Reason
	switch s.State {
	case run.OrderAccepted:
		o.AcceptedAt, o.AcceptedBy = &at, who
	case run.OrderArrived:
		o.ArrivedAt = &at
	case run.OrderDone, run.OrderWithdrawn:
		o.EndedAt = &at
	}
	return o
}

func (t *Tracker) ordered(e run.Event) {
	v := &t.view
	switch e.Kind {
	case run.OrderGiven:
		o := Order{System: e.System, Site: e.Site, By: e.By, AskedAt: e.When()}
		_ = e.Decode(&o.Order)
		v.Orders = append(v.Orders, o)
	case run.OrderFollowed:
		var s run.OrderState
		_ = e.Decode(&s)
		if i := slices.IndexFunc(v.Orders, func(o Order) bool { return o.ID == s.ID }); i >= 0 {
			v.Orders[i] = v.Orders[i].followed(e, s)
		}
	case run.CustodyMoved:
		c := Custody{By: e.By, At: e.When(), Note: e.Reason}
		_ = e.Decode(&c.Custody)
		if c.ReceivedBy != "" {
			at := c.At
			c.ReceivedAt = &at
		}
		v.Custody = append(v.Custody, c)
	case run.CustodyReceived:
		var s run.CustodyReceipt
		_ = e.Decode(&s)
		for i := range v.Custody {
			if at := e.When(); v.Custody[i].ID == s.ID {
				v.Custody[i].ReceivedBy, v.Custody[i].ReceivedAt = s.ReceivedBy, &at
			}
		}
	}
}

// next is what may be said of an order now.
func (o Order) next() []run.Progress {
	var out []run.Progress
	if o.EndedAt != nil {
		return nil
	}
	if o.AcceptedAt == nil {
		out = append(out, run.OrderAccepted)
		if o.State != run.OrderDeclined {
			out = append(out, run.OrderDeclined)
		}
	}
	if o.ArrivedAt == nil && (o.Party != "" || o.Purpose == run.ForStandby) {
		out = append(out, run.OrderArrived)
	}
	return append(out, run.OrderDone, run.OrderWithdrawn)
}

func (t *Tracker) ordersNow() []Order {
	out := slices.Clone(t.view.Orders)
	for i := range out {
		out[i].Next = out[i].next()
	}
	return out
}

// openOrders are those that have not come to their end, and what is on its way.
func (t *Tracker) openOrders() []Waiting {
	var out []Waiting
	for _, o := range t.ordersNow() {
		if o.EndedAt != nil {
			continue
		}
		w := Waiting{For: AwaitOrder, System: o.System, Site: o.Site, Role: o.Role, Order: o.ID, Party: o.Party, Text: o.What, Since: o.AskedAt}
		if o.Person != "" {
			w.People = []string{o.Person}
		}
		w.People = append(w.People, t.holders(o.Role)...)
		for _, s := range o.Next {
			w.Acts = append(w.Acts, string(s))
		}
		out = append(out, w)
	}
	for _, c := range t.view.Custody {
		if c.ReceivedAt == nil {
			out = append(out, Waiting{For: AwaitReceipt, Order: c.ID, Text: c.What + " → " + c.To, Since: c.At})
		}
	}
	return out
}

// toReach are the parties that nobody has spoken with.
func (t *Tracker) toReach(since time.Time, due *time.Time) []Waiting {
	var out []Waiting
	for _, p := range t.view.Parties {
		if p.ReachedAt == nil {
			out = append(out, Waiting{For: AwaitReach, Phase: run.Communications, Party: p.Name, Text: p.Contact, Since: since, Due: due})
		}
	}
	return out
}
