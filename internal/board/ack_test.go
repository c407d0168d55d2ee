package board_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/muster-dr/muster/internal/identity"
	"github.com/muster-dr/muster/internal/run"
)

// The page of a link shows what its person is asked to acknowledge, and nobody else's; to look
// changes nothing, and twice counts once.
func TestALinkAcknowledges(t *testing.T) {
	w := recorded(t)
	me, other := personID(8), personID(13)
	say := func(seq int64, text string, to ...string) string {
		e := run.Event{Run: drill, Writer: "later", Seq: seq, At: w.now, Kind: run.MessageSent, By: run.Engine, Data: run.Encode(run.Message{To: to, Text: run.Mark + text, Ack: true})}
		w.append(e)
		return e.Name()
	}
	mine, theirs := say(1, "Go to Osaka. / 大阪へ移動。", me, other), say(2, "Stay at home. / 自宅で待機。", other)
	link, err := w.ids.Link(t.Context(), drill, me, identity.ForAck, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	b, before := w.browser(""), w.events()
	if res, page := b.get("/l/" + link); res.StatusCode != http.StatusOK || !strings.Contains(page, "Go to Osaka") || strings.Contains(page, "Stay at home") || !strings.Contains(page, "I have read this") {
		t.Fatalf("the page of the link: %s\n%s", res.Status, page)
	}
	if w.events() != before {
		t.Fatal("to look at a link changed the record")
	}
	if res, page := b.post("/l/"+link, "message", theirs); res.StatusCode < 400 || w.events() != before {
		t.Errorf("a message to another person: %s\n%s", res.Status, page)
	}
	if res, page := b.post("/l/"+link, "message", mine, "person", other); res.StatusCode >= 400 || w.events() != before+1 {
		t.Fatalf("%s\n%s", res.Status, page)
	}
	b.post("/l/"+link, "message", mine)
	if w.events() != before+1 {
		t.Error("twice did not count once")
	}
	list, err := w.store.Events(t.Context(), drill, 0, 0)
	if err != nil {
		t.Fatal(err)
	}
	if e := list[len(list)-1].Event; e.Kind != run.MessageAcknowledged || e.Person != me || e.By != me || !strings.HasPrefix(e.Via, "link ") {
		t.Errorf("in the record: %+v", e)
	}
	if _, page := b.get("/l/" + link); !strings.Contains(page, "Acknowledged") || strings.Contains(page, "I have read this") {
		t.Errorf("the page after it:\n%s", page)
	}
	short, err := identity.New(w.store, identity.Options{Now: func() time.Time { return time.Now().Add(-2 * time.Hour) }}).Link(t.Context(), drill, other, identity.ForAck, time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{"an expired": short, "a forged": link[:len(link)-3] + "AAA"} {
		if res, _ := b.post("/l/"+text, "message", mine); res.StatusCode < 400 || w.events() != before+1 {
			t.Errorf("%s link: %s", name, res.Status)
		}
	}
	// Who has signed in has it among the tasks.
	if _, page := w.browser(other).get("/tasks"); !strings.Contains(page, "Go to Osaka") || !strings.Contains(page, "/act/ack") {
		t.Errorf("the tasks:\n%s", page)
	}
}
