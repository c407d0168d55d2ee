package app

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/muster-dr/muster/internal/alarm"
	"github.com/muster-dr/muster/internal/api"
	"github.com/muster-dr/muster/internal/config"
	"github.com/muster-dr/muster/internal/journal"
	"github.com/muster-dr/muster/internal/mailtest"
	"github.com/muster-dr/muster/internal/run"
	"github.com/muster-dr/muster/workflows"
)

const quakeSecret = "a-secret-of-the-relay-for-tests"

// woken is the scenario with people who answer themselves, and what wakes it.
const woken = `kind: Scenario
name: tokyo-loss
title: {en: Loss of Tokyo, ja: 東京拠点の喪失}
hazard: disaster
depth: tabletop
sites_lost: [tokyo]
systems: [orders]
failback: stay
muster_place: online
decision: {by: commander, within: 1h, rule: wait}
wake:
  - {intensity: 6-lower, areas: [宮城県南部], then: start, training: propose}
  - {intensity: 5-lower, areas: [宮城県南部, 山形県村山]}
`

// mustered is what the estate's muster criteria make of it, without a word in the scenario.
const mustered = `muster:
  automatic: {intensity: 6-lower, areas: ["221"], scenario: tokyo-loss}
  propose: {intensity: 5-lower}
`

// quake is a sample telegram as if it came now, with its own event.
func quake(t *testing.T, event string, changes ...string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("..", "alarm", "jma", "testdata", "VXSE51_sample_20110311_int6plus.xml"))
	if err != nil {
		t.Fatal(err)
	}
	all := append([]string{"2011-03-11T05:48:10Z", time.Now().UTC().Format(time.RFC3339), "20110311144640", event}, changes...)
	return []byte(strings.NewReplacer(all...).Replace(string(b)))
}

// post sends a telegram as its sender does.
func post(at string, body []byte) (int, error) {
	req, err := http.NewRequest(http.MethodPost, at+alarm.Path+"quakes", bytes.NewReader(body))
	if err != nil {
		return 0, err
	}
	req.Header.Set("Content-Type", "application/xml")
	req.Header.Set("Muster-Signature", alarm.Sign(quakeSecret, time.Now(), body))
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, err
	}
	return res.StatusCode, res.Body.Close()
}

func proposals(t *testing.T, c *api.Client, want func([]api.Proposal) bool) []api.Proposal {
	t.Helper()
	deadline := time.Now().Add(60 * time.Second)
	for {
		list, err := c.Proposals(t.Context(), "")
		if err != nil {
			t.Fatal(err)
		}
		if want(list) {
			return list
		}
		if time.Now().After(deadline) {
			t.Fatalf("not within 60 s: %+v", list)
		}
		<-time.After(20 * time.Millisecond)
	}
}

func responses(t *testing.T, c *api.Client) []journal.Summary {
	t.Helper()
	list, err := c.Runs(t.Context(), journal.Filter{Kind: run.Response})
	if err != nil {
		t.Fatal(err)
	}
	return list
}

