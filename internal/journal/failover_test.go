package journal_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/muster-dr/muster/internal/journal"
	"github.com/muster-dr/muster/internal/pgtest"
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/run"
)

func remark(runID, writer string, seq int64) run.Event {
	return run.Event{Run: runID, Writer: writer, Seq: seq, At: time.Unix(seq, 0).UTC(), Kind: run.RemarkMade, By: "aiko", Reason: fmt.Sprintf("%s %d", writer, seq)}
}

// waitsForStandby lets no commit be acknowledged before the standby has it.
func waitsForStandby(t *testing.T, p *pgtest.Pair) {
	t.Helper()
	p.Tokyo.AwaitStandby(t, p.Osaka)
	p.Tokyo.Exec(t, "ALTER SYSTEM SET synchronous_standby_names = '*'")
	p.Tokyo.Exec(t, "SELECT pg_reload_conf()")
	pgtest.Eventually(t, 20*time.Second, func() string {
		if s := pgtest.Value[string](t, p.Tokyo, "SELECT coalesce(max(sync_state), '') FROM pg_stat_replication"); s != "sync" {
			return "the standby is " + s
		}
		return ""
	})
}

func promote(t *testing.T, s *pgtest.Server) {
	t.Helper()
	if !pgtest.Value[bool](t, s, "SELECT pg_promote(true, 60)") {
		t.Fatalf("%s was not promoted", s.Name)
	}
}

// The store's own primary is lost under writers and readers, and the standby takes over: nothing
// that was acknowledged is lost, nothing is there twice, nobody who waits is forgotten, and the old
// primary gets no record when it comes back and takes itself for one.
func TestTheStoresPrimaryIsLost(t *testing.T) {
	t.Parallel()
	p := pgtest.StartPair(t)
	waitsForStandby(t, p)
	address, password := p.NewDatabase(t)
	s, reader := opened(t, address, journal.Password(password)), opened(t, address, journal.Password(password))
	ctx := pgtest.Context(t, 6*time.Minute)

	const writers, most = 6, 10_000
	var acked [writers]atomic.Int64
	var all atomic.Int64
	var longest atomic.Int64
	done := make(chan struct{})
	var working sync.WaitGroup
	for w := range writers {
		working.Go(func() {
			for seq := int64(1); seq <= most; seq++ {
				select {
				case <-done:
					return
				default:
				}
				began := time.Now()
				event := []run.Event{remark("r1", fmt.Sprintf("w%d", w), seq)}
				err := s.Append(ctx, event)
				for err != nil && time.Since(began) > 20*time.Second && !errors.Is(err, journal.ErrTaken) && ctx.Err() == nil { // it tried for 25 s, on a busy machine: who writes comes again
					began = time.Now()
					err = s.Append(ctx, event)
				}
				if err != nil {
					t.Errorf("append %d of w%d: %v", seq, w, err)
					return
				}
				if took := time.Since(began).Milliseconds(); took > longest.Load() {
					longest.Store(took)
				}
				acked[w].Store(seq)
				all.Add(1)
			}
		})
	}
	reach := func(n int64) {
		t.Helper()
		pgtest.Eventually(t, 2*time.Minute, func() string {
			if got := all.Load(); got < n {
				return fmt.Sprintf("%d events acknowledged, want %d", got, n)
			}
			return ""
		})
	}
	reach(200)
	killed := p.Tokyo.Kill9(t)
	promote(t, p.Osaka)
	promoted := time.Now()
	reach(all.Load() + 200)
	t.Logf("primary killed, promoted after %d ms; the slowest append took %d ms; %d ms from promotion to 200 more events",
		promoted.Sub(killed).Milliseconds(), longest.Load(), time.Since(promoted).Milliseconds())
	p.Tokyo.StartServer(t) // nobody told it
	if pgtest.Value[bool](t, p.Tokyo, "SELECT pg_is_in_recovery()") {
		t.Fatal("the old primary is a standby: this test shows nothing")
	}
	reach(all.Load() + 200)
	close(done)
	working.Wait()

	third := opened(t, address, journal.Password(password)) // as after a restart of muster, with the old primary named first
	for name, store := range map[string]journal.Store{"writer": s, "reader": reader, "restarted": third} {
		entries, err := store.Events(ctx, "r1", 0, 0)
		if err != nil {
			t.Fatal(err)
		}
		last := map[string]int64{}
		for _, e := range entries {
			if e.Event.Seq != last[e.Event.Writer]+1 {
				t.Errorf("%s: event %d of %s comes after its %d", name, e.Event.Seq, e.Event.Writer, last[e.Event.Writer])
			}
			last[e.Event.Writer] = e.Event.Seq
		}
		for w := range writers {
			if got, want := last[fmt.Sprintf("w%d", w)], acked[w].Load(); got != want {
				t.Errorf("%s: %d events of w%d, %d were acknowledged", name, got, w, want)
			}
		}
	}
	// Who waits with one server hears of what another kept, on the new primary.
	at := reader.Arrived("r2")
	if err := third.Append(ctx, []run.Event{remark("r2", "w", 1)}); err != nil {
		t.Fatal(err)
	}
	select {
	case <-at:
	case <-ctx.Done():
		t.Error("nobody told the other server")
	}
	if err := third.Ping(ctx); err != nil {
		t.Error(err)
	}
}

