package api

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/client"

	"github.com/muster-dr/muster/internal/journal"
	"github.com/muster-dr/muster/internal/nearest"
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/run"
	"github.com/muster-dr/muster/workflows"
)

// answerWithin bounds how long a change may take to be answered. After that its outcome
// is unknown to the caller, who asks again with the same key.
const answerWithin = 20 * time.Second

// startTries bounds the IDs tried when the engine knows runs that the store does not.
const startTries = 20

func (s *Server) startRoutes(api huma.API) {
	huma.Register(api, route("start-run", http.MethodPost, "/runs", "Start a run, or join the open one of the same scenario.", 404, 409, 422, 503, 504),
		func(ctx context.Context, in *struct {
			Key  string `header:"Idempotency-Key" doc:"Used as the request ID when the body has none."`
			Body StartRequest
		}) (*answer[Started], error) {
			if in.Body.RequestID == "" {
				in.Body.RequestID = in.Key
			}
			if in.Body.RequestID == "" {
				in.Body.RequestID = NewRequestID()
			}
			out, err := s.start(ctx, in.Body)
			if err != nil {
				return nil, err
			}
			return &answer[Started]{out}, nil
		})
}

func (s *Server) start(ctx context.Context, in StartRequest) (Started, error) {
	if err := sign(ctx, &in); err != nil {
		return Started{}, err
	}
	if in.Kind == run.Response {
		if err := handed(ctx); err != nil {
			return Started{}, err
		}
	}
	l := lang(ctx)
	bad := func(detail, way string) error {
		return problem(http.StatusUnprocessableEntity, CodeBadRequest, detail, way)
	}
	switch {
	case in.Kind != run.Drill && run.IsSchedule(in.By):
		return Started{}, bad(l.T("A schedule starts drills only.", "予定から開始できるのは訓練だけです。"), l.T("`muster activate` starts the real thing", "本番対応は `muster activate` で開始します"))
	case in.Kind == run.Response && in.Depth != "" && in.Depth != run.Real:
		return Started{}, bad(l.T("A response is real; depth %q is a drill's.", "本番対応の深さは本番（real）です。%q は訓練のものです。", in.Depth),
			l.T("Start a drill at that depth, or leave the depth out", "その深さで訓練を開始するか、深さの指定を外してください"))
	case in.Kind == run.Drill && in.Depth == run.Real:
		return Started{}, bad(l.T("A drill can't be real.", "訓練をrealで実施することはできません。"),
			l.T("`muster activate` starts the real thing; a drill reaches no further than live", "本番対応は `muster activate` で開始します。訓練の深さはliveまでです"))
	case in.Kind == run.Response && strings.TrimSpace(in.Reason) == "":
		return Started{}, bad(l.T("A real response needs a reason.", "本番対応の開始には理由が必要です。"), l.T("Say why with --reason", "--reason で理由を示してください"))
	}
	if in.Since != "" {
		at, err := time.Parse(time.RFC3339, in.Since)
		if err != nil {
			return Started{}, bad(l.T("since is no RFC 3339 time: %q", "sinceがRFC 3339の時刻ではありません: %q", in.Since), l.T("Such as 2026-11-19T14:03:00+09:00", "例: 2026-11-19T14:03:00+09:00"))
		}
		if at.After(s.Now().Add(time.Minute)) {
			return Started{}, bad(l.T("since lies in the future: %s", "sinceが未来の時刻です: %s", in.Since), l.T("Give the time at which the event happened", "事象が発生した時刻を指定してください"))
		}
	}
	depth := in.Depth
	if in.Kind == run.Response {
		depth = run.Real
	}
	p, err := s.compile(ctx, in.Scenario, depth)
	if err != nil {
		return Started{}, err
	}
	if in.Kind == run.Drill && p.Scenario.Depth == run.Real {
		return Started{}, bad(l.T("Scenario %s is written for depth real; a drill of it needs another depth.", "シナリオ %s の深さは本番（real）です。訓練には別の深さが必要です。", in.Scenario),
			l.T("Give --depth live, isolated, walkthrough or tabletop", "--depth live、isolated、walkthrough、tabletopのいずれかを指定してください"))
	}
	if run.NoPerson(in.By) {
		err = ofAlarm(ctx, in.By)
	} else {
		err = knownPerson(ctx, p, in.By)
	}
	if err != nil {
		return Started{}, err
	}
	if in.PlanHash != "" && in.PlanHash != p.Hash {
		return Started{}, problem(http.StatusConflict, CodeRefused, l.T("The plan files have changed since you looked: the plan is %s now.", "確認した後に計画ファイルが変更されています。現在の計画は %s です。", p.Hash[:min(len(p.Hash), 12)]),
			l.T("Look at it again, then start it", "内容を確認し直してから開始してください"))
	}
	if err := mayIn(ctx, p.Estate, in.By, plan.MayStart); err != nil && !run.NoPerson(in.By) {
		return Started{}, err
	}
	why, other, err := s.besideSelf(ctx, p, in.Kind)
	if err != nil {
		return Started{}, s.storeProblem(ctx, err)
	}
	if why != (plan.Text{}) {
		held := refusal(l, CodeRefused, why)
		held.WayOut = l.T("See it with `muster drill show %s`", "`muster drill show %s` で状況を確認できます", other)
		return Started{}, held
	}
	if err := s.Store.PutPlan(ctx, p); err != nil {
		return Started{}, s.storeProblem(ctx, err)
	}
	if err := s.engineAnswers(ctx); err != nil {
		return Started{}, s.engineAway(ctx, err)
	}
	ctx, cancel := context.WithTimeout(ctx, answerWithin)
	defer cancel()
	return s.begin(ctx, p, in)
}