// A telegram of 6-lower in the area starts the response, whatever else is said of the
// event and however often; a drill that runs is stopped for it.
func TestATelegramStartsTheResponse(t *testing.T) {
	t.Setenv("MUSTER_TEST_QUAKES", quakeSecret)
	o, said := options(t, plansDir(t, map[string]string{"estate.yaml": estate, "runbook.yaml": runbook, "tokyo.yaml": woken}))
	o.Config.Alarms = []config.Alarm{{Place: "muster.yaml:1", Name: "quakes", Kind: "jma", Secrets: []string{"secret://env/MUSTER_TEST_QUAKES"}}}
	up := begin(t, o)
	at := address(t, said)

	// 5-lower proposes; a person starts it, and a second click gets the same run.
	if status, err := post(at, quake(t, "20261128010101", "<MaxInt>6-</MaxInt></Area>\n</Pref>", "<MaxInt>5-</MaxInt></Area>\n</Pref>")); err != nil || status != http.StatusAccepted {
		t.Fatalf("%d %v", status, err)
	}
	first := proposals(t, up.Client, func(l []api.Proposal) bool { return len(l) == 1 })[0]
	if first.State != alarm.Open || first.Automatic || len(responses(t, up.Client)) != 0 {
		t.Fatalf("5-lower: %+v, responses %v", first, responses(t, up.Client))
	}
	if _, err := up.DismissProposal(t.Context(), first.ID, api.ProposalRequest{By: "sato"}); err == nil {
		t.Error("dismissed without a reason")
	}
	if _, err := up.DismissProposal(t.Context(), first.ID, api.ProposalRequest{By: "nobody", Reason: "x"}); err == nil {
		t.Error("dismissed by a stranger")
	}
	if p, err := up.DismissProposal(t.Context(), first.ID, api.ProposalRequest{By: "sato", Reason: "no damage in Murayama"}); err != nil || p.State != alarm.Dismissed {
		t.Errorf("%+v, %v", p, err)
	}
	if _, err := up.StartProposal(t.Context(), first.ID, api.ProposalRequest{By: "tanaka"}); err == nil || !strings.Contains(err.Error(), "dismissed by sato: no damage") {
		t.Errorf("starting what was dismissed: %v, want to hear by whom and why", err)
	}

	// A drill runs when the real one comes.
	drill, err := up.Start(t.Context(), api.StartRequest{Scenario: "tokyo-loss", Kind: run.Drill, By: "sato"})
	if err != nil {
		t.Fatal(err)
	}
	if status, err := post(at, quake(t, "20261128020202", "<Status>通常", "<Status>訓練")); err != nil || status != http.StatusAccepted {
		t.Fatalf("training: %d %v", status, err)
	}
	training := proposals(t, up.Client, func(l []api.Proposal) bool { return len(l) == 2 })[0]
	if training.Kind != run.Drill || training.Automatic || len(responses(t, up.Client)) != 0 {
		t.Fatalf("a training telegram: %+v", training)
	}
	begun, err := up.StartProposal(t.Context(), training.ID, api.ProposalRequest{By: "tanaka"})
	if err != nil || begun.Run != drill.Run || !begun.Attached {
		t.Errorf("a training telegram's proposal started: %+v, %v, want it to join the drill", begun, err)
	}
	if again, err := up.StartProposal(t.Context(), training.ID, api.ProposalRequest{By: "tanaka"}); err != nil || again.Run != drill.Run {
		t.Errorf("a second click: %+v, %v", again, err)
	}

	sent := time.Now()
	if status, err := post(at, quake(t, "20261128030303")); err != nil || status != http.StatusAccepted {
		t.Fatalf("%d %v", status, err)
	}
	byEvent := func(l []api.Proposal, event string) (out []api.Proposal) {
		for _, p := range l {
			if p.Event == "jma "+event {
				out = append(out, p)
			}
		}
		return out
	}
	settled := func(l []api.Proposal) bool {
		p := byEvent(l, "20261128030303")
		return len(p) == 1 && p[0].State == alarm.Started
	}
	started := byEvent(proposals(t, up.Client, settled), "20261128030303")[0]
	if started.Kind != run.Response || started.Run != "tokyo-loss-real-1" || started.By != "alarm:quakes" {
		t.Errorf("6-lower: %+v", started)
	}
	called := firstCall(t, up.Client, started.Run)
	t.Logf("with a drill in the way, from the telegram to the first call: %s", called.Sub(sent).Round(time.Millisecond))
	stopped, err := up.Run(t.Context(), drill.Run)
	if err != nil || !stopped.Summary.State.Ended() {
		t.Errorf("the drill: %+v, %v", stopped.Summary, err)
	}
	ev, err := up.Events(t.Context(), drill.Run, 0, 0)
	aborted := ""
	for _, e := range ev.Entries {
		if e.Event.Kind == run.RunAbortRequested {
			aborted = e.Event.By + " " + e.Event.Reason
		}
	}
	if err != nil || !strings.HasPrefix(aborted, "alarm:quakes a real alarm: intensity 6-lower at 宮城県南部") || !strings.Contains(aborted, "震度６弱") {
		t.Errorf("the drill was stopped by %q, %v", aborted, err)
	}

	// A storm: the same, its updates, another kind of telegram, all at once.
	var all sync.WaitGroup
	taken := make(chan int, 1000)
	bodies := [][]byte{quake(t, "20261128030303"), quake(t, "20261128030303", "<Title>震度速報</Title>", "<Title>震源・震度に関する情報</Title>"), quake(t, "20261128030303", "<Serial></Serial>", "<Serial>2</Serial>")}
	for i := range 1000 {
		all.Go(func() {
			status, err := post(at, bodies[i%len(bodies)])
			if err != nil || status != http.StatusAccepted && status != http.StatusTooManyRequests {
				t.Errorf("%d: %v", status, err)
			}
			taken <- status
		})
	}
	all.Wait()
	close(taken)
	n := 0
	for status := range taken {
		if status == http.StatusAccepted {
			n++
		}
	}
	if n == 0 || len(responses(t, up.Client)) != 1 {
		t.Errorf("%d of 1,000 taken, responses %v, want one", n, responses(t, up.Client))
	}

	// A cancel is told, in the run's record too, and undoes nothing.
	cancel := quake(t, "20261128030303", "発表", "取消")
	deadline := time.Now().Add(30 * time.Second)
	for {
		status, err := post(at, cancel)
		if err != nil || status != http.StatusAccepted && status != http.StatusTooManyRequests || time.Now().After(deadline) {
			t.Fatalf("%d %v", status, err)
		}
		if status == http.StatusAccepted {
			break
		}
		<-time.After(50 * time.Millisecond) // after the storm
	}
	r, err := up.Run(t.Context(), started.Run)
	if err != nil || r.Summary.State.Ended() {
		t.Errorf("after the cancel: %+v, %v", r.Summary, err)
	}
	withdrawn := 0
	ev, err = up.Events(t.Context(), started.Run, 0, 0)
	for _, e := range ev.Entries {
		var said run.AlarmSaid
		if e.Event.Kind == run.AlarmNoted && e.Event.Decode(&said) == nil && said.Withdrawn {
			withdrawn++
		}
	}
	if err != nil || withdrawn != 1 {
		t.Errorf("the run's record tells of the cancel %d times, %v", withdrawn, err)
	}

	// Nobody may pass for an alarm, and no person stands behind its run until one decides.
	_, err = up.Start(t.Context(), api.StartRequest{Scenario: "tokyo-loss", Kind: run.Response, By: "alarm:quakes", Reason: "x"})
	if p := new(api.Problem); err == nil || !asProblem(err, &p) || p.Status != http.StatusForbidden {
		t.Errorf("started as an alarm with the console's token: %v", err)
	}
	_, err = up.Abort(t.Context(), started.Run, workflows.Control{By: "alarm:quakes", Reason: "x"})
	if p := new(api.Problem); err == nil || !asProblem(err, &p) || p.Status != http.StatusForbidden {
		t.Errorf("aborted as an alarm with the console's token: %v", err)
	}
	if _, err := up.Abort(t.Context(), started.Run, workflows.Control{By: "sato", Reason: "end of the test"}); err != nil {
		t.Error(err)
	}
	untilEnded(t, up, started.Run)
}

