package dns

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/miekg/dns"
	"go.temporal.io/sdk/temporal"

	"github.com/muster-dr/muster/activities"
	"github.com/muster-dr/muster/internal/dnstest"
	"github.com/muster-dr/muster/internal/ledger"
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/run"
	"github.com/muster-dr/muster/internal/waittest"
)

func TestMain(m *testing.M) { os.Exit(waittest.WithoutLeaks(m.Run())) }

func www(primary string, others ...string) Update {
	return Update{TTL: run.Duration(time.Second), Wait: run.Duration(time.Minute), Record: Record{Name: "www", Type: "A", Values: []string{"192.0.2.2"},
		Zone: Target{Name: "zone", Spec: Zone{Zone: dnstest.Zone, Primary: primary, Servers: others, Key: dnstest.Key, Secret: activities.NewSecret(dnstest.Secret), Algorithm: "hmac-sha256"}}}}
}

func kind(err error) string {
	app := new(temporal.ApplicationError)
	if errors.As(err, &app) {
		return app.Type()
	}
	return ""
}

func TestAnUpdateIsDoneWhenEveryServerAnswersIt(t *testing.T) {
	primary, secondary := dnstest.Start(t, 30)
	p := www(primary.Address, secondary.Address)
	if seen, err := look(t.Context(), p); err != nil || seen.Sight != plan.HoldsNot || seen.Partial {
		t.Errorf("before: %+v %v", seen, err)
	}
	if problems, err := ready(t.Context(), p); err != nil || len(problems) != 0 {
		t.Errorf("a healthy zone: %v %v", problems, err)
	}
	before := time.Now()
	out, err := update(t.Context(), p)
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(out.OldValues, []string{"192.0.2.1"}) || out.OldTTLS != 30 || !slices.Equal(out.Answering, []string{primary.Address, secondary.Address}) || len(out.Silent) != 0 {
		t.Errorf("%+v", out)
	}
	if until, ttl := out.CachedUntil, 30*time.Second; until.Before(before.Add(ttl)) || until.After(time.Now().Add(ttl)) {
		t.Errorf("resolvers may keep the old value for %s more", time.Until(until))
	}
	if seen, err := look(t.Context(), p); err != nil || seen.Sight != plan.Holds {
		t.Errorf("after: %+v %v", seen, err)
	}
	if again, err := update(t.Context(), p); err != nil || !slices.Equal(again.OldValues, []string{"192.0.2.2"}) {
		t.Errorf("the same again: %+v %v", again, err)
	}
	p.Values = out.OldValues // the undo
	if _, err := update(t.Context(), p); err != nil {
		t.Error(err)
	}
	w, err := await(t.Context(), Wait{Record: p.Record, Wait: run.Duration(10 * time.Second)})
	if err != nil || len(w.Answering) != 2 {
		t.Errorf("%+v %v", w, err)
	}
}

