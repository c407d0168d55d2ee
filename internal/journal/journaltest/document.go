package journaltest

import (
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/muster-dr/muster/internal/journal"
)

// A document is changed only by who has seen what it was, and is gone when it is erased.
func testDocuments(t *testing.T, s journal.Store) {
	ctx := t.Context()
	if _, err := s.Document(ctx, "token", "a"); !errors.Is(err, journal.ErrNotFound) {
		t.Errorf("a document that nobody put: %v, want ErrNotFound", err)
	}
	at := noon.Add(123456789 * time.Nanosecond)
	first, err := s.PutDocument(ctx, journal.Document{Kind: "token", ID: "a", Body: json.RawMessage(`{"n": 1, "name": "髙橋"}`), ChangedAt: at})
	if err != nil || first.Version != 1 {
		t.Fatalf("put: version %d, %v", first.Version, err)
	}
	if _, err := s.PutDocument(ctx, journal.Document{Kind: "token", ID: "a", Body: json.RawMessage(`{}`)}); !errors.Is(err, journal.ErrChanged) {
		t.Errorf("a second first version: %v, want ErrChanged", err)
	}
	second := first
	second.Body = json.RawMessage(`{"n":2}`)
	if second, err = s.PutDocument(ctx, second); err != nil || second.Version != 2 {
		t.Fatalf("change: version %d, %v", second.Version, err)
	}
	if _, err := s.PutDocument(ctx, first); !errors.Is(err, journal.ErrChanged) {
		t.Errorf("a change of what was: %v, want ErrChanged", err)
	}
	got, err := s.Document(ctx, "token", "a")
	if err != nil || string(got.Body) != `{"n":2}` || got.Version != 2 || !got.ChangedAt.Equal(at.Truncate(time.Microsecond)) {
		t.Errorf("read: %+v, %v", got, err)
	}
	for _, id := range []string{"c", "b"} {
		if _, err := s.PutDocument(ctx, journal.Document{Kind: "token", ID: id, Body: json.RawMessage(`{}`)}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := s.PutDocument(ctx, journal.Document{Kind: "session", ID: "a", Body: json.RawMessage(`{}`)}); err != nil {
		t.Fatal(err)
	}
	for range 2 { // erased twice is erased
		if err := s.DropDocument(ctx, "token", "b"); err != nil {
			t.Fatal(err)
		}
	}
	list, err := s.DocumentsOf(ctx, "token")
	if err != nil || len(list) != 2 || list[0].ID != "a" || list[1].ID != "c" {
		t.Errorf("list: %+v, %v", list, err)
	}
	bare, err := s.DocumentVersions(ctx, "token")
	if err != nil || len(bare) != len(list) {
		t.Fatalf("versions: %+v, %v", bare, err)
	}
	for i, d := range bare {
		if want := list[i]; d.Kind != want.Kind || d.ID != want.ID || d.Version != want.Version || !d.ChangedAt.Equal(want.ChangedAt) || d.Body != nil {
			t.Errorf("version %+v of %+v", d, want)
		}
	}
	if _, err := s.PutDocument(ctx, journal.Document{Kind: "token", ID: "x", Body: json.RawMessage(`{`)}); err == nil {
		t.Error("half a document was kept")
	}
}

// Of many who change the same document at once, one wins each time.
func testDocumentsAtOnce(t *testing.T, s journal.Store) {
	var won atomic.Int64
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			_, err := s.PutDocument(t.Context(), journal.Document{Kind: "claim", ID: "one", Body: json.RawMessage(`{}`)})
			switch {
			case err == nil:
				won.Add(1)
			case !errors.Is(err, journal.ErrChanged):
				t.Errorf("put: %v", err)
			}
		})
	}
	all.Wait()
	if won.Load() != 1 {
		t.Errorf("%d claims were kept, want one", won.Load())
	}
}

// Entries come back in the order they were noted, and none younger than a year is erased.
func testAccessLog(t *testing.T, s journal.Store) {
	ctx := t.Context()
	now := noon.Add(400 * 24 * time.Hour)
	for n := range 3 {
		a := journal.Access{At: noon.Add(time.Duration(n) * 200 * 24 * time.Hour), Person: "aiko", Via: "token 1", Act: "sign in", Object: fmt.Sprint(n), Outcome: "ok", From: "127.0.0.1"}
		if err := s.Note(ctx, a); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Note(ctx, journal.Access{At: noon, Act: "sign in"}); err == nil {
		t.Error("an entry without outcome was kept")
	}
	if err := s.DropAccesses(ctx, now.Add(-24*time.Hour), now); err == nil {
		t.Error("entries of yesterday may be erased")
	}
	if err := s.DropAccesses(ctx, now.Add(-366*24*time.Hour), now); err != nil {
		t.Fatal(err)
	}
	list, err := s.Accesses(ctx, 0, 0)
	if err != nil || len(list) != 2 || list[0].Object != "1" || list[1].Object != "2" || list[0].Person != "aiko" || list[0].From != "127.0.0.1" {
		t.Fatalf("log: %+v, %v", list, err)
	}
	if rest, err := s.Accesses(ctx, list[0].Position, 1); err != nil || len(rest) != 1 || rest[0].Object != "2" {
		t.Errorf("after the first: %+v, %v", rest, err)
	}
}