// knownPerson refuses an actor whom the estate does not know: four eyes are counted by
// person, and a mistyped name would count as one more.
func knownPerson(ctx context.Context, p plan.Plan, id string) error {
	if _, ok := p.Estate.Person(id); ok {
		return nil
	}
	var ids []string
	for _, person := range p.Estate.People {
		ids = append(ids, person.ID)
	}
	l := lang(ctx)
	if slices.Contains(p.Estate.Barred, id) {
		return problem(http.StatusConflict, CodeRefused, l.T("%s may not act in this kind of run.", "%s はこの種別の実施では操作できません。", id),
			l.T("The estate limits the person (only: drill or real)", "構成台帳で対象が限定されています（only: drill または real）"))
	}
	way := l.T("People of the estate: %s", "構成台帳に載っている人: %s", strings.Join(ids, ", "))
	if near := nearest.Word(id, ids); near != "" {
		way = l.T("Did you mean %q?", "%q の間違いではありませんか。", near)
	}
	return problem(http.StatusUnprocessableEntity, CodeBadRequest, l.T("The estate knows no person %q.", "構成台帳に %q という人はいません。", id), way)
}

// actorInEstate is the estate as it is now, and refuses an actor whom it does not know.
func (s *Server) actorInEstate(ctx context.Context, id string) (plan.Estate, error) {
	if s.Estate == nil {
		l := lang(ctx)
		return plan.Estate{}, problem(http.StatusForbidden, CodeRefused, l.T("This server has no estate, so nobody is known to it.", "このサーバーには構成台帳がないため、操作者を確認できません。"),
			l.T("Start it with the plan files: --plans", "--plans で計画ファイルを指定して起動してください"))
	}
	e, err := s.Estate(ctx)
	if err != nil {
		return e, s.mistakes(ctx, err)
	}
	return e, knownPerson(ctx, plan.Plan{Estate: e}, id)
}

