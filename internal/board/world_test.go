package board_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.temporal.io/sdk/client"

	"github.com/muster-dr/muster/activities/all"
	"github.com/muster-dr/muster/internal/api"
	"github.com/muster-dr/muster/internal/board"
	"github.com/muster-dr/muster/internal/i18n"
	"github.com/muster-dr/muster/internal/identity"
	"github.com/muster-dr/muster/internal/journal"
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/report"
	"github.com/muster-dr/muster/internal/run"
	"github.com/muster-dr/muster/internal/scenario"
	"github.com/muster-dr/muster/internal/sheet"
	"github.com/muster-dr/muster/internal/temporaltest"
)

const consoleToken = "the-servers-own-token-for-tests"

// world is a board on a record store of its own: what can be read of a recorded drill.
type world struct {
	t     *testing.T
	url   string
	store journal.Store
	read  *counted
	ids   *identity.Service
	plan  plan.Plan
	now   time.Time
	api   http.Handler
	// engine runs what is on the control queue only when a test starts a worker.
	engine client.Client
	dir    string       // of the plan files
	grants []plan.Grant // rights by role that the files grant from now on
}

// counted is a record store that counts how often a run is read from its beginning.
type counted struct {
	journal.Store
	whole atomic.Int64
	away  atomic.Bool // nothing can be read
}

var errAway = errors.New("no route to the record store")

func (c *counted) Document(ctx context.Context, kind, id string) (journal.Document, error) {
	if c.away.Load() {
		return journal.Document{}, errAway
	}
	return c.Store.Document(ctx, kind, id)
}

func (c *counted) Runs(ctx context.Context, f journal.Filter) ([]journal.Summary, error) {
	if c.away.Load() {
		return nil, errAway
	}
	return c.Store.Runs(ctx, f)
}

func (c *counted) Events(ctx context.Context, id string, after int64, limit int) ([]journal.Entry, error) {
	if c.away.Load() {
		return nil, errAway
	}
	if after == 0 {
		c.whole.Add(1)
	}
	return c.Store.Events(ctx, id, after, limit)
}

// begun is when the recorded drill began.
var begun = time.Date(2026, 11, 19, 5, 0, 0, 0, time.UTC)

type files struct{ dir string }

// remembering keeps an inventory for a moment, as the server does.
func remembering(read func() (board.Inventory, error)) func() (board.Inventory, error) {
	var mu sync.Mutex
	var kept board.Inventory
	var err error
	var until time.Time
	return func() (board.Inventory, error) {
		mu.Lock()
		defer mu.Unlock()
		if now := time.Now(); now.After(until) {
			kept, err = read()
			until = now.Add(2 * time.Second)
		}
		return kept, err
	}
}

func (f files) load() (*scenario.Bundle, error) {
	b, mistakes := scenario.Load(f.dir, all.Registry(all.Options{}))
	return b, mistakes.Err()
}

func (f files) Scenarios() ([]api.Scenario, error) {
	b, err := f.load()
	if err != nil {
		return nil, err
	}
	var out []api.Scenario
	for _, s := range b.Scenarios() {
		out = append(out, api.Scenario{Name: s.Name, Title: s.Title, Hazard: s.Hazard, Depth: s.Depth, Systems: s.Systems, Blind: s.Blind, Facilitators: s.Facilitators})
	}
	return out, nil
}

func (f files) Compile(name string, depth run.Depth) (plan.Plan, error) {
	p, _, err := scenario.CompileOne(f.dir, all.Registry(all.Options{}), name, depth)
	return p, err
}

func (f files) estate() (board.Inventory, error) {
	b, err := f.load()
	if err != nil {
		return board.Inventory{}, err
	}
	return board.Inventory{Estate: b.Estate(), Systems: b.Systems(), Roles: b.RoleTitles(), Numbers: b.Numbers()}, nil
}

// estate is what the files say, with the rights that this test grants.
func (w *world) estate(f files) (board.Inventory, error) {
	e, err := f.estate()
	if w.grants != nil {
		e.Grants = w.grants
	}
	return e, err
}