// The estate's own criteria start the automatic muster and propose below it, even while
// another file has a mistake.
func TestTheMusterCriteriaOfTheEstateCount(t *testing.T) {
	t.Setenv("MUSTER_TEST_QUAKES", quakeSecret)
	plain, _, _ := strings.Cut(woken, "wake:")
	o, said := options(t, plansDir(t, map[string]string{"estate.yaml": estate + mustered, "runbook.yaml": runbook, "tokyo.yaml": plain}))
	o.Config.Alarms = []config.Alarm{{Place: "muster.yaml:1", Name: "quakes", Kind: "jma", Secrets: []string{"secret://env/MUSTER_TEST_QUAKES"}}}
	up := begin(t, o)
	at := address(t, said)
	save(t, filepath.Join(o.Config.Plans, "broken.yaml"), "kind: Scenario\nname: broken\n")
	if status, err := post(at, quake(t, "20261128010101", "<MaxInt>6-</MaxInt></Area>\n</Pref>", "<MaxInt>5-</MaxInt></Area>\n</Pref>")); err != nil || status != http.StatusAccepted {
		t.Fatalf("%d %v", status, err)
	}
	p := proposals(t, up.Client, func(l []api.Proposal) bool { return len(l) == 1 })[0]
	if p.Scenario != "tokyo-loss" || p.Automatic || p.State != alarm.Open {
		t.Errorf("5-lower: %+v", p)
	}
	sent := time.Now()
	struck := sent.Add(-7 * time.Minute).Truncate(time.Second)
	origin := "<Earthquake><OriginTime>" + struck.Format(time.RFC3339) + "</OriginTime></Earthquake></Body>"
	if status, err := post(at, quake(t, "20261128020202", "</Body>", origin)); err != nil || status != http.StatusAccepted {
		t.Fatalf("%d %v", status, err)
	}
	l := proposals(t, up.Client, func(l []api.Proposal) bool { return len(l) == 2 && l[0].State == alarm.Started })
	t.Logf("from the telegram to the first call: %s", firstCall(t, up.Client, l[0].Run).Sub(sent).Round(time.Millisecond))
	if !strings.Contains(l[0].Rule, "estate.yaml:") {
		t.Errorf("rule = %q", l[0].Rule)
	}
	// Its clock runs since the earth shook, not since the telegram.
	if got := clockBegan(t, up.Client, l[0].Run); !got.Equal(struck) {
		t.Errorf("the RTO clock began at %s, the event happened at %s", got, struck)
	}
	if _, err := up.Abort(t.Context(), l[0].Run, workflows.Control{By: "sato", Reason: "end of the test"}); err != nil {
		t.Error(err)
	}
	untilEnded(t, up, l[0].Run)
	// So it does when a person starts what an alarm proposed.
	if status, err := post(at, quake(t, "20261128030303", "<MaxInt>6-</MaxInt></Area>\n</Pref>", "<MaxInt>5-</MaxInt></Area>\n</Pref>", "</Body>", origin)); err != nil || status != http.StatusAccepted {
		t.Fatalf("%d %v", status, err)
	}
	p = proposals(t, up.Client, func(l []api.Proposal) bool { return len(l) == 3 })[0]
	begun, err := up.StartProposal(t.Context(), p.ID, api.ProposalRequest{By: "sato"})
	if err != nil {
		t.Fatal(err)
	}
	firstCall(t, up.Client, begun.Run)
	if got := clockBegan(t, up.Client, begun.Run); !got.Equal(struck) {
		t.Errorf("started by a person: the RTO clock began at %s, the event happened at %s", got, struck)
	}
	if _, err := up.Abort(t.Context(), begun.Run, workflows.Control{By: "sato", Reason: "end of the test"}); err != nil {
		t.Error(err)
	}
	untilEnded(t, up, begun.Run)
}