// begin starts or joins. The run's number is one above the scenario's newest ended run,
// so everybody who starts at once names the same run, and the engine lets only one of them
// start it. A run that the record has as open is joined by its own ID.
func (s *Server) begin(ctx context.Context, p plan.Plan, in StartRequest) (Started, error) {
	ended, last, open, err := s.runsOf(ctx, in.Scenario, in.Kind)
	if err != nil {
		return Started{}, s.storeProblem(ctx, err)
	}
	updateID := "begin-" + digest(in.RequestID)
	if last != "" {
		// The answer to this very request may have been lost and its run have ended
		// since: then that answer is given, and nothing starts again.
		if begun, ok := answered[workflows.Begun](ctx, s, last, updateID); ok && s.stands(ctx, p, &begun) {
			return s.begun(ctx, p, in.Kind, begun)
		}
	}
	var tried []string
	for n := ended; n <= ended+startTries; n++ {
		// An open one is joined by the ID that it has: its scenario may have been blind when it
		// began and not be now, or the other way round, and then a new one would be called otherwise.
		id := open
		if n > ended {
			if id, err = s.runID(ctx, p.Scenario, in.Kind, n); err != nil {
				return Started{}, s.storeProblem(ctx, err)
			}
		}
		if id == "" || slices.Contains(tried, id) {
			continue
		}
		tried = append(tried, id)
		start := s.Engine.NewWithStartWorkflowOperation(client.StartWorkflowOptions{
			ID: id, TaskQueue: plan.ControlQueue,
			WorkflowIDConflictPolicy: enumspb.WORKFLOW_ID_CONFLICT_POLICY_USE_EXISTING,
			WorkflowIDReusePolicy:    enumspb.WORKFLOW_ID_REUSE_POLICY_REJECT_DUPLICATE,
			// Without this a used ID would look like a fresh start (faults.md S9).
			WorkflowExecutionErrorWhenAlreadyStarted: true,
		}, workflows.TypeRun, workflows.Input{
			RunID: id, Kind: in.Kind, Plan: p, Requester: in.By, Via: via(ctx), Issuers: issuers(ctx), RequestID: in.RequestID, Reason: in.Reason, Since: in.Since,
			Bundle: s.Bundled, Rows: s.rowsOf(ctx, in),
		})
		handle, err := s.Engine.UpdateWithStartWorkflow(ctx, client.UpdateWithStartWorkflowOptions{
			StartWorkflowOperation: start,
			UpdateOptions: client.UpdateWorkflowOptions{
				WorkflowID: id, UpdateID: updateID, UpdateName: workflows.UpdateBegin,
				Args:         []any{workflows.Begin{By: in.By, Via: via(ctx), RequestID: in.RequestID}},
				WaitForStage: client.WorkflowUpdateStageCompleted,
			},
		})
		if used := new(serviceerror.WorkflowExecutionAlreadyStarted); errors.As(err, &used) {
			// Closed in the engine: it ended this very moment, or was ended there.
			if begun, ok := answered[workflows.Begun](ctx, s, id, updateID); ok && s.stands(ctx, p, &begun) {
				return s.begun(ctx, p, in.Kind, begun)
			}
			continue
		}
		var begun workflows.Begun
		if err == nil {
			err = handle.Get(ctx, &begun)
		}
		if err == nil && begun.Ended {
			continue // only its records were left: the next one begins
		}
		if err != nil {
			err = s.updateProblem(ctx, id, err)
			if p := new(Problem); errors.As(err, &p) && p.Code == CodeUnknownOutcome {
				l := lang(ctx)
				p.WayOut = l.T("Ask again with the same request ID: nothing starts twice. `muster drill list --open` shows what runs", "同じrequest IDで再度要求してください。二重に開始されることはありません。実施中のものは `muster drill list --open` で確認できます")
			}
			return Started{}, err
		}
		return s.begun(ctx, p, in.Kind, begun)
	}
	l := lang(ctx)
	return Started{}, problem(http.StatusConflict, CodeRefused,
		l.T("The engine has used the IDs %s to %s, of which the record store knows nothing.", "エンジンは記録にないID %s から %s までを使用済みです。", tried[0], tried[len(tried)-1]),
		l.T("Is this the record store that belongs to the engine? See store and data in the settings", "エンジンに対応する記録の保存先か、設定のstoreとdataを確認してください"))
}

