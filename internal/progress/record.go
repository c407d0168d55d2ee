package progress

import (
	"slices"
	"time"

	"github.com/muster-dr/muster/internal/run"
)

// Situation is a situation report as it was sent.
type Situation struct {
	run.Situation
	At time.Time `json:"at"`
	By string    `json:"by"`
}

// Record is a person who is asked what was hard, and what they handed in.
type Record struct {
	Person  string   `json:"person"`
	Asked   bool     `json:"asked"`
	Signed  bool     `json:"signed"`
	Remarks []Remark `json:"remarks,omitempty"`
}

// Remark is what was hard, in a person's words.
type Remark struct {
	At    time.Time `json:"at"`
	About string    `json:"about,omitempty"`
	Text  string    `json:"text,omitempty"` // "" is that nothing was
	By    string    `json:"by"`
}

func (t *Tracker) recordOf(person string) *Record {
	i := slices.IndexFunc(t.view.Records, func(r Record) bool { return r.Person == person })
	if i < 0 {
		i = len(t.view.Records)
		t.view.Records = append(t.view.Records, Record{Person: person})
	}
	return &t.view.Records[i]
}

func (t *Tracker) recorded(e run.Event) {
	switch e.Kind {
	case run.SituationReported:
		s := Situation{At: e.At, By: e.By}
		_ = e.Decode(&s.Situation)
		t.view.Situations = append(t.view.Situations, s)
		t.toTell = nil
		for _, party := range s.Parties {
			t.toTell = append(t.toTell, Waiting{For: AwaitTell, Phase: e.Phase, Party: party, Text: s.EN + " / " + s.JA, Since: e.At})
		}
		if over := len(t.view.Situations) - messagesKept; over > 0 {
			t.view.Situations = t.view.Situations[over:]
		}
	case run.NoticeKept:
		var n run.Notice
		if _ = e.Decode(&n); !n.Received {
			t.toTell = slices.DeleteFunc(slices.Clone(t.toTell), func(w Waiting) bool { return w.Party == n.Who })
		}
	case run.RecordsAsked:
		var a run.Asked
		_ = e.Decode(&a)
		for _, id := range a.People {
			t.recordOf(id).Asked = true
		}
	case run.RecordHandedIn:
		var x run.Record
		_ = e.Decode(&x)
		r := t.recordOf(e.Person)
		r.Remarks = append(slices.Clone(r.Remarks), Remark{At: e.When(), About: x.About, Text: e.Reason, By: e.By})
		r.Signed = r.Signed || x.Final
	case run.RemarkMade: // who closes the record has signed as well
		t.confirmed[e.Phase] = true
		r := t.recordOf(run.Person(e.By))
		r.Remarks = append(slices.Clone(r.Remarks), Remark{At: e.When(), Text: e.Reason, By: e.By})
		r.Signed = true
	}
}

// toSign is who has still to hand in a record, while records are put in order.
func (t *Tracker) toSign(ph run.Phase, like Waiting) []Waiting {
	if ph != run.Closing {
		return nil
	}
	w := Waiting{For: AwaitRemark, Phase: ph, Since: like.Since, Due: like.Due}
	for _, r := range t.view.Records {
		if r.Asked && !r.Signed {
			w.People = append(w.People, r.Person)
		}
	}
	if w.Need = len(w.People); w.Need == 0 {
		return nil
	}
	return []Waiting{w}
}