// clockBegan is when a run says that its event happened.
func clockBegan(t *testing.T, c *api.Client, id string) time.Time {
	t.Helper()
	ev, err := c.Events(t.Context(), id, 0, 0)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range ev.Entries {
		var o run.Occurrence
		if e.Event.Kind == run.EventOccurred && e.Event.Decode(&o) == nil {
			return o.At
		}
	}
	t.Fatalf("%s: no clock has begun", id)
	return time.Time{}
}

// Those who decide hear of a proposal by mail, once, in their language, also when the mail
// server was away; and of what became of it.
func TestThoseWhoDecideAreTold(t *testing.T) {
	t.Setenv("MUSTER_TEST_QUAKES", quakeSecret)
	addressed := strings.NewReplacer("{id: sato, name: Sato, roles: [commander]}", "{id: sato, name: Sato, roles: [commander], mail: sato@example.jp, lang: ja}",
		"roles: [operator, commander]}", "roles: [operator, commander], mail: tanaka@example.jp, lang: en}\n  - {id: ito, name: Ito, roles: [operator], mail: ito@example.jp}").Replace(estate)
	o, said := options(t, plansDir(t, map[string]string{"estate.yaml": addressed, "runbook.yaml": runbook, "tokyo.yaml": woken}))
	o.Config.Alarms = []config.Alarm{{Place: "muster.yaml:1", Name: "quakes", Kind: "jma", Secrets: []string{"secret://env/MUSTER_TEST_QUAKES"}}}
	office := mailtest.OpenOffice(t, mailtest.OfficeOptions{})
	mailSettings(t, &o, office)
	office.Close()
	up := begin(t, o)
	if status, err := post(address(t, said), quake(t, "20261128010101", "<MaxInt>6-</MaxInt></Area>\n</Pref>", "<MaxInt>5-</MaxInt></Area>\n</Pref>")); err != nil || status != http.StatusAccepted {
		t.Fatalf("%d %v", status, err)
	}
	p := proposals(t, up.Client, func(l []api.Proposal) bool { return len(l) == 1 })[0]
	office.Open()
	letters := func(n int) []mailtest.Letter {
		t.Helper()
		for deadline := time.Now().Add(60 * time.Second); ; {
			got := office.Letters()
			if len(got) >= n {
				return got
			}
			if time.Now().After(deadline) {
				t.Fatalf("%d letters within 60 s, want %d", len(got), n)
			}
			<-time.After(50 * time.Millisecond)
		}
	}
	for _, l := range letters(2) {
		want := map[string]string{"sato@example.jp": "【警報】対応の要否を判断してください：東京拠点の喪失", "tanaka@example.jp": "ALARM, decide on the response: Loss of Tokyo"}[l.To]
		if l.Subject != want || want == "" {
			t.Errorf("to %s: %q, want %q; an operator decides nothing", l.To, l.Subject, want)
		}
		// The estate is in Tokyo, wherever the server is.
		if text := l.Parts["text/plain"]; strings.Count(text, " JST") != 2 {
			t.Errorf("to %s: want when it was raised and until when it waits in the organisation's zone, named:\n%s", l.To, text)
		}
		if text := l.Parts["text/plain"]; !strings.Contains(text, "muster proposal start "+p.ID) || !strings.Contains(text, "震度５弱：") && !strings.Contains(text, "intensity 5-lower at") {
			t.Errorf("to %s: %s", l.To, text)
		}
	}
	if _, err := up.DismissProposal(t.Context(), p.ID, api.ProposalRequest{By: "sato", Reason: "no damage"}); err != nil {
		t.Fatal(err)
	}
	all := letters(4)
	closed := 0
	for _, l := range all {
		if strings.Contains(l.Parts["text/plain"], "no damage") {
			closed++
		}
	}
	if len(all) != 4 || closed != 2 {
		t.Errorf("%d letters, %d of the end; want 2 and 2", len(all), closed)
	}
}

func asProblem(err error, p **api.Problem) bool {
	got, ok := err.(*api.Problem)
	*p = got
	return ok
}

// address is where the API listens, as people were told.
func address(t *testing.T, said *talk) string {
	t.Helper()
	for line := range strings.Lines(said.String()) {
		if f := strings.Fields(line); len(f) == 2 && f[0] == "API" {
			return f[1]
		}
	}
	t.Fatalf("no address in:\n%s", said)
	return ""
}

// firstCall is when the first person was called.
func firstCall(t *testing.T, c *api.Client, id string) time.Time {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 60*time.Second)
	defer cancel()
	for after := int64(0); ; {
		ev, err := c.Events(ctx, id, after, 20*time.Second)
		if err != nil {
			t.Fatalf("waiting for the first call of %s: %v", id, err)
		}
		for _, e := range ev.Entries {
			if e.Event.Kind == run.PersonCalled {
				return e.Event.At
			}
		}
		if after = ev.Next; ev.Ended {
			t.Fatal(fmt.Errorf("%s ended without a call", id))
		}
	}
}