// runID is what the n-th run of a scenario is called. A blind one's is drawn: its ID is in every
// message and address, and must tell nothing of what it is of.
func (s *Server) runID(ctx context.Context, of plan.Scenario, kind run.Kind, n int) (string, error) {
	id, err := fmt.Sprintf("%s-%d", of.Name, n), error(nil)
	switch {
	case kind == run.Response:
		id = fmt.Sprintf("%s-real-%d", of.Name, n)
	case of.Blind:
		id, err = s.drawnID(ctx, id)
	}
	if s.Bundled != nil { // the installation that the bundle is of may number on meanwhile
		id += "-" + s.Bundled.ID
	}
	return id, err
}

// runsOf says of a scenario and kind how many runs have ended, the newest of them, and the newest open one.
func (s *Server) runsOf(ctx context.Context, scenario string, kind run.Kind) (ended int, last, open string, err error) {
	list, err := s.Store.Runs(ctx, journal.Filter{Scenario: scenario, Kind: kind})
	if err != nil {
		return 0, "", "", err
	}
	for _, r := range list { // newest first
		if r.State.Ended() {
			ended++
			last = cmp.Or(last, r.Run)
		} else {
			open = cmp.Or(open, r.Run)
		}
	}
	return ended, last, open, nil
}

// answered is the answer an earlier request got, when the engine still has it.
func answered[T any](ctx context.Context, s *Server, id, updateID string) (T, bool) {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	var out T
	handle := s.Engine.GetWorkflowUpdateHandle(client.GetWorkflowUpdateHandleOptions{WorkflowID: id, UpdateID: updateID})
	err := handle.Get(ctx, &out)
	return out, err == nil
}

func (s *Server) begun(ctx context.Context, of plan.Plan, kind run.Kind, b workflows.Begun) (Started, error) {
	if b.Refused == "" {
		out := Started{Run: b.Run, Attached: b.Attached, StartedBy: b.StartedBy}
		if kind == run.Response || of.StrikesItself() { // whichever of the two was first
			select { // the answer does not wait for it
			case s.mayYield <- struct{}{}:
			default:
			}
		}
		var err error
		if out.Beside, err = s.beside(ctx, of, kind); err != nil { // it has begun all the same
			s.Log.Warn("what else runs on the same systems is not known", "run", b.Run, "err", err)
		}
		return out, nil
	}
	l := lang(ctx)
	why := b.Why
	if why == (plan.Text{}) {
		why = plan.Apart(b.Refused) // of a run whose worker is older
	}
	p := refusal(l, CodeRefused, why)
	if b.Holder != "" {
		p.Code, p.Holder = CodeHeld, b.Holder
		p.WayOut = l.T("See it with `muster drill show %s`; wait for its end, or abort it", "`muster drill show %s` で確認し、終了を待つか中止してください", b.Holder)
		list, err := s.Store.Runs(ctx, journal.Filter{Run: b.Holder, Limit: 1})
		switch {
		case err != nil || len(list) != 1:
		case kind == run.Response && list[0].Kind == run.Drill && !list[0].State.Ended():
			p.WayOut = l.T("That is a DRILL, and this is real: stop it with `muster drill abort %s --reason ...`, and start again as soon as it has put back what it changed",
				"保持しているのは訓練です。`muster drill abort %s --reason ...` で訓練を中止し、原状回復が済みしだい発動し直してください", b.Holder)
		case kind == run.Drill && list[0].Kind == run.Response && !list[0].State.Ended():
			p.WayOut = l.T("That is the REAL response: hold the drill after it has ended. `muster drill show %s` shows it",
				"保持しているのは本番の対応です。訓練はその終了後に実施してください。`muster drill show %s` で状況を確認できます", b.Holder)
		case !list[0].State.Ended():
			p.WayOut = cmp.Or(s.endsBy(ctx, l, b.Holder, b.Holder == b.Run), p.WayOut)
		case list[0].State.Ended():
			p.WayOut = l.T("Run %s has ended and its clean-up is incomplete: put the system right, then release it with `muster drill release SYSTEM --reason ...` or on the system's page",
				"%s は後始末が未完了のまま終了しています。システムを正常な状態に戻し、`muster drill release SYSTEM --reason ...` またはシステムの画面でロックを解除してください", b.Holder)
		}
	}
	return Started{}, p
}