// When the answer is lost, whoever settles the step or tries it again knows what an undo sets.
func TestWhatWasThereOutlastsTheAnswer(t *testing.T) {
	primary, secondary := dnstest.Start(t, 30)
	l, err := ledger.Open(filepath.Join(t.TempDir(), "ledger.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	try := func(step string, n int) context.Context {
		return activities.WithLedger(activities.WithCall(t.Context(), plan.Call{Run: "r", Step: step, EffectKey: fmt.Sprintf("r/%s/%d", step, n)}), l)
	}
	p := www(primary.Address, secondary.Address)
	done, err := update(try("move", 1), p)
	if err != nil {
		t.Fatal(err)
	}
	seen, err := look(try("move", 1), p)
	if err != nil {
		t.Fatal(err)
	}
	if out, ok := seen.Output.(Updated); !ok || !slices.Equal(out.OldValues, []string{"192.0.2.1"}) || out.OldTTLS != 30 || out.CachedUntil.Before(done.CachedUntil) {
		t.Errorf("settled: %+v, it was %+v", seen, done)
	}
	if again, err := update(try("move", 2), p); err != nil || !slices.Equal(again.OldValues, []string{"192.0.2.1"}) {
		t.Errorf("tried again: %+v %v", again, err)
	}
	seen, err = look(try("another", 1), p)
	if out, ok := seen.Output.(Updated); err != nil || !ok || !slices.Equal(out.OldValues, []string{"192.0.2.2"}) {
		t.Errorf("of a step that found it so: %+v %v", seen, err)
	}
	back := p
	back.Values = done.OldValues
	if _, err := update(try("back", 1), back); err != nil {
		t.Fatal(err)
	}
	if third, err := update(try("move", 3), p); err != nil || !slices.Equal(third.OldValues, []string{"192.0.2.1"}) {
		t.Errorf("after somebody moved it back: %+v %v", third, err)
	}
}

// A record that a step made is gone after its undo, which gives the old values: none. Only an undo may give none.
func TestTheUndoOfANewRecordRemovesIt(t *testing.T) {
	primary, secondary := dnstest.Start(t, 1)
	in := func(step string) context.Context {
		return activities.WithCall(t.Context(), plan.Call{Run: "r", Step: step, EffectKey: "r/orders/failover/" + step + "/1"})
	}
	p := www(primary.Address, secondary.Address)
	p.Name = "new"
	made, err := update(in("make"), p)
	if err != nil || made.OldValues == nil || len(made.OldValues) != 0 {
		t.Fatalf("%+v %v", made, err)
	}
	p.Values = made.OldValues
	if _, err := update(in("make"), p); kind(err) != plan.ErrRefused {
		t.Errorf("a step that gives no values: %v", err)
	}
	if seen, err := look(in("make.undo1"), p); err != nil || seen.Sight != plan.HoldsNot {
		t.Errorf("before: %+v %v", seen, err)
	}
	if out, err := update(in("make.undo1"), p); err != nil || len(out.Answering) != 2 || !slices.Equal(out.OldValues, []string{"192.0.2.2"}) {
		t.Errorf("%+v %v", out, err)
	}
	if seen, err := look(in("make.undo1"), p); err != nil || seen.Sight != plan.Holds || !strings.Contains(seen.Detail, "no record") {
		t.Errorf("after: %+v %v", seen, err)
	}
}

// Mail moves by its MX: the old servers are what an undo sets, and a value without a
// preference is refused.
func TestMailMoves(t *testing.T) {
	primary, secondary := dnstest.Start(t, 1)
	p := www(primary.Address, secondary.Address)
	p.Name, p.Type, p.Values = "@", "MX", []string{"10 mx1.example.com", "20 MX2.example.com."}
	if _, err := update(t.Context(), p); err != nil {
		t.Fatal(err)
	}
	p.Values = []string{"10 mx.alternate.example.com"}
	out, err := update(t.Context(), p)
	if err != nil || !slices.Equal(out.OldValues, []string{"10 mx1.example.com.", "20 mx2.example.com."}) || len(out.Answering) != 2 {
		t.Errorf("%+v %v", out, err)
	}
	if seen, err := look(t.Context(), p); err != nil || seen.Sight != plan.Holds {
		t.Errorf("after: %+v %v", seen, err)
	}
	for _, v := range []string{"mx.example.com", "10 mx.example.com; x", "10", "ten mx.example.com"} {
		p.Values = []string{v}
		if _, err := update(t.Context(), p); kind(err) != plan.ErrRefused {
			t.Errorf("%q: %v", v, err)
		}
	}
}

// One authoritative server is lost with its site: it is named, and does not hold up the
// others.
func TestALostServerIsNamedAndNotWaitedFor(t *testing.T) {
	primary, _ := dnstest.Start(t, 1)
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	dead := closed.Addr().String()
	_ = closed.Close()
	p := www(primary.Address, dead)
	out, err := update(t.Context(), p)
	if err != nil || !slices.Equal(out.Silent, []string{dead}) || !slices.Equal(out.Answering, []string{primary.Address}) {
		t.Errorf("%+v %v", out, err)
	}
	problems, err := ready(t.Context(), p)
	if err != nil || len(problems) != 1 || !strings.Contains(problems[0].EN, dead) {
		t.Errorf("%v %v", problems, err)
	}
}

// A server that goes on answering old data is a finding with its name, whatever the
// primary said.
func TestAServerWithOldDataIsNamed(t *testing.T) {
	primary, _ := dnstest.Start(t, 1)
	stale, _ := dnstest.Start(t, 1) // another primary of the same zone: it never hears of the change
	p := www(primary.Address, stale.Address)
	p.Wait = run.Duration(5 * time.Second)
	_, err := update(t.Context(), p)
	if kind(err) != plan.ErrFinding || !strings.Contains(err.Error(), stale.Address+" (192.0.2.1)") {
		t.Errorf("a stale server: %v", err)
	}
	seen, err := look(t.Context(), p)
	if err != nil || seen.Sight != plan.HoldsNot || !seen.Partial {
		t.Errorf("half of the servers: %+v %v", seen, err)
	}
}

// both listens on one port with UDP and TCP; a number that is free for the one may be taken for the other.
func both(t *testing.T) (packets net.PacketConn, listener net.Listener) {
	t.Helper()
	for range 100 {
		var err error
		if packets, err = net.ListenPacket("udp", "127.0.0.1:0"); err != nil {
			t.Fatal(err)
		}
		if listener, err = net.Listen("tcp", packets.LocalAddr().String()); err == nil {
			return packets, listener
		}
		packets.Close()
	}
	t.Fatal("no port is free for UDP and TCP")
	return nil, nil
}

// lossy is an authoritative server of old values; answers says of each question, from 1, whether it gets through.
func lossy(t *testing.T, answers func(n int) bool) string {
	t.Helper()
	packets, listener := both(t)
	var asked atomic.Int32
	handler := dns.HandlerFunc(func(w dns.ResponseWriter, q *dns.Msg) {
		if !answers(int(asked.Add(1))) {
			return
		}
		m := new(dns.Msg)
		m.SetReply(q)
		m.Authoritative = true
		m.Answer = []dns.RR{&dns.A{Hdr: dns.RR_Header{Name: q.Question[0].Name, Rrtype: dns.TypeA, Class: dns.ClassINET, Ttl: 1}, A: net.IPv4(192, 0, 2, 1)}}
		_ = w.WriteMsg(m)
	})
	for _, s := range []*dns.Server{{PacketConn: packets, Handler: handler}, {Listener: listener, Handler: handler}} {
		up, down := make(chan struct{}), make(chan error, 1)
		s.NotifyStartedFunc = func() { close(up) }
		go func() { down <- s.ActivateAndServe() }()
		<-up
		t.Cleanup(func() {
			if err := errors.Join(s.Shutdown(), <-down); err != nil {
				t.Error(err)
			}
		})
	}
	return packets.LocalAddr().String()
}

// A packet that is lost, and a server that is being restarted, do not make a living server with old values a lost one.
func TestAStaleServerIsNotLostWithAPacket(t *testing.T) {
	primary, _ := dnstest.Start(t, 1)
	lost := map[string]string{
		lossy(t, func(n int) bool { return n > 1 }):  "its first packet",
		lossy(t, func(n int) bool { return n > 2 }):  "its first two, so that TCP is left",
		lossy(t, func(n int) bool { return n == 1 }): "all after its first",
	}
	p := www(primary.Address, slices.Collect(maps.Keys(lost))...)
	p.Wait = run.Duration(5 * time.Second)
	out, err := update(t.Context(), p)
	for server, what := range lost {
		if kind(err) != plan.ErrFinding || !strings.Contains(err.Error(), server+" (192.0.2.1)") {
			t.Errorf("of %s is lost: %s: %+v %v", server, what, out, err)
		}
	}
}

func TestWrongInputChangesNothing(t *testing.T) {
	primary, secondary := dnstest.Start(t, 1)
	p := www(primary.Address, secondary.Address)
	for name, wrong := range map[string]func(Update) Update{
		"wrong secret":   func(p Update) Update { p.Zone.Spec.Secret = activities.NewSecret("d3Jvbmc="); return p },
		"unsigned":       func(p Update) Update { p.Zone.Spec.Key = ""; return p },
		"not an address": func(p Update) Update { p.Values = []string{"orders"}; return p },
		"no values":      func(p Update) Update { p.Values = nil; return p },
		"another zone":   func(p Update) Update { p.Zone.Spec.Zone = "example.org"; return p },
	} {
		if _, err := update(t.Context(), wrong(p)); kind(err) != plan.ErrRefused {
			t.Errorf("%s: %v", name, err)
		}
	}
	if problems, err := ready(t.Context(), func() Update { q := p; q.Zone.Spec.Secret = activities.NewSecret("d3Jvbmc="); return q }()); err != nil || len(problems) != 1 {
		t.Errorf("a wrong secret is not seen beforehand: %v %v", problems, err)
	}
	primary.Freeze()
	_, err := update(t.Context(), p)
	primary.Thaw()
	if kind(err) != plan.ErrRefused || !strings.Contains(err.Error(), "nothing was changed") {
		t.Errorf("a frozen primary: %v", err)
	}
	if seen, err := look(t.Context(), p); err != nil || seen.Sight != plan.HoldsNot || seen.Partial {
		t.Errorf("after all that: %+v %v", seen, err)
	}
}
