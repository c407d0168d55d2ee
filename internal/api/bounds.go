package api

import (
	"cmp"
	"context"
	"maps"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode"
	"unicode/utf8"

	"golang.org/x/time/rate"

	"github.com/muster-dr/muster/internal/journal"
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/run"
	"github.com/muster-dr/muster/workflows"
)

// The engine ends a workflow whose history has grown too large (50 MiB, 51,200 events), and
// nothing brings it back; and of updates it takes only so many, then none, the abort included. So nobody may add without end to
// those of a run: neither by the length of what they say nor by how often. An act that comes alone is some ten events.
const (
	mostText  = 2000 // characters of what people write
	mostName  = 200  // of every other text
	mostTexts = 8000 // of an act together
	mostItems = 200  // of a list

	mostActs      = 300 // of a person in a run; what steers it is counted by itself, and so are steps (mostSteps)
	mostActsAtOne = 60  // in a minute

	// heavyBytes and heavyEvents are half of what the engine allows.
	heavyBytes, heavyEvents = 25 << 20, 25_600
	weighEvery              = 50 // acts of a run

	// fullBytes and fullEvents are four fifths of it: what is left is for what steers the run.
	fullBytes, fullEvents = 40 << 20, 40_960
	// usualUpdates is what Temporal takes of a workflow (history.maxTotalUpdates) unless it is told otherwise.
	usualUpdates = 2000
)

// beside are the acts that a response can go without when little is left of what the engine takes of it: they can be written down
// elsewhere.
var beside = map[string]bool{workflows.UpdateNotice: true, workflows.UpdateReach: true, workflows.UpdateOrder: true, workflows.UpdateFollowUp: true,
	workflows.UpdateRemark: true, workflows.UpdateSituation: true, workflows.UpdatePrioritize: true, workflows.UpdateConsult: true}

// prose are the fields in which people write sentences.
var prose = map[string]bool{"reason": true, "note": true, "text": true, "what": true, "ground": true, "restrictions": true}

// fitting refuses an act whose texts are too long for a run's history, or hold what no text has.
func fitting(ctx context.Context, body any) error {
	l, sum := lang(ctx), 0
	refuse := func(detail, way string) error {
		return problem(http.StatusUnprocessableEntity, CodeBadRequest, detail, way)
	}
	var walk func(name string, v reflect.Value) error
	walk = func(name string, v reflect.Value) error {
		switch v.Kind() {
		case reflect.String:
			most, n := mostName, utf8.RuneCountInString(v.String())
			if prose[name] {
				most = mostText
			}
			sum += n
			if n > most {
				return refuse(l.T("%s has %d characters, and at most %d are taken. Nothing was kept.", "%s が %d 文字あり、上限（%d 文字）を超えています。何も保存していません。", name, n, most),
					l.T("Say it shorter, or in several parts", "短くするか、複数回に分けて送ってください"))
			}
			if r, bad := control(v.String(), prose[name]); bad {
				return refuse(l.T("%s holds a control character (%U). Nothing was kept.", "%s に制御文字（%U）が含まれています。何も保存していません。", name, r),
					l.T("Take it out and send it again", "取り除いて送り直してください"))
			}
		case reflect.Pointer, reflect.Interface:
			if !v.IsNil() {
				return walk(name, v.Elem())
			}
		case reflect.Slice, reflect.Array, reflect.Map:
			if v.Len() > mostItems && v.Type().Elem().Kind() != reflect.Uint8 {
				return refuse(l.T("%s has %d entries, and at most %d are taken. Nothing was kept.", "%s が %d 件あり、上限（%d 件）を超えています。何も保存していません。", name, v.Len(), mostItems),
					l.T("Send it in several parts", "複数回に分けて送ってください"))
			}
			if v.Kind() == reflect.Map {
				for it := v.MapRange(); it.Next(); {
					if err := walk(name, it.Key()); err != nil {
						return err
					}
					if err := walk(name, it.Value()); err != nil {
						return err
					}
				}
				return nil
			}
			for i := range v.Len() {
				if err := walk(name, v.Index(i)); err != nil {
					return err
				}
			}
		case reflect.Struct:
			for i := range v.NumField() {
				f := v.Type().Field(i)
				if !f.IsExported() {
					continue
				}
				inner, _, _ := strings.Cut(f.Tag.Get("json"), ",")
				if inner == "" || inner == "-" {
					inner = strings.ToLower(f.Name)
				}
				if err := walk(inner, v.Field(i)); err != nil {
					return err
				}
			}
		}
		return nil
	}
	if err := walk("", reflect.ValueOf(body)); err != nil {
		return err
	}
	if sum > mostTexts {
		return refuse(l.T("The texts have %d characters together, and at most %d are taken. Nothing was kept.", "文章が合計 %d 文字あり、上限（%d 文字）を超えています。何も保存していません。", sum, mostTexts),
			l.T("Send it in several parts", "複数回に分けて送ってください"))
	}
	return nil
}

