package report

import (
	"slices"
	"strings"
	"time"

	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/run"
)

// Ack is a message that asked those to whom it went to say that they had read it
// (requirement B-STP-09: from the order to its acknowledgement).
type Ack struct {
	Of           string    `json:"of"`
	At           time.Time `json:"at"`
	Text         string    `json:"text"`
	Asked        int       `json:"asked"`
	Acknowledged int       `json:"acknowledged"`
	FirstS       *float64  `json:"first_s"` // until the first had; null: nobody
	LastS        *float64  `json:"last_s"`  // until the last who did
	// List is each person who was asked, as in the message.
	List []AckRecord `json:"list,omitempty"`
}

// AckRecord is what one person did about it.
type AckRecord struct {
	Person string     `json:"person"`
	At     *time.Time `json:"at"` // null: not acknowledged
	AfterS *float64   `json:"after_s"`
	By     string     `json:"by,omitempty"` // somebody else who entered it
}

func (f *facts) acknowledged(e run.Event) error {
	if e.Kind == run.MessageSent {
		var m run.Message
		if err := decode(e, &m); err != nil {
			return err
		}
		if m.Ack {
			a := Ack{Of: e.Name(), At: e.At, Text: m.Text, Asked: len(m.To)}
			for _, id := range m.To {
				a.List = append(a.List, AckRecord{Person: id})
			}
			f.forms.acks = append(f.forms.acks, a)
		}
		return nil
	}
	var x run.Acknowledged
	if err := decode(e, &x); err != nil {
		return err
	}
	for i := range f.forms.acks {
		a := &f.forms.acks[i]
		if a.Of != x.Of {
			continue
		}
		j := slices.IndexFunc(a.List, func(r AckRecord) bool { return r.Person == e.Person && r.At == nil })
		if j < 0 {
			return nil
		}
		at, r := e.At, &a.List[j]
		r.At, r.AfterS = &at, seconds(max(0, e.At.Sub(a.At)))
		if e.By != e.Person {
			r.By = e.By
		}
		if a.Acknowledged++; a.FirstS == nil || *r.AfterS < *a.FirstS {
			a.FirstS = r.AfterS
		}
		if a.LastS == nil || *r.AfterS > *a.LastS {
			a.LastS = r.AfterS
		}
	}
	return nil
}

// namesShown bounds the names in one row; the JSON report has all.
const namesShown = 10

// acks are the messages that asked to be acknowledged, and who has not.
func (d *document) acks() table {
	t := table{Caption: say("Messages that asked to be acknowledged", "確認を求めた連絡"), Head: []plan.Text{say("At", "時刻"), say("Words", "内容"), say("Asked", "対象"), say("Acknowledged", "確認済み"),
		say("First after", "最初の確認まで"), say("Last after", "最後の確認まで"), say("Not acknowledged", "未確認")}}
	for _, a := range d.report.Acks {
		var open []string
		for _, r := range a.List {
			if r.At == nil {
				open = append(open, r.Person)
			}
		}
		if d.report.People.Withheld {
			open = nil
		}
		left := tell(d.people(open))
		if n := len(open) - namesShown; n > 0 {
			some := d.people(open[:namesShown])
			left = tell(say("%[1]s and %[2]d more", "%[3]s ほか %[2]d 名", some.EN, n, some.JA))
		}
		t.Rows = append(t.Rows, []cell{timeCell(plain(d.clock(a.At))), tell(plan.Apart(strings.TrimSpace(strings.TrimPrefix(a.Text, run.Mark)))), figureCell(plain(itoa(a.Asked))), figureCell(plain(itoa(a.Acknowledged))),
			figureCell(spanOr(a.FirstS, dash)), figureCell(spanOr(a.LastS, dash)), left})
	}
	return t
}
