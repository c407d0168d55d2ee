package report_test

import (
	"testing"

	"github.com/muster-dr/muster/internal/run"
)

func TestAcknowledgementsAreCounted(t *testing.T) {
	s := newStory(t, aPlan())
	s.opening()
	s.run(20, run.Event{Kind: run.MessageSent, By: run.Engine}, run.Message{To: []string{"sato", "suzuki", "yamazaki"}, Text: run.Mark + " Go to Osaka. / 大阪へ移動。", Ack: true})
	list := s.journal()
	sent := list[len(list)-1]
	ack := func(second float64, person, by string) {
		s.on(second, run.PeopleWriter+person+by, run.Event{Kind: run.MessageAcknowledged, Person: person, By: by}, run.Acknowledged{Of: sent.Name()})
	}
	ack(23, "suzuki", "suzuki")
	ack(24, "suzuki", "sato") // again, by another way
	ack(29, "sato", "suzuki")
	ack(30, "takahashi", "takahashi") // it did not go to them
	r, text := built(t, s, "en")
	if len(r.Acks) != 1 {
		t.Fatalf("acks = %+v", r.Acks)
	}
	a := r.Acks[0]
	if a.Asked != 3 || a.Acknowledged != 2 || a.FirstS == nil || *a.FirstS != 3 || a.LastS == nil || *a.LastS != 9 || a.List[2].At != nil || a.List[0].By != "suzuki" {
		t.Errorf("counted %+v", a)
	}
	holds(t, text, "Messages that asked to be acknowledged", "| Go to Osaka. |", "yamazaki")
	_, text = built(t, s, "ja")
	holds(t, text, "確認を求めた連絡", "| 大阪へ移動。 |", "未確認")
}