// control finds what turns a line of a record, a message or a terminal into something else.
// Sentences may have lines.
func control(s string, lines bool) (rune, bool) {
	for _, r := range s {
		switch {
		case lines && (r == '\n' || r == '\r' || r == '\t'):
		case unicode.IsControl(r), r >= 0x202a && r <= 0x202e, r >= 0x2066 && r <= 0x2069, r == 0x2028, r == 0x2029:
			return r, true
		}
	}
	return 0, false
}

// pace counts what people do in runs. It is kept in memory: a server that starts anew counts
// from the beginning, which is well within what the engine allows.
type pace struct {
	mu   sync.Mutex
	of   map[paced]*paces
	runs map[string]int
	full map[string]bool // runs of which little is left, as they were last weighed
}

type paced struct{ run, person string }

type paces struct {
	limit *rate.Limiter
	acts  [3]int // what steers the run, steps, and all else
}

// steering are the acts that no number of others may keep a person from.
var steering = map[string]bool{workflows.UpdateAbort: true, workflows.UpdatePause: true, workflows.UpdateResume: true, workflows.UpdateDecide: true,
	workflows.UpdateApprove: true, workflows.UpdateRefuse: true, workflows.UpdateConfirm: true, workflows.UpdateCallOut: true}

// brakes are never counted: whoever has done all else may still stop a run. A run takes an abort once, and a
// pause only after what is counted, a resume.
var brakes = map[string]bool{workflows.UpdateAbort: true, workflows.UpdatePause: true}

func class(act string) int {
	switch {
	case steering[act]:
		return 0
	case act == workflows.UpdateStep:
		return 1
	}
	return 2
}

// mostSteps is how often a person may settle steps of a plan: there may be nobody else to do it.
func mostSteps(p plan.Plan) int {
	most := mostActs
	for _, rb := range p.Runbooks {
		most += 2 * len(rb.Steps)
	}
	return most
}

func (p *pace) begin() {
	if p.of == nil {
		p.of, p.runs, p.full = map[paced]*paces{}, map[string]int{}, map[string]bool{}
	}
}

