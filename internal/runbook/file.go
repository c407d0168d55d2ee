package runbook

import (
	"github.com/muster-dr/muster/internal/run"
	"github.com/muster-dr/muster/internal/yamldoc"
)

type (
	text     = yamldoc.Value[string]
	number   = yamldoc.Value[int]
	duration = yamldoc.Value[run.Duration]
)

// File is a Runbook as people write it.
type File struct {
	yamldoc.Place
	Kind   text         `json:"kind" help:"Runbook." ja:"Runbook と書く" enum:"Runbook"`
	Name   text         `json:"name" help:"Name of the runbook." ja:"手順書の名前" is:"name"`
	Title  yamldoc.Text `json:"title" help:"As people call it." ja:"表示名" default:""`
	System text         `json:"system" help:"System it moves or checks." ja:"切り替えや確認の対象となるシステム" is:"name"`
	Steps  []Step       `json:"steps" help:"What is done. A step waits for the one before it, unless it says needs." ja:"実行する内容。needs がなければ、直前のステップの完了を待つ" item:"step"`
}

// Step runs an action.
type Step struct {
	yamldoc.Place
	ID      text         `json:"id" help:"Name of the step in this runbook." ja:"この手順書の中でのステップの名前" is:"name"`
	Title   yamldoc.Text `json:"title" help:"As people call it." ja:"表示名" default:""`
	Uses    text         `json:"uses" help:"The action, as in postgres.promote." ja:"使うアクション。postgres.promote など"`
	At      text         `json:"at" help:"Site whose worker runs it; the control site unless said." ja:"実行するワーカーの拠点。なければ制御プレーンの拠点" is:"name" default:""`
	As      text         `json:"as" help:"Role that does it, for steps of people." ja:"担当する役割。人が行うステップの場合" is:"name" default:""`
	Owner   text         `json:"owner" help:"Role that answers for a machine's step and acknowledges it in a walkthrough; the owner of the site or the system unless said, else who decides." ja:"自動ステップに責任を持ち、手順書確認訓練で確認する役割。なければ拠点またはシステムの owner、それもなければ決定者" is:"name" default:""`
	With    yamldoc.Raw  `json:"with" help:"The action's parameters." ja:"アクションのパラメーター" default:""`
	Needs   *[]text      `json:"needs" help:"Steps that must have ended well before; [] is none. Left out, it is the step before." ja:"先に正常終了している必要があるステップ。[] はなし。省略時は直前のステップ" is:"name" default:""`
	If      yamldoc.Raw  `json:"if" help:"A CEL expression; when it is false the step is skipped." ja:"CEL式。偽ならステップを省略する" default:""`
	Budget  duration     `json:"budget" help:"How long it should take; passing it is a finding, not a failure." ja:"目安時間。超えても失敗ではなく、指摘事項とする" default:""`
	Timeout duration     `json:"timeout" help:"After this it has failed, or its outcome is unknown. Left out: 5m, or 30m for steps of people, and never more than the system's RTO." ja:"これを過ぎると失敗または結果不明とする。省略時は5m、人が行うステップは30m。ただしシステムのRTOを超えない" default:""`
	Queue   duration     `json:"queue_timeout" help:"How long to wait for a worker of the site." ja:"拠点のワーカーが受け取るまで待つ時間" default:"30s"`
	Absent  text         `json:"when_absent" help:"When no worker of the site takes it in time: ask a person, fail, skip (go on without it; a finding), or the name of a site that does it instead. Left out, as the scenario says." ja:"時間内に拠点のワーカーが受け取らない場合の扱い。ask（人に尋ねる）、fail（失敗とする）、skip（実行せずに進み、指摘事項とする）、または代わりに実行する拠点の名前。省略時はシナリオの指定" default:""`
	Retry   number       `json:"retry" help:"How often it may be tried again once its goal is seen not to hold, with nothing of it under way. A program, a request, a statement or a patch may have done a part by then: only for what may be done again." ja:"目標の状態でなく、実行中でもないと確認された場合に再試行してよい回数。プログラム、リクエスト、SQL文、パッチは途中まで実行されていることがあるため、繰り返してよいものにだけ指定する" min:"0" max:"10" default:"0"`
	Undo    []Undo       `json:"undo" help:"What puts back what it changed: one action, or several run in order." ja:"変更を元に戻すアクション。1つ、または順に実行する複数" single:"true" item:"undo" default:""`
}

// Undo is an action that puts back what a step changed.
type Undo struct {
	yamldoc.Place
	Uses    text        `json:"uses" help:"The action." ja:"使うアクション"`
	With    yamldoc.Raw `json:"with" help:"The action's parameters." ja:"アクションのパラメーター" default:""`
	At      text        `json:"at" help:"Site whose worker runs it; that of the step unless said." ja:"実行するワーカーの拠点。なければステップの拠点" is:"name" default:""`
	Timeout duration    `json:"timeout" help:"How long it may take." ja:"待つ時間" default:"5m"`
	Queue   duration    `json:"queue_timeout" help:"How long to wait for a worker of the site." ja:"拠点のワーカーが受け取るまで待つ時間" default:"30s"`
}
