// Package temporal is the action that runs any activity on any task queue of the engine:
// by it, what people have in other languages joins a plan. The activity runs once, under a
// workflow whose ID is the effect key, so that the engine itself tells what became of it.
package temporal

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/client"

	"github.com/muster-dr/muster/activities"
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/run"
)

// Options is what the family needs from the process that runs it.
type Options struct {
	Client client.Client // to the engine; nil only lists and checks
}

// Activity is the parameters of temporal.activity.
type Activity struct {
	Queue     string            `json:"task_queue" reach:"queue" help:"Task queue that its worker polls, in muster's own namespace of the engine." ja:"ワーカーが受け取るタスクキュー（musterと同じ名前空間）" example:"orders-tools"`
	Activity  string            `json:"activity" help:"Name under which the worker registers it." ja:"ワーカーが登録している名前" example:"switch_traffic"`
	Input     any               `json:"input" help:"Its one argument, any value; null is an activity without argument." ja:"唯一の引数。任意の値。null は引数のないアクティビティ" default:"null" example:"{to: osaka}"`
	Effect    string            `json:"effect" help:"What it may do to the world, declared by who writes the step, since muster can't know: as it stands, no expression." ja:"影響の区分。musterにはわからないため、ステップを書く人が宣言する。式は使えず、書いたとおりに扱う" default:"destroy" enum:"observe,isolated,disrupt,destroy" example:"disrupt"`
	Look      string            `json:"look" help:"Activity at the same task queue that only looks, given the same argument: it returns true when the goal holds, false when it does not and nothing of it is under way, anything else when it can't tell. Without it a lost answer has to be settled by a person." ja:"同じタスクキューにある、確認だけを行うアクティビティ。同じ引数を受け取り、目標の状態なら true、そうでなく何も進行中でなければ false、判断できなければそれ以外を返す。なければ、応答が失われたときに人が判断する" default:"" example:"traffic_is_at"`
	Pickup    run.Duration      `json:"pickup" help:"How long a worker may take to take it; what nobody took never began. Once taken it has what is left of the step's timeout." ja:"ワーカーが受け取るまで待つ時間。誰も受け取らなかったものは始まっていない。受け取り後は、ステップの timeout の残りを使える" default:"30s"`
	Heartbeat run.Duration      `json:"heartbeat" help:"How long it may be silent, for one that heartbeats; 0s takes no notice, and a dead worker is missed at the step's timeout." ja:"ハートビートを送るアクティビティの場合に、途絶えてよい時間。0s なら監視せず、ワーカーの停止にはステップの timeout で気付く" default:"0s"`
	Results   map[string]string `json:"results" gives:"output" help:"Named results, each an expression over output; int(), double(), string() and bool() give them a type that is checked with the files." ja:"名前を付けた結果。output を使う式で書く。int()、double()、string()、bool() で付けた型は計画ファイルの検査で確かめる" default:"" example:"{moved: int(output.moved)}"`
}

// Outcome is its result.
type Outcome struct {
	Output   any            `json:"output,omitempty" help:"What the activity returned; absent when that was nothing, or no JSON." ja:"アクティビティの戻り値。戻り値がないか、JSONでなければ付かない"`
	Encoding string         `json:"encoding,omitempty" help:"How its worker wrote that: json/plain, json/protobuf, binary/null, ..." ja:"ワーカーが書いた戻り値の形式。json/plain、json/protobuf、binary/null など"`
	Workflow string         `json:"workflow,omitempty" help:"Workflow under which it ran, for the engine's web UI; the activity sees this ID too, and can know by it that it runs twice." ja:"実行したワークフロー。エンジンのWeb UIで確認できる。アクティビティにもこのIDが見え、二重の実行に気付ける"`
	Results  map[string]any `json:"results,omitempty" help:"What results asked for, by name." ja:"results で求めた値（名前ごと）"`
}

// Actions lists the family.
func Actions(o Options) []activities.Action {
	e := engine{o.Client}
	return []activities.Action{activities.Define("temporal.activity", activities.Doc{
		Summary:   "Run an activity of your own worker, in any language, once.",
		SummaryJA: "利用者自身のワーカー（言語は問わない）のアクティビティを一度だけ実行する。",
		Effect:    run.Destroy, Declares: "effect",
	}, e.act, activities.Look(e.look), activities.Ready(e.ready))}
}

// engine is the target.
type engine struct{ client client.Client }

// guard refuses what may not be ordered by this way.
func (e engine) guard(p Activity) error {
	switch {
	case e.client == nil:
		return activities.RefusedBoth("this process has no way to the engine", "このプロセスはエンジンに接続できない")
	case p.Queue == "" || p.Activity == "":
		return activities.RefusedBoth("task_queue and activity must have names", "task_queue と activity を指定する")
	case p.Queue == plan.ControlQueue || strings.HasPrefix(p.Queue, plan.SiteQueue("")):
		return activities.RefusedBoth("task queue %s is muster's own: what is behind it is reached by its own actions, with their guards",
			"タスクキュー %s は muster 自身のものである。専用のアクション（ガード付き）を使う", p.Queue)
	}
	return nil
}

// ready looks whether a worker polls the queue.
func (e engine) ready(ctx context.Context, p Activity) ([]plan.Text, error) {
	if err := e.guard(p); err != nil {
		return nil, err
	}
	seen, err := e.client.DescribeTaskQueue(ctx, p.Queue, enums.TASK_QUEUE_TYPE_ACTIVITY)
	if err != nil {
		return nil, outside(err)
	}
	if len(seen.Pollers) == 0 {
		return []plan.Text{activities.Lacking("no worker polls task queue %s for activities: start it, or correct task_queue", "タスクキュー %s のアクティビティを受け取るワーカーがいません。ワーカーを起動するか、task_queue を修正してください", p.Queue)}, nil
	}
	return nil, nil
}

// outside explains the one way in which the engine's door says no.
func outside(err error) error {
	if denied := new(serviceerror.PermissionDenied); errors.As(err, &denied) {
		return activities.RefusedBoth("this site's worker may not start anything on the engine: let the step run at the control site (leave at out); %v",
			"この拠点のワーカーはエンジンで何も開始できない。ステップを管理拠点で実行する（at を省く）：%v", err)
	}
	return fmt.Errorf("the engine: %w", err)
}
