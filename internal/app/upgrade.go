package app

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"path/filepath"
	"strings"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/history/v1"
	workflowpb "go.temporal.io/api/workflow/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/log"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"github.com/muster-dr/muster/internal/api"
	"github.com/muster-dr/muster/internal/config"
	"github.com/muster-dr/muster/internal/engine"
	"github.com/muster-dr/muster/internal/i18n"
	"github.com/muster-dr/muster/internal/keyring"
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/workflows"
)

// ExamineUpgrade says whether this program, of version, can take over what another version runs
// here: its data, its record store, its plan files, and every run that is under way, whose
// history is replayed with this program's workflows. It changes nothing.
func ExamineUpgrade(ctx context.Context, l i18n.Lang, c config.Config, version string) []Check {
	e := &examination{l: l, c: c, upgrade: true}
	e.add("version", e.t("this program", "このプログラム"), Good, "muster "+version, "")
	e.data()
	e.space()
	serves := e.server(ctx)
	e.store(ctx, serves)
	e.plans(nil)
	e.openRuns(ctx, serves)
	return e.checks
}

// openRuns replays the history of everything under way.
func (e *examination) openRuns(ctx context.Context, serves *api.Health) {
	title := e.t("runs under way", "進行中の訓練・対応")
	if e.elsewhere(serves) {
		e.add("runs", title, Bad, e.notItsSettings(), e.itsSettings("upgrade-check"))
		return
	}
	c, codec, err := e.reach(ctx)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		e.add("runs", title, Good, e.t("none: no engine has run here", "なし (ここではエンジンが動いたことがありません)"), "")
		return
	case err != nil:
		e.add("runs", title, Bad, e.t("nobody can tell, for the engine can't be asked: %v", "エンジンに問い合わせできないため確認できません: %v", err),
			e.t("Run this while the old version is still up, with the settings that it has", "旧版が稼働している間に、同じ設定で実行してください"))
		return
	}
	defer c.Close()
	open, err := underWay(ctx, c)
	if err != nil {
		e.add("runs", title, Bad, e.t("can't be listed: %v", "一覧を取得できません: %v", err), "")
		return
	}
	if len(open) == 0 {
		e.add("runs", title, Good, e.t("none", "なし"), "")
		return
	}
	replayer, err := replayer(codec)
	if err != nil {
		e.trouble("runs", title, err)
		return
	}
	workflows.Register(replayer)
	var safe []string
	for _, w := range open {
		id := w.GetExecution().GetWorkflowId()
		err := fmt.Errorf("%s", e.t("this version has no workflow %q", "この版にはワークフロー %q がありません", w.GetType().GetName()))
		if workflows.IsOurs(w.GetType().GetName()) {
			err = replay(ctx, c, replayer, w)
		}
		if err == nil {
			safe = append(safe, id)
			continue
		}
		e.add("run "+id, id, Bad, e.t("would stand still on this version: %.300v", "この版では進まなくなります: %.300v", err),
			e.t("Let it end on the version it runs on, or abort it, and upgrade then", "現在の版で終了させるか中止してから、更新してください"))
	}
	if len(safe) > 0 {
		e.add("runs", title, Good, e.t("%d go on on this version: %s", "%d 件はこの版で継続できます: %s", len(safe), strings.Join(safe, ", ")), "")
	}
}

// reach connects to the engine that the installation uses. fs.ErrNotExist: there never was one.
func (e *examination) reach(ctx context.Context) (client.Client, *keyring.Codec, error) {
	ctx, cancel := context.WithTimeout(ctx, 8*time.Second)
	defer cancel()
	if e.c.Embedded() {
		at, err := engine.Running(filepath.Join(e.c.Data, "engine"))
		if err != nil {
			return nil, nil, err
		}
		codec, err := payloads(ctx, e.options())
		if err != nil {
			return nil, nil, err
		}
		c, err := engine.Dial(ctx, engine.Connection{Address: at.Address, Namespace: at.Namespace, Token: at.Token, Codec: codec})
		return c, codec, err
	}
	conn, err := Connection(ctx, e.options())
	if err != nil {
		return nil, nil, err
	}
	c, err := engine.Dial(ctx, conn)
	return c, conn.Codec, err
}

// replayer reads histories with this installation's keys.
func replayer(codec *keyring.Codec) (worker.WorkflowReplayer, error) {
	data, failures := codec.Strictly().Converters()
	return worker.NewWorkflowReplayerWithOptions(worker.WorkflowReplayerOptions{DataConverter: data, FailureConverter: failures})
}

// underWay is every open workflow of the kinds that muster has, and whatever else servers work on: a
// kind that this program lacks stands still on it.
func underWay(ctx context.Context, c client.Client) ([]*workflowpb.WorkflowExecutionInfo, error) {
	var out []*workflowpb.WorkflowExecutionInfo
	for next := []byte(nil); ; {
		page, err := c.ListWorkflow(ctx, &workflowservice.ListWorkflowExecutionsRequest{Query: "ExecutionStatus = 'Running'", PageSize: 200, NextPageToken: next})
		if err != nil {
			return nil, err
		}
		for _, w := range page.GetExecutions() {
			if workflows.IsOurs(w.GetType().GetName()) || w.GetTaskQueue() == plan.ControlQueue {
				out = append(out, w)
			}
		}
		if next = page.GetNextPageToken(); len(next) == 0 {
			return out, nil
		}
	}
}

func replay(ctx context.Context, c client.Client, r worker.WorkflowReplayer, w *workflowpb.WorkflowExecutionInfo) error {
	h := new(history.History)
	events := c.GetWorkflowHistory(ctx, w.GetExecution().GetWorkflowId(), w.GetExecution().GetRunId(), false, enumspb.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT)
	for events.HasNext() {
		ev, err := events.Next()
		if err != nil {
			return fmt.Errorf("its history can't be read: %w", err)
		}
		h.Events = append(h.Events, ev)
	}
	return r.ReplayWorkflowHistoryWithOptions(log.NewStructuredLogger(slog.New(slog.DiscardHandler)), h, worker.ReplayWorkflowHistoryOptions{
		OriginalExecution: workflow.Execution{ID: w.GetExecution().GetWorkflowId(), RunID: w.GetExecution().GetRunId()}}) // what is encrypted is bound to it
}
