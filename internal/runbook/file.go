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
	Title  yamldoc.Text `json:"title" help:"As people call it." default:""`
	System text         `json:"system" help:"System it moves or checks." ja:"切り替えや確認の対象となるシステム" is:"name"`
	Steps  []Step       `json:"steps" help:"What is done. A step waits for the one before it, unless it says needs." ja:"実行する内容。needs がなければ、直前のステップの完了を待つ" item:"step"`
}

// Step runs an action.
type Step struct {
	yamldoc.Place
	ID      text         `json:"id" help:"Name of the step in this runbook." ja:"この手順書の中でのステップの名前" is:"name"`
	Title   yamldoc.Text `json:"title" help:"As people call it." default:""`
	Uses    text         `json:"uses" help:"The action, as in postgres.promote." ja:"使うアクション。postgres.promote など"`
	At      text         `json:"at" help:"Site whose worker runs it; the control site unless said." is:"name" default:""`
	As      text         `json:"as" help:"Role that does it, for steps of people." is:"name" default:""`
	Owner   text         `json:"owner" help:"Role that answers for a machine's step and acknowledges it in a walkthrough; the owner of the site or the system unless said, else who decides." is:"name" default:""`
	With    yamldoc.Raw  `json:"with" help:"The action's parameters." default:""`
	Needs   *[]text      `json:"needs" help:"Steps that must have ended well before; [] is none. Left out, it is the step before." is:"name" default:""`
	If      yamldoc.Raw  `json:"if" help:"A CEL expression; when it is false the step is skipped." default:""`
	Budget  duration     `json:"budget" help:"How long it should take; passing it is a finding, not a failure." default:""`
	Timeout duration     `json:"timeout" help:"After this it has failed, or its outcome is unknown. Left out: 5m, or 30m for steps of people, and never more than the system's RTO." default:""`
	Queue   duration     `json:"queue_timeout" help:"How long to wait for a worker of the site." default:"30s"`
	Absent  text         `json:"when_absent" help:"When no worker of the site takes it in time: ask a person, fail, skip (go on without it; a finding), or the name of a site that does it instead. Left out, as the scenario says." default:""`
	Retry   number       `json:"retry" help:"How often it may be tried again once it is proven that nothing happened." min:"0" max:"10" default:"0"`
	Undo    []Undo       `json:"undo" help:"What puts back what it changed: one action, or several run in order." single:"true" item:"undo" default:""`
}

// Undo is an action that puts back what a step changed.
type Undo struct {
	yamldoc.Place
	Uses    text        `json:"uses" help:"The action." ja:"使うアクション"`
	With    yamldoc.Raw `json:"with" help:"The action's parameters." default:""`
	At      text        `json:"at" help:"Site whose worker runs it; that of the step unless said." is:"name" default:""`
	Timeout duration    `json:"timeout" help:"How long it may take." default:"5m"`
	Queue   duration    `json:"queue_timeout" help:"How long to wait for a worker of the site." default:"30s"`
}