// While the standby does not answer nothing is acknowledged, the second time either: the event is on
// the primary by then, and would be lost with it.
func TestNothingIsAcknowledgedBeforeTheStandbyHasIt(t *testing.T) {
	t.Parallel()
	p := pgtest.StartPair(t)
	waitsForStandby(t, p)
	address, password := p.NewDatabase(t)
	s := opened(t, address, journal.Password(password))
	if err := s.Append(t.Context(), []run.Event{remark("r1", "w", 1)}); err != nil {
		t.Fatal(err)
	}
	sealed := plan.Plan{Format: plan.Format, Scenario: plan.Scenario{Name: "quarterly"}}
	if err := sealed.Seal(); err != nil {
		t.Fatal(err)
	}
	if err := s.Append(t.Context(), []run.Event{
		{Run: "r0", Writer: "run", Seq: 1, At: time.Unix(0, 0).UTC(), Kind: run.RunStarted, Data: run.Encode(run.Started{Kind: run.Drill, Scenario: "quarterly"})},
		{Run: "r0", Writer: "run", Seq: 2, At: time.Unix(1, 0).UTC(), Kind: run.RunEnded, Data: run.Encode(run.Ended{State: run.Recovered})},
	}); err != nil {
		t.Fatal(err)
	}
	if _, err := s.PutDocument(t.Context(), journal.Document{Kind: "answer", ID: "r1/people/1", Body: json.RawMessage(`{}`)}); err != nil {
		t.Fatal(err)
	}
	ended := journal.Outcome{Run: "r0", Version: 1, Kind: run.Drill, Scenario: "quarterly", State: run.Recovered, EndedAt: time.Unix(1, 0), Body: json.RawMessage(`{}`)}
	changes := map[string]func(ctx context.Context) error{
		"plan":     func(ctx context.Context) error { return s.PutPlan(ctx, sealed) },
		"document": func(ctx context.Context) error { return s.DropDocument(ctx, "answer", "r1/people/1") },
		"run":      func(ctx context.Context) error { return s.RemoveRun(ctx, "r0", time.Unix(2, 0)) },
		"outcome":  func(ctx context.Context) error { return s.PutOutcome(ctx, ended) },
	}
	p.Osaka.Freeze(t)
	untilThere(t, "plans, documents, removed runs and outcomes", "1 0 1 1", func() string {
		return pgtest.Value[string](t, databaseOf(p.Tokyo, address), `SELECT concat_ws(' ', (SELECT count(*) FROM plans), (SELECT count(*) FROM documents WHERE kind = 'answer'),
			(SELECT count(*) FROM runs WHERE body LIKE '%removed_at%'), (SELECT count(*) FROM outcomes))`)
	}, func(patience time.Duration) {
		var waiting sync.WaitGroup
		for _, names := range [][]string{{"plan"}, {"document", "run"}, {"outcome"}} { // the second tries of document and run write one row: each waits for the standby alone
			waiting.Go(func() {
				for _, name := range names {
					for try := range 2 {
						ctx, cancel := context.WithTimeout(t.Context(), patience)
						if err := changes[name](ctx); err == nil {
							t.Errorf("%s, try %d: acknowledged what the standby has not", name, try+1)
						}
						cancel()
					}
				}
			})
		}
		waiting.Wait()
	})
	untilThere(t, "events", "2", func() string {
		return pgtest.Value[string](t, databaseOf(p.Tokyo, address), "SELECT count(*)::text FROM events")
	}, func(patience time.Duration) {
		for range 3 {
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			if err := s.Append(ctx, []run.Event{remark("r1", "w", 2)}); err == nil {
				t.Error("acknowledged what the standby has not")
			}
			cancel()
		}
	})
	p.Osaka.Thaw(t)
	if err := s.Append(pgtest.Context(t, time.Minute), []run.Event{remark("r1", "w", 2)}); err != nil {
		t.Errorf("once the standby is back: %v", err)
	}
	for name, change := range changes {
		if err := change(pgtest.Context(t, time.Minute)); err != nil {
			t.Errorf("%s, once the standby is back: %v", name, err)
		}
	}
}