// may reports whether a person may act once more: too often is too many at all, else too many
// at once.
func (p *pace) may(runID, person, act string, most int, now time.Time) (ok, tooOften bool) {
	if brakes[act] {
		return true, false
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.begin()
	x := p.of[paced{runID, person}]
	if x == nil {
		x = &paces{limit: rate.NewLimiter(rate.Every(time.Minute/mostActsAtOne), mostActsAtOne)}
		p.of[paced{runID, person}] = x
	}
	if x.acts[class(act)] >= most {
		return false, true
	}
	return x.limit.AllowN(now, 1), false
}

// done counts an act that was taken, and reports whether the run should be weighed.
func (p *pace) done(runID, person, act string) (weigh bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.begin() // alarms are counted without having been asked
	if x := p.of[paced{runID, person}]; x != nil && !brakes[act] {
		x.acts[class(act)]++
	}
	p.runs[runID]++
	return p.runs[runID]%weighEvery == 0
}

// forget drops what was counted of all but the open runs.
func (p *pace) forget(open []journal.Summary) {
	p.mu.Lock()
	defer p.mu.Unlock()
	ended := func(id string) bool {
		return !slices.ContainsFunc(open, func(s journal.Summary) bool { return s.Run == id })
	}
	maps.DeleteFunc(p.runs, func(id string, _ int) bool { return ended(id) })
	maps.DeleteFunc(p.full, func(id string, _ bool) bool { return ended(id) })
	maps.DeleteFunc(p.of, func(k paced, _ *paces) bool { return ended(k.run) })
}

// fill notes whether little is left of what the engine takes of a run.
func (p *pace) fill(runID string, full bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.begin()
	p.full[runID] = full
}

// keeps reports whether what is left of a run is kept from such an act.
func (p *pace) keeps(runID, act string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return beside[act] && p.full[runID]
}

// paced refuses somebody who acts more often than people do.
func (s *Server) paced(ctx context.Context, workflowID, by, act string, most int) error {
	if run.IsAlarm(by) {
		return nil // has its own bounds
	}
	runID, _, _ := strings.Cut(workflowID, "/")
	l := lang(ctx)
	if s.pace.keeps(runID, act) {
		return problem(http.StatusTooManyRequests, CodeRefused, l.T("Run %s has nearly used up what the engine takes of one run. What is left is kept for decisions, approvals, steps, reports of damage, pause and abort. Nothing was kept.",
			"実施 %s は、1件の実施についてエンジンが受け付けられる量の上限に近づいています。残りは決定、承認、ステップ、被害報告、一時停止、中止のために確保しています。何も保存していません。", runID),
			l.T("Write it down elsewhere with the time, to be attached to the report", "時刻とともに別途書き留め、報告書に添付してください"))
	}
	ok, often := s.pace.may(runID, by, act, most, s.now())
	switch {
	case ok:
		return nil
	case often:
		return problem(http.StatusTooManyRequests, CodeRefused, l.T("%s has acted %d times in this run, which is the most.", "%s のこの実施での操作が上限の %d 回に達しています。", by, most),
			l.T("Have somebody else enter it", "別の人が入力してください"))
	}
	return problem(http.StatusTooManyRequests, CodeRefused, l.T("%s has acted more than %d times within a minute.", "%s の操作が1分間に %d 回を超えています。", by, mostActsAtOne),
		l.T("Wait a moment, then send it again", "少し待ってから送り直してください"))
}

// weigh looks how much of what the engine allows a run has used, while there is time to act.
func (s *Server) weigh(ctx context.Context, workflowID string) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), answerWithin)
	defer cancel()
	runID, runbook, _ := strings.Cut(workflowID, "/")
	if runbook != "" {
		s.weigh(ctx, runID)
	}
	w, err := s.Engine.DescribeWorkflowExecution(ctx, workflowID, "")
	if err != nil {
		s.Log.Warn("the size of a run's history can't be told", "run", workflowID, "err", err)
		return
	}
	size, events := w.GetWorkflowExecutionInfo().GetHistorySizeBytes(), w.GetWorkflowExecutionInfo().GetHistoryLength()
	if heavy(size, events) {
		s.Log.Error("a run has used half of the history that the engine allows; it is ended by the engine at the whole", "run", workflowID, "bytes", size, "events", events)
	}
	if runbook != "" {
		return
	}
	acts, most := 0, cmp.Or(s.Updates, usualUpdates)
	if t, _, err := s.followed(ctx, runID); err != nil {
		s.Log.Warn("how many acts a run has taken can't be told", "run", runID, "err", err)
	} else if acts = t.Acts(); acts > most/2 {
		s.Log.Error("a run has taken half of the acts that the engine takes of one; at the whole nobody can act in it any more, unless history.maxTotalUpdates of the engine can be raised", "run", runID, "updates", acts, "most", most)
	}
	s.pace.fill(runID, full(size, events, acts, s.Updates))
}

// full reports whether what is left of a run is for what steers it. How many updates the engine takes is 0 where that is not
// known: it can be raised there.
func full(size, events int64, acts, updates int) bool {
	return size > fullBytes || events > fullEvents || updates > 0 && acts > updates*7/10
}

func heavy(size, events int64) bool { return size > heavyBytes || events > heavyEvents }
