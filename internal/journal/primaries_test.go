package journal_test

import (
	"testing"
	"time"

	"github.com/muster-dr/muster/internal/journal"
	"github.com/muster-dr/muster/internal/pgtest"
	"github.com/muster-dr/muster/internal/run"
)

// rows counts the events of a database on one server.
func rows(t *testing.T, s *pgtest.Server, address string) int {
	t.Helper()
	return pgtest.Value[int](t, databaseOf(s, address), "SELECT count(*) FROM events")
}

// The primary hangs and its standby is promoted: muster goes over. When the old one wakes, with the
// connections it had, it gets nothing more.
func TestAPrimaryThatHungAndWakesGetsNoRecord(t *testing.T) {
	t.Parallel()
	p := pgtest.StartPair(t)
	p.Tokyo.AwaitStandby(t, p.Osaka)
	address, password := p.NewDatabase(t)
	s := opened(t, address, journal.Password(password))
	ctx := pgtest.Context(t, 2*time.Minute)
	add := func(seq int64) {
		t.Helper()
		if err := s.Append(ctx, []run.Event{remark("r1", "w", seq)}); err != nil {
			t.Fatalf("append %d: %v", seq, err)
		}
	}
	for seq := range int64(5) {
		add(seq + 1)
	}
	p.Tokyo.AwaitStreaming(t, p.Osaka)
	p.Tokyo.Freeze(t)
	promote(t, p.Osaka)
	began := time.Now()
	add(6)
	t.Logf("%d ms from the promotion to the next event", time.Since(began).Milliseconds())
	p.Tokyo.Thaw(t)
	before := rows(t, p.Tokyo, address)
	for seq := range int64(20) {
		add(seq + 7)
	}
	if n := rows(t, p.Osaka, address); n != 26 {
		t.Errorf("%d events on the new primary, want 26", n)
	}
	if n := rows(t, p.Tokyo, address); n != before {
		t.Errorf("%d events on the old primary, %d when it woke", n, before)
	}
}

// A standby is promoted by mistake while the primary goes on: muster finds it, goes over to it and
// stays there, as one that is started anew does.
func TestAStandbyPromotedByMistake(t *testing.T) {
	t.Parallel()
	p := pgtest.StartPair(t)
	p.Tokyo.AwaitStandby(t, p.Osaka)
	address, password := p.NewDatabase(t)
	var notes told
	s := opened(t, address, journal.Password(password), journal.Notices(notes.hear))
	ctx := pgtest.Context(t, 2*time.Minute)
	seq := int64(0)
	add := func() {
		t.Helper()
		seq++
		if err := s.Append(ctx, []run.Event{remark("r1", "w", seq)}); err != nil {
			t.Fatalf("append %d: %v", seq, err)
		}
	}
	add()
	p.Tokyo.AwaitStreaming(t, p.Osaka)
	promote(t, p.Osaka)
	pgtest.Eventually(t, time.Minute, func() string {
		add()
		if rows(t, p.Osaka, address) < 2 {
			return "muster still writes to the old primary"
		}
		return ""
	})
	before := rows(t, p.Tokyo, address)
	for range 20 {
		add()
	}
	if n := rows(t, p.Tokyo, address); n != before {
		t.Errorf("%d events on the old primary, %d before muster went over", n, before)
	}
	if !notes.says("another server took over", "引き継がれました") {
		t.Errorf("told %q", notes.said)
	}
	var again told
	if err := opened(t, address, journal.Password(password), journal.Notices(again.hear)).Append(ctx, []run.Event{remark("r2", "w", 1)}); err != nil {
		t.Fatal(err)
	}
	if n := rows(t, p.Tokyo, address); n != before || !again.says("is not used", "使用しません") {
		t.Errorf("after a new start %d events on the old primary, %d before; told %q", n, before, again.said)
	}
}