// change changes a word of the plan files everywhere.
func (w *world) change(from, to string) {
	w.t.Helper()
	list, err := os.ReadDir(w.dir)
	if err != nil {
		w.t.Fatal(err)
	}
	for _, e := range list {
		name := filepath.Join(w.dir, e.Name())
		text, err := os.ReadFile(name)
		if err == nil {
			err = os.WriteFile(name, []byte(strings.ReplaceAll(string(text), from, to)), 0o600)
		}
		if err != nil {
			w.t.Fatal(err)
		}
	}
}

// newWorld is a board at a moment of a recorded drill with 60 people.
func newWorld(t *testing.T, now time.Time) *world {
	t.Helper()
	dir := t.TempDir()
	for name, text := range planFiles() {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	store, err := journal.Open(t.Context(), "sqlite:"+filepath.Join(t.TempDir(), "journal.db"))
	if err != nil {
		t.Fatal(err)
	}
	read := &counted{Store: store}
	store = read
	f := files{dir}
	w := &world{t: t, dir: dir, store: store, read: read, now: now, ids: identity.New(store, identity.Options{Console: consoleToken, Pause: func(context.Context, time.Duration) {}})}
	if w.plan, err = f.Compile("tokyo-loss", ""); err != nil {
		t.Fatal(err)
	}
	if err := store.PutPlan(t.Context(), w.plan); err != nil {
		t.Fatal(err)
	}
	engine, _ := temporaltest.Start(t).NewClient(t)
	server := &api.Server{Store: store, Engine: engine, Plans: f, Token: consoleToken, Version: "test", Log: slog.New(slog.DiscardHandler), Now: func() time.Time { return w.now },
		Estate: func(context.Context) (plan.Estate, error) { e, err := w.estate(f); return e.Estate, err },
		SetSheet: func(out io.Writer, d sheet.Sheet, format string, l i18n.Lang) error {
			if format != "html" {
				_, err := io.WriteString(out, d.Markdown(l))
				return err
			}
			return d.HTML(out, []i18n.Lang{l})
		},
		Render: func(out io.Writer, p plan.Plan, events []run.Event, _ []report.Earlier, format, lang string) error {
			r, err := report.Build(p, events)
			if err != nil {
				return err
			}
			return report.Render(out, r, report.Format(format), lang)
		},
		RenderFor: func(out io.Writer, p plan.Plan, events []run.Event, _ []report.Earlier, format, lang, reader string) error {
			r, err := report.Build(p, events)
			if err != nil {
				return err
			}
			return report.Render(out, report.WithoutIndividuals(r, reader), report.Format(format), lang)
		}}
	w.api, w.engine = server.Handler(), engine
	b, err := board.New(board.Options{Store: store, API: w.api, Plans: f, Estate: remembering(func() (board.Inventory, error) { return w.estate(f) }), People: w.ids, Now: func() time.Time { return w.now }})
	if err != nil {
		t.Fatal(err)
	}
	srv := httptest.NewServer(b)
	w.url = srv.URL
	t.Cleanup(func() {
		srv.CloseClientConnections()
		srv.Close()
		b.Close()
		_ = store.Close()
	})
	return w
}

func (w *world) append(events ...run.Event) {
	w.t.Helper()
	if err := w.store.Append(w.t.Context(), events); err != nil {
		w.t.Fatal(err)
	}
}

// token is a personal token of somebody.
func (w *world) token(person string) string {
	w.t.Helper()
	secret, _, err := w.ids.Issue(w.t.Context(), person, "test", person, time.Hour)
	if err != nil {
		w.t.Fatal(err)
	}
	return secret
}

// browser is an http client that has signed in as a person; "" has not.
type browser struct {
	w    *world
	http *http.Client
	lang string
}

func (w *world) browser(person string) *browser {
	w.t.Helper()
	jar := &jar{}
	b := &browser{w: w, lang: "en", http: &http.Client{Jar: jar, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}}
	if person != "" {
		if res, body := b.post("/login", "token", w.token(person)); res.StatusCode != http.StatusSeeOther {
			w.t.Fatalf("sign in as %s: %s\n%s", person, res.Status, body)
		}
	}
	return b
}

func (b *browser) do(req *http.Request) (*http.Response, string) {
	b.w.t.Helper()
	if req.Header.Get("Accept-Language") == "" {
		req.Header.Set("Accept-Language", b.lang)
	}
	res, err := b.http.Do(req)
	if err != nil {
		b.w.t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		b.w.t.Fatal(err)
	}
	return res, string(body)
}

func (b *browser) get(path string) (*http.Response, string) {
	b.w.t.Helper()
	req, err := http.NewRequestWithContext(b.w.t.Context(), http.MethodGet, b.w.url+path, nil)
	if err != nil {
		b.w.t.Fatal(err)
	}
	return b.do(req)
}

// post sends a form of names and values, as a page of the board would.
func (b *browser) post(path string, pairs ...string) (*http.Response, string) {
	b.w.t.Helper()
	req, err := http.NewRequestWithContext(b.w.t.Context(), http.MethodPost, b.w.url+path, strings.NewReader(form(pairs...)))
	if err != nil {
		b.w.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("Sec-Fetch-Site", "same-origin")
	return b.do(req)
}

// the recorded drill: sections, people and what they did.
var (
	sections = [][2]string{{"運用部", "Operations"}, {"開発部", "Development"}, {"事務局", "Secretariat"}, {"大阪支社", "Osaka branch"}, {"お客様窓口", "Service desk"}}
	families = strings.Fields("佐藤 鈴木 高橋 田中 伊藤 渡辺 山本 中村 小林 加藤 吉田 山田 佐々木 山口 松本 井上 木村 林 斎藤 清水 山崎 森 池田 橋本 阿部 石川 山下 中島 石井 小川")
	latin    = strings.Fields("Sato Suzuki Takahashi Tanaka Ito Watanabe Yamamoto Nakamura Kobayashi Kato Yoshida Yamada Sasaki Yamaguchi Matsumoto Inoue Kimura Hayashi Saito Shimizu Yamazaki Mori Ikeda Hashimoto Abe Ishikawa Yamashita Nakajima Ishii Ogawa")
	given    = [][2]string{{"美咲", "Misaki"}, {"健", "Ken"}, {"一郎", "Ichiro"}, {"結衣", "Yui"}, {"翔", "Sho"}, {"さくら", "Sakura"}}
)

func personID(n int) string { return fmt.Sprintf("%s%02d", strings.ToLower(latin[n%30]), n) }

func roleOf(n int) string {
	switch {
	case n == 0:
		return "commander"
	case n == 1:
		return "secretariat"
	case n < 5:
		return "lead"
	case n < 17:
		return "operator"
	case n < 21:
		return "service-desk"
	}
	return "staff"
}

func planFiles() map[string]string {
	e := &strings.Builder{}
	e.WriteString(`kind: Estate
name: example
zone: Asia/Tokyo
control: osaka
sites:
  - {name: tokyo, title: {en: Tokyo data centre, ja: 東京データセンター}}
  - {name: osaka, title: {en: Osaka data centre, ja: 大阪データセンター}}
muster_places:
  - {name: osaka-room, title: {en: "Response room, Osaka", ja: 大阪対策本部室}, site: osaka}
  - {name: video, title: {en: Video conference, ja: ビデオ会議}, online: true}
parties: [{name: carrier, title: {en: Network carrier, ja: 通信事業者}, contact: "0120-555-010"}]
systems:
`)
	for _, s := range []struct{ name, en, ja, rto, rpo string }{{"orders", "Order taking", "受注システム", "30m", "10s"}, {"payments", "Payments", "決済システム", "1h", "1m"}, {"portal", "Customer portal", "顧客ポータル", "4h", "1h"}} {
		fmt.Fprintf(e, `  - name: %[1]s
    title: {en: %[2]s, ja: %[3]s}
    home: tokyo
    alternate: osaka
    objectives: {rto: %[4]s, rpo: %[5]s, rlo: [{within: %[4]s, level: 100}]}
    drillable: [live]
    functions:
      - {name: write, title: {en: Take an order, ja: 登録}, weight: 60, probe: {uses: probe.tcp, at: osaka, with: {address: "127.0.0.1:1"}}}
      - {name: read, title: {en: Look it up, ja: 照会}, weight: 40, probe: {uses: probe.tcp, at: osaka, with: {address: "127.0.0.1:2"}}}
    runbooks: {failover: %[1]s-failover, in_place: %[1]s-in-place, failback: %[1]s-failback}
    in_place_estimate: 3h
    in_place_ground: {en: the maintenance contract, ja: 保守契約}
`, s.name, s.en, s.ja, s.rto, s.rpo)
	}
	e.WriteString(`roles:
  - {name: commander, title: {en: Commander, ja: 統括責任者}}
  - {name: secretariat, title: {en: Secretariat, ja: 事務局}}
  - {name: lead, title: {en: Recovery lead, ja: 復旧責任者}}
  - {name: operator, title: {en: Operator, ja: 復旧担当}}
  - {name: service-desk, title: {en: Service desk, ja: サービスデスク}}
  - {name: staff, title: {en: Staff, ja: 職員}}
people:
`)
	for n := range 60 {
		sec := sections[n%len(sections)]
		if n == 0 || roleOf(n) == "operator" {
			sec = sections[0]
		}
		deputy := ""
		if n == 0 {
			deputy = fmt.Sprintf(", deputies: [%s]", personID(2))
		}
		fmt.Fprintf(e, "  - {id: %s, name: {en: %s %s, ja: %s %s}, roles: [%s], section: %s, contact: \"+81 3 5550 %04d\"%s}\n",
			personID(n), latin[n%30], given[n%6][1], families[n%30], given[n%6][0], roleOf(n), sec[0], 100+n, deputy)
	}
	files := map[string]string{"estate.yaml": e.String(), "scenario.yaml": `kind: Scenario
name: tokyo-loss
title: {en: Loss of the Tokyo data centre, ja: 東京データセンターの喪失}
hazard: disaster
depth: live
sites_lost: [tokyo]
systems: [orders, payments, portal]
quorum: {operator: 6, lead: 2, commander: 1}
muster_place: osaka-room
failback: stay
safety: {remind: 5m, within: 30m, muster: 40m, task: 1h}
decision: {by: commander, within: 10m, rule: alternate-site-when-rto-at-risk}
`, "tabletop.yaml": `kind: Scenario
name: ransomware
title: {en: Ransomware on the file servers, ja: ファイルサーバーのランサムウェア感染}
hazard: security-incident
depth: tabletop
systems: [portal]
failback: stay
muster_place: video
decision: {by: commander, within: 10m, rule: wait}
`, "programme.yaml": programmeFile(), "blind.yaml": blindScenario()}
	for _, s := range []string{"orders", "payments", "portal"} {
		files[s+".yaml"] = fmt.Sprintf(`kind: Runbook
name: %[1]s-failover
title: {en: Switch %[1]s to Osaka, ja: %[1]s を大阪へ切り替え}
system: %[1]s
steps:
  - {id: fence, title: {en: Stop writes at Tokyo, ja: 東京側の書き込み停止}, uses: sim.step, at: osaka, with: {dir: /tmp/%[1]s}, budget: 1m}
  - {id: freeze-batch, title: {en: Hold the batch jobs, ja: バッチ処理の停止}, needs: [], uses: sim.step, at: osaka, with: {dir: /tmp/%[1]s}, budget: 2m}
  - {id: promote, title: {en: Promote the standby, ja: 待機系の昇格}, needs: [fence], uses: sim.step, at: osaka, with: {dir: /tmp/%[1]s}, budget: 2m}
  - {id: repoint, title: {en: Point clients to Osaka, ja: 接続先の切り替え}, needs: [promote], uses: sim.step, at: osaka, with: {dir: /tmp/%[1]s}, budget: 3m}
  - {id: reconcile, title: {en: Reconcile the queues, ja: 滞留データの突き合わせ}, needs: [promote, freeze-batch], uses: sim.step, at: osaka, with: {dir: /tmp/%[1]s}, budget: 1m}
  - {id: announce, title: {en: Tell the branches, ja: 営業店への連絡}, needs: [repoint, reconcile], uses: human.task, as: service-desk, with: {text: {en: Tell the branches that Osaka takes over, ja: 大阪での稼働開始を営業店へ連絡する}}}
`, s)
		files[s+"-failback.yaml"] = fmt.Sprintf(`kind: Runbook
name: %[1]s-failback
title: {en: Bring %[1]s home, ja: %[1]s の切戻し}
system: %[1]s
steps:
  - {id: home, title: {en: Promote Tokyo again, ja: 東京側の再昇格}, uses: sim.step, at: tokyo, with: {dir: /tmp/%[1]s}}
`, s)
		files[s+"-in-place.yaml"] = fmt.Sprintf(`kind: Runbook
name: %[1]s-in-place
title: {en: Restart %[1]s at Tokyo, ja: %[1]s を東京で再起動}
system: %[1]s
steps:
  - {id: restart, uses: sim.step, at: tokyo, with: {dir: /tmp/%[1]s}}
`, s)
	}
	return files
}

// record writes the drill as it stands 18 minutes after its start.
func (w *world) record(id string, kind run.Kind) {
	w.t.Helper()
	seqs := map[string]int64{}
	at := func(s float64) time.Time { return begun.Add(time.Duration(s * float64(time.Second))) }
	var events []run.Event
	add := func(s float64, e run.Event) {
		if e.Writer == "" {
			e.Writer = "run"
		}
		if e.By == "" {
			e.By = run.Engine
		}
		seqs[e.Writer]++
		e.Run, e.Seq, e.At = id, seqs[e.Writer], at(s)
		events = append(events, e)
	}
	depth := run.Live
	if kind == run.Response {
		depth = run.Real
	}
	add(0, run.Event{Kind: run.RunStarted, By: personID(1), Reason: "quarterly drill", Data: run.Encode(run.Started{Kind: kind, Depth: depth, Scenario: "tokyo-loss", Hazard: run.Disaster, PlanHash: w.plan.Hash})})
	phase := func(from, to float64, p run.Phase, o run.Outcome) {
		add(from, run.Event{Kind: run.PhaseStarted, Phase: p})
		if to > 0 {
			add(to, run.Event{Kind: run.PhaseEnded, Phase: p, Outcome: o})
		}
	}
	for _, s := range w.plan.Systems {
		add(0.5, run.Event{Kind: run.LockTaken, System: s.Name, Data: run.Encode(run.Lock{Token: 1})})
		for _, p := range s.Probes {
			add(1, run.Event{Kind: run.ProbeChanged, System: s.Name, Step: p.Name, Data: run.Encode(run.ProbeChange{Up: true, At: at(1)})})
		}
	}
	phase(1, 20, run.Activation, run.Passed)
	for _, s := range w.plan.Systems {
		add(10, run.Event{Kind: run.EventOccurred, System: s.Name, Data: run.Encode(run.Occurrence{At: at(10), Source: "inject"})})
		for _, p := range s.Probes {
			add(11, run.Event{Kind: run.ProbeChanged, System: s.Name, Step: p.Name, Data: run.Encode(run.ProbeChange{Up: false, At: at(10.5), Error: "connection refused"})})
		}
	}
	add(12, run.Event{Kind: run.EventDetected, Data: run.Encode(run.Detection{At: at(12)})})
	for n := range 60 {
		add(21, run.Event{Kind: run.PersonCalled, Person: personID(n), Phase: run.Activation, Data: run.Encode(run.Call{Channel: "mail", Roles: []string{roleOf(n)}})})
	}
	add(22, run.Event{Kind: run.MessageSent, Data: run.Encode(run.Message{Channel: "mail", Text: run.Mark + "Loss of the Tokyo data centre: answer the safety check / 東京データセンターの喪失：安否を回答してください"})})
	phase(22, 0, run.SafetyCheck, "")
	phase(22, 0, run.Muster, "")
	for n := range 60 {
		if n%5 == 3 { // silent so far
			if n != 3 {
				continue
			}
		}
		a := run.Answer{Safety: run.Safe, CanCome: n < 28}
		if n == 31 || n == 45 {
			a = run.Answer{Safety: run.Injured, Note: "sprained ankle"}
		}
		add(30+float64(n)*7, run.Event{Kind: run.PersonAnswered, Person: personID(n), By: personID(n), Phase: run.SafetyCheck, Data: run.Encode(a)})
	}
	for n := range 22 {
		if n%5 != 3 || n == 3 {
			add(200+float64(n)*14, run.Event{Kind: run.PersonArrived, Person: personID(n), By: personID(n), Phase: run.Muster, Data: run.Encode(run.Arrival{Place: "osaka-room"})})
		}
	}
	add(430, run.Event{Kind: run.QuorumReached, Phase: run.Muster})
	add(431, run.Event{Kind: run.PhaseEnded, Phase: run.Muster, Outcome: run.Passed})
	phase(431, 470, run.SiteInspection, run.Passed)
	phase(470, 0, run.Communications, "")
	phase(470, 600, run.DamageAssessment, run.Passed)
	phase(600, 0, run.Containment, "")
	phase(600, 0, run.RecoveryDecision, "")
	for _, s := range w.plan.Systems {
		alt, in := 540.0, 10800.0
		ask := run.DecisionAsk{Question: "recovery", Role: "commander", Choices: []run.Choice{run.Alternate, run.InPlace, run.StandDown, run.NotPossible}, Proposed: run.Alternate,
			Ground: "in place would miss the RTO / 被災拠点での復旧ではRTOを超過する見込み", UsedS: 600, ObjectiveS: seconds(s.Objective.RTO), AlternateS: &alt, InPlaceS: &in, AlternateGround: "the median of 4 drills / 過去4回の訓練の中央値",
			InPlaceGround: "the maintenance contract / 保守契約", DeadlineS: 600}
		add(610, run.Event{Kind: run.DecisionAsked, System: s.Name, Phase: run.RecoveryDecision, Data: run.Encode(ask)})
	}
	add(690, run.Event{Kind: run.DecisionMade, System: "orders", By: personID(0), Phase: run.RecoveryDecision, Reason: "the standby is whole", Data: run.Encode(run.Decision{Question: "recovery", Answer: run.Alternate, WaitedS: 80})})
	add(700, run.Event{Kind: run.ApprovalAsked, Phase: run.RecoveryDecision, Reason: "1 besides " + personID(1) + ", who asked for it / 1 名（要請者 " + personID(1) + " を除く）"})
	add(760, run.Event{Kind: run.ApprovalGiven, By: personID(2), Phase: run.RecoveryDecision, Data: run.Encode(run.Approval{})})
	add(761, run.Event{Kind: run.RecoveryOrdered, System: "orders", Runbook: "orders-failover", By: personID(0)})
	phase(761, 0, run.Recovery, "")
	step := func(from, to float64, id string, o run.Outcome, reason string) {
		e := run.Event{Writer: "orders/failover", System: "orders", Runbook: "orders-failover", Step: id, Action: "sim.step", Site: "osaka", Phase: run.Recovery, Generation: 1}
		e.Kind = run.StepStarted
		add(from, e)
		if to > 0 {
			e.Kind, e.Outcome, e.Reason, e.Data = run.StepEnded, o, reason, run.Encode(run.StepResult{SettledBy: run.ByResult, DurationS: to - from, Attempts: 1})
			add(to, e)
		}
	}
	step(762, 801, "fence", run.Passed, "")
	step(762, 900, "freeze-batch", run.Passed, "")
	step(801, 905, "promote", run.Passed, "")
	for _, p := range w.plan.Systems[0].Probes {
		if p.Function == "read" {
			add(910, run.Event{Kind: run.ProbeChanged, System: "orders", Step: p.Name, Data: run.Encode(run.ProbeChange{Up: true, At: at(909)})})
		}
	}
	step(906, 0, "repoint", "", "")
	e := run.Event{Writer: "orders/failover", System: "orders", Runbook: "orders-failover", Step: "reconcile", Action: "sim.step", Site: "osaka", Phase: run.Recovery, Generation: 1, Kind: run.StepStarted}
	add(906, e)
	e.Kind, e.Reason = run.StepWaiting, "no answer from the queue manager within 60 s / キューマネージャーから60秒以内に応答なし"
	e.Data = run.Encode(run.Wait{Kind: run.WaitUnknown, Role: "operator", Acts: []run.Act{run.ActDone, run.ActRetry, run.ActSkip}})
	add(970, e)
	add(971, run.Event{Kind: run.MessageSent, Data: run.Encode(run.Message{Channel: "mail", Text: run.Mark + "Step reconcile of orders: nobody can tell whether it happened / 受注システムのステップ「滞留データの突き合わせ」の結果が不明です"})})
	w.append(events...)
}

func seconds(d *run.Duration) *float64 {
	if d == nil {
		return nil
	}
	s := d.Seconds()
	return &s
}

// grant puts rights into the plan of what is recorded from now on.
func (w *world) grant(list ...plan.Grant) {
	w.t.Helper()
	w.plan.Estate.Grants = list
	if err := w.plan.Seal(); err != nil {
		w.t.Fatal(err)
	}
	if err := w.store.PutPlan(w.t.Context(), w.plan); err != nil {
		w.t.Fatal(err)
	}
}