// untilThere tries with ever more patience until what was tried has come to the primary: on a busy machine none of the first
// tries may.
func untilThere(t *testing.T, what, want string, got func() string, try func(patience time.Duration)) {
	t.Helper()
	for patience := 3 * time.Second; ; patience *= 2 {
		try(patience)
		there := got()
		if there == want {
			return
		}
		if patience > 20*time.Second {
			t.Errorf("%s on the primary are %s, want %s: this test shows nothing", what, there, want)
			return
		}
	}
}

// databaseOf is the server with the database that the address names.
func databaseOf(s *pgtest.Server, address string) *pgtest.Server {
	one := *s
	one.Target.Spec.Database = address[strings.LastIndex(address, "/")+1:]
	return &one
}

// The answer to a commit is lost: what was asked is done once, and its sender hears that it is done.
func testTheAnswerToACommitIsLost(t *testing.T, p *pgtest.Pair) {
	address, password := p.NewDatabase(t)
	cut := newCutter(t, net.JoinHostPort(p.Tokyo.Host, fmt.Sprint(p.Tokyo.Port)))
	address = fmt.Sprintf("postgres://%s@%s/%s?sslmode=disable", p.User, cut.address, address[strings.LastIndex(address, "/")+1:])
	s := opened(t, address, journal.Password(password))
	ctx := pgtest.Context(t, time.Minute)
	if err := s.Append(ctx, []run.Event{{Run: "r1", Writer: "run", Seq: 1, At: time.Unix(0, 0).UTC(), Kind: run.RunStarted, Data: run.Encode(run.Started{Kind: run.Drill, Scenario: "quarterly"})}}); err != nil {
		t.Fatal(err)
	}
	var first int64
	for name, do := range map[string]func() error{
		"append": func() error { return s.Append(ctx, []run.Event{remark("r1", "w", 1)}) },
		"token": func() (err error) {
			first, err = s.Token(ctx, "orders", "r1")
			return err
		},
		"new document": func() error {
			d, err := s.PutDocument(ctx, journal.Document{Kind: "claim", ID: "a", Body: json.RawMessage(`{"n":1}`)})
			if err == nil && d.Version != 1 {
				err = fmt.Errorf("version %d", d.Version)
			}
			return err
		},
		"access": func() error { return s.Note(ctx, journal.Access{At: time.Unix(0, 0), Act: "sign in", Outcome: "ok"}) },
	} {
		cut.next()
		if err := do(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if !cut.done() {
			t.Errorf("%s: no answer was lost: this test shows nothing", name)
		}
	}
	if got, err := s.Events(ctx, "r1", 0, 0); err != nil || len(got) != 2 {
		t.Errorf("events %v, %v, want 2", got, err)
	}
	if again, err := s.Token(ctx, "orders", "r1"); err != nil || again != first {
		t.Errorf("token %d, %v, want %d", again, err, first)
	}
	// A claim that somebody else made stays theirs.
	if _, err := s.PutDocument(ctx, journal.Document{Kind: "claim", ID: "a", Body: json.RawMessage(`{"n":2}`)}); err == nil {
		t.Error("a claim was taken over")
	}
}

// cutter stands between and loses the answer to one commit.
type cutter struct {
	address string
	armed   atomic.Bool
}

func (c *cutter) next()      { c.armed.Store(true) }
func (c *cutter) done() bool { return !c.armed.Load() }

func newCutter(t *testing.T, to string) *cutter {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	c := &cutter{address: ln.Addr().String()}
	var working sync.WaitGroup
	t.Cleanup(func() { ln.Close(); working.Wait() })
	working.Go(func() {
		for {
			in, err := ln.Accept()
			if err != nil {
				return
			}
			out, err := net.Dial("tcp", to)
			if err != nil {
				in.Close()
				return
			}
			end := sync.OnceFunc(func() { in.Close(); out.Close() })
			var lost atomic.Bool
			working.Go(func() {
				defer end()
				buf := make([]byte, 64<<10)
				for {
					n, err := in.Read(buf)
					if err != nil {
						return
					}
					if bytes.Contains(bytes.ToLower(buf[:n]), []byte("commit\x00")) && c.armed.CompareAndSwap(true, false) {
						lost.Store(true)
					}
					if _, err := out.Write(buf[:n]); err != nil {
						return
					}
				}
			})
			working.Go(func() {
				defer end()
				buf := make([]byte, 64<<10)
				for {
					n, err := out.Read(buf)
					if err != nil || lost.Load() {
						return
					}
					if _, err := io.Copy(in, bytes.NewReader(buf[:n])); err != nil {
						return
					}
				}
			})
		}
	})
	return c
}
