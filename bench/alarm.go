package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/muster-dr/muster/internal/alarm"
	"github.com/muster-dr/muster/internal/journal"
	"github.com/muster-dr/muster/internal/run"
	"github.com/muster-dr/muster/workflows"
)

const (
	alarmSecret = "a-secret-of-the-bench-only"
	// alarmEvents is how many earthquakes are measured; stormed, how many messages come at once.
	alarmEvents, stormed = 10, 1000
)

// wakePlans are a response that calls two people, woken by 6-lower in Tokyo.
var wakePlans = map[string]string{
	"estate.yaml": `kind: Estate
name: bench
zone: Asia/Tokyo
control: osaka
sites: [{name: tokyo}, {name: osaka}]
systems:
  - {name: orders, home: tokyo, alternate: osaka, objectives: {rto: 1h}, runbooks: {failover: orders-failover}}
people:
  - {id: bench, name: Bench, roles: [commander]}
  - {id: other, name: Other, roles: [operator, commander]}
muster_places: [{name: online, online: true}]
`,
	"runbook.yaml": `kind: Runbook
name: orders-failover
system: orders
steps:
  - {id: announce, uses: human.task, as: operator, with: {text: Tell the branches}}
`,
	"scenario.yaml": `kind: Scenario
name: tokyo-loss
hazard: disaster
depth: tabletop
sites_lost: [tokyo]
systems: [orders]
failback: stay
muster_place: online
decision: {by: commander, within: 1h, rule: wait}
wake: [{intensity: 6-lower, areas: [東京都２３区], then: start}]
`,
}

// telegram is a quick report of 6-lower in Tokyo, as of now.
func telegram(event, n int) []byte {
	now := time.Now()
	return fmt.Appendf(nil, `<?xml version="1.0" encoding="UTF-8"?>
<Report xmlns="http://xml.kishou.go.jp/jmaxml1/"><Control><Title>震度速報</Title><DateTime>%s</DateTime><Status>通常</Status><EditorialOffice>気象庁本庁</EditorialOffice></Control>
<Head xmlns="http://xml.kishou.go.jp/jmaxml1/informationBasis1/"><ReportDateTime>%s</ReportDateTime><EventID>%014d</EventID><InfoType>発表</InfoType><Serial>%d</Serial><Headline><Text>bench</Text></Headline></Head>
<Body xmlns="http://xml.kishou.go.jp/jmaxml1/body/seismology1/"><Intensity><Observation><MaxInt>6-</MaxInt><Pref><Name>東京都</Name><Code>13</Code><MaxInt>6-</MaxInt>
<Area><Name>東京都２３区</Name><Code>350</Code><MaxInt>6-</MaxInt></Area></Pref></Observation></Intensity></Body></Report>`,
		now.UTC().Format(time.RFC3339), now.Format(time.RFC3339), event, n)
}

func (b *bench) send(ctx context.Context, at string, body []byte) (int, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, at+alarm.Path+"quakes", bytes.NewReader(body))
	if err != nil {
		return 0, err
	}
	req.Header.Set("Content-Type", "application/xml")
	req.Header.Set("Muster-Signature", alarm.Sign(alarmSecret, time.Now(), body))
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, err
	}
	return res.StatusCode, res.Body.Close()
}

// alarm measures the time from a telegram of 6-lower to the first person's call, and what a
// storm of messages about one earthquake comes to.
func (b *bench) alarm(ctx context.Context) (err error) {
	dir := filepath.Join(b.dir, "alarm")
	if err := os.MkdirAll(filepath.Join(dir, "plans"), 0o755); err != nil {
		return err
	}
	for name, text := range wakePlans {
		if err := os.WriteFile(filepath.Join(dir, "plans", name), []byte(text), 0o644); err != nil {
			return err
		}
	}
	key := filepath.Join(dir, "quakes.secret")
	if err := os.WriteFile(key, []byte(alarmSecret), 0o600); err != nil {
		return err
	}
	u, err := b.startUp(ctx, dir, "alarms:", fmt.Sprintf("  - {name: quakes, kind: jma, secret: %q}", "secret://file"+key))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, u.process.End(context.WithoutCancel(ctx))) }()

	var took []time.Duration
	for i := range alarmEvents {
		body, begun := telegram(i+1, 1), time.Now()
		if status, err := b.send(ctx, u.at, body); err != nil || status != http.StatusAccepted {
			return fmt.Errorf("the telegram was answered %d, %v", status, err)
		}
		id, at, err := u.called(ctx, begun)
		if err != nil {
			return err
		}
		took = append(took, at.Sub(begun))
		if _, err := u.client.Abort(ctx, id, workflows.Control{By: "bench", Reason: "measured"}); err != nil {
			return err
		}
		if _, err := u.events(ctx, id); err != nil {
			return err
		}
	}
	slices.Sort(took)
	fmt.Printf("\nfrom a telegram of 6-lower to the first person called, goal below 2 s: median %.2f s, worst of %d %.2f s\n", took[len(took)/2].Seconds(), len(took), took[len(took)-1].Seconds())

	var all sync.WaitGroup
	var mu sync.Mutex
	answers, begun := map[int]int{}, time.Now()
	for i := range stormed {
		all.Go(func() {
			status, err := b.send(ctx, u.at, telegram(alarmEvents+1, i))
			mu.Lock()
			defer mu.Unlock()
			if err == nil {
				answers[status]++
			}
		})
	}
	all.Wait()
	spent := time.Since(begun)
	_, at, err := u.called(ctx, begun)
	if err != nil {
		return err
	}
	open, err := u.client.Runs(ctx, journal.Filter{Kind: run.Response, Open: true})
	if err != nil {
		return err
	}
	fmt.Printf("%d messages about one earthquake at once: answered in %.1f s (taken %d, asked to wait %d), %d response, first call after %.2f s\n",
		stormed, spent.Seconds(), answers[http.StatusAccepted], answers[http.StatusTooManyRequests], len(open), at.Sub(begun).Seconds())
	if len(open) != 1 {
		return fmt.Errorf("%d responses run, want one", len(open))
	}
	return nil
}

// called waits for the response that began after a time, and for its first call.
func (u *up) called(ctx context.Context, after time.Time) (id string, at time.Time, err error) {
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for {
		list, err := u.client.Runs(ctx, journal.Filter{Kind: run.Response, Open: true})
		if err != nil {
			return "", at, err
		}
		if len(list) > 0 && list[0].StartedAt.After(after.Add(-time.Second)) {
			id = list[0].Run
			break
		}
		select {
		case <-ctx.Done():
			return "", at, ctx.Err()
		case <-tick.C:
		}
	}
	for next := int64(0); ; {
		got, err := u.client.Events(ctx, id, next, 20*time.Second)
		if err != nil {
			return "", at, err
		}
		for _, e := range got.Entries {
			if e.Event.Kind == run.PersonCalled {
				return id, e.Event.At, nil
			}
		}
		if next = got.Next; got.Ended {
			return "", at, fmt.Errorf("%s ended without a call", id)
		}
	}
}