func digest(parts ...string) string {
	sum := sha256.Sum256([]byte(strings.Join(parts, "\x00")))
	return hex.EncodeToString(sum[:16])
}

// updateProblem turns the engine's error to a change into what the caller can act on.
func (s *Server) updateProblem(ctx context.Context, id string, err error) error {
	l := lang(ctx)
	if why, ok := workflows.Refused(err); ok {
		code := CodeRefused
		if list, serr := s.Store.Runs(ctx, journal.Filter{Run: id, Limit: 1}); serr == nil && len(list) == 1 && list[0].State.Ended() {
			code = CodeEnded
		}
		return refusal(l, code, why)
	}
	if gone := new(serviceerror.NotFound); errors.As(err, &gone) {
		list, serr := s.Store.Runs(ctx, journal.Filter{Run: id, Limit: 1})
		if serr != nil {
			return s.storeProblem(ctx, serr)
		}
		if len(list) == 0 {
			return s.unknownRun(ctx, id)
		}
		return problem(http.StatusConflict, CodeEnded, l.T("Run %s has ended.", "実施 %s は終了しています。", id),
			l.T("`muster report %s` shows how", "`muster report %s` で結果を確認できます", id))
	}
	if errors.Is(err, context.Canceled) && ctx.Err() != nil && !errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return err
	}
	timeout, deadline := new(client.WorkflowUpdateServiceTimeoutOrCanceledError), new(serviceerror.DeadlineExceeded)
	if errors.As(err, &timeout) || errors.As(err, &deadline) || errors.Is(err, context.DeadlineExceeded) {
		return problem(http.StatusGatewayTimeout, CodeUnknownOutcome,
			l.T("No answer came in time; whether it happened is unknown.", "時間内に応答がありませんでした。実行されたかどうかは不明です。"),
			l.T("`muster drill show` tells whether it happened; do it again where it did not. A program asks again with the same Idempotency-Key: nothing happens twice", "`muster drill show` で実行されたかを確認し、されていなければもう一度操作してください。プログラムからは、同じIdempotency-Keyで再度要求すれば二重に実行されません"))
	}
	if away := new(serviceerror.Unavailable); errors.As(err, &away) {
		return s.engineAway(ctx, err)
	}
	if most := new(serviceerror.FailedPrecondition); errors.As(err, &most) && strings.Contains(most.Message, "total number of distinct updates") {
		return problem(http.StatusTooManyRequests, CodeRefused, l.T("The engine takes no more acts of run %s: %s", "エンジンは実施 %s の操作をこれ以上受け付けません: %s", id, most.Message),
			l.T("Raise history.maxTotalUpdates in the dynamic configuration of your Temporal, such as to 10000 (dynamic.yaml): it is read again while Temporal runs, and then the act is taken", "Temporalの動的設定で history.maxTotalUpdates を引き上げてください（dynamic.yaml の例では10000）。稼働したまま読み直され、操作を受け付けるようになります"))
	}
	return problem(http.StatusInternalServerError, CodeInternal, err.Error(), "")
}

func (s *Server) engineAway(ctx context.Context, err error) error {
	l := lang(ctx)
	return problem(http.StatusServiceUnavailable, CodeEngine,
		l.T("The engine can't be reached: %v", "エンジンに接続できません: %v", err),
		l.T("`muster up` restarts its own engine by itself, so try again in some seconds; for an engine of your own see temporal.address. `muster doctor` says more",
			"`muster up` の内蔵エンジンは自動で再起動します。数秒後に再度お試しください。自前のエンジンはtemporal.addressを確認してください。詳細は `muster doctor` で確認できます"))
}
