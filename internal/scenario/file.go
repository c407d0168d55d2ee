package scenario

import (
	"github.com/muster-dr/muster/internal/programme"
	"github.com/muster-dr/muster/internal/run"
	"github.com/muster-dr/muster/internal/runbook"
	"github.com/muster-dr/muster/internal/yamldoc"
)

type (
	text     = yamldoc.Value[string]
	number   = yamldoc.Value[int]
	duration = yamldoc.Value[run.Duration]
)

// File is a Scenario as people write it.
type File struct {
	yamldoc.Place
	Kind         text                 `json:"kind" help:"Scenario." ja:"Scenario と書く" enum:"Scenario"`
	Name         text                 `json:"name" help:"Name of the scenario." ja:"シナリオの名前" is:"name"`
	Title        yamldoc.Text         `json:"title" help:"As people call it." default:""`
	Hazard       text                 `json:"hazard" help:"Class of event; it sets the phases." ja:"事象の種類。段階の構成が決まる" enum:"disaster,security-incident,pandemic,restore-test"`
	Depth        text                 `json:"depth" help:"How far a drill goes: talked through, read step by step, in places made for it, or on the real systems. The real thing is started by muster activate, never by a file." ja:"訓練の深さ。机上、手順の読み合わせ、専用の隔離環境、実システムのいずれか。本番はファイルではなく muster activate で開始する" enum:"tabletop,walkthrough,isolated,live"`
	Trigger      text                 `json:"trigger" help:"What sets it off: damage, or a threat before anything has stopped. With a threat the RTO counts only the interruption that the recovery itself makes." enum:"damage,threat" default:"damage"`
	SitesLost    []text               `json:"sites_lost" help:"Sites that the event takes away." is:"name" default:""`
	Systems      []text               `json:"systems" help:"Systems to be recovered." ja:"復旧するシステム" is:"name"`
	Phases       []text               `json:"phases" help:"The phases, in order; without this list those of the hazard." enum:"activation,safety_check,muster,site_inspection,communications,damage_assessment,containment,recovery_decision,recovery,verification,completion,failback,closing" default:""`
	Quorum       yamldoc.Dict[number] `json:"quorum" help:"How many people of which role must be there." min:"1" max:"1000" default:""`
	MusterAt     text                 `json:"muster_place" help:"Where people muster; for a pandemic the first online place unless said, else the first place." is:"name" default:""`
	Daytime      yamldoc.Value[bool]  `json:"daytime" help:"It strikes while people are at work on site: they gather for a roll-call instead of travelling." default:"false"`
	Missing      []yamldoc.Raw        `json:"absent" help:"Who is taken out of the drill: people by ID, or some who are drawn, as in {random: 2, of: operator}. Their acts are refused and their deputies step in. Nobody is in a real response." single:"true" default:""`
	Lead         text                 `json:"lead" help:"Role that leads the work and may name another muster place at any time; who decides unless said." is:"name" default:""`
	Safety       Safety               `json:"safety" help:"How long people are waited for. Nobody's silence blocks a run." default:""`
	Decision     Decision             `json:"decision" help:"Who decides on the recovery." default:""`
	Reports      *Reports             `json:"reports" help:"Status reports on a cadence; they go out at once when the forecast passes a target." default:""`
	Approvals    number               `json:"approvals" help:"People besides the requester who must approve the recovery; at least 1 when it is real." min:"0" max:"10" default:"1"`
	FourEyes     yamldoc.Value[bool]  `json:"four_eyes" help:"Whether a drill too has the start confirmed, the decision approved and what is forced confirmed by a second person; the real thing always does." default:"false"`
	Injects      []Inject             `json:"injects" help:"What the drill does to make it happen. The real thing has none: they are left out then." item:"inject" default:""`
	Failback     text                 `json:"failback" help:"Whether the systems go home in the same run." enum:"return,stay" default:"return"`
	Hold         duration             `json:"hold" help:"How long service must hold to count as restored." default:"30s"`
	Baseline     duration             `json:"baseline" help:"How long service must be seen before the first inject." default:"5s"`
	DetectWait   duration             `json:"detect_wait" help:"How long to wait for a probe to see the event." default:"2m"`
	VerifyWait   duration             `json:"verify_wait" help:"How long service may take to come back after the last step." default:"5m"`
	FailWait     duration             `json:"fail_wait" help:"How long a failed or unknown step waits for a person." default:"30m"`
	Absent       text                 `json:"when_absent" help:"When no worker of a step's site takes it in time: ask a person, fail, or the name of a site that does it instead. A step's own when_absent goes before." default:"ask"`
	People       People               `json:"people" help:"Who answers for the people." default:""`
	Requires     []text               `json:"requirements" help:"IDs of the requirements that a drill of it proves, as in E-C01." default:""`
	Pass         []Criterion          `json:"pass" help:"What must be true of the finished drill; the report says of each whether it was met." item:"criterion" default:""`
	Wake         []Wake               `json:"wake" help:"Alarms that propose or start the response." item:"wake" default:""`
	RealAlarm    text                 `json:"real_alarm" help:"What a real alarm does to a running drill of it: abort, with undo, or continue." enum:"abort,continue" default:"abort"`
	Fresh        duration             `json:"fresh_for" help:"How long what a run of it proves counts, as in 100d; the estate's unless said." default:""`
	Schedule     *programme.Schedule  `json:"schedule" help:"When the drill is due. A row of the programme that names the scenario takes it over, unless it has its own; muster schedule apply puts it into effect." default:""`
	Blind        yamldoc.Value[bool]  `json:"blind" help:"Whether the scenario is withheld from those who take part until it is over; its facilitators alone read it before." default:"false"`
	Facilitators []text               `json:"facilitators" help:"People who plan and lead a blind drill, and may read the scenario beforehand." is:"name" default:""`
}

// Criterion is what must be true of a finished drill.
type Criterion struct {
	yamldoc.Place
	ID     text         `json:"id" help:"Name of the criterion." ja:"判定基準の名前" is:"name"`
	Text   yamldoc.Text `json:"text" help:"The criterion as a sentence." ja:"判定基準の説明文"`
	Expect text         `json:"expect" help:"CEL over the report's facts: run, systems, steps, injects, phases, people, decisions, findings and more; times are seconds from the run's start." default:""`
	Cannot yamldoc.Text `json:"cannot" help:"Instead of expect: why a drill can't judge it. It is then never met." default:""`
}

// Wake says which alarms wake the response, and how far they go by themselves.
type Wake struct {
	yamldoc.Place
	Alarm     text   `json:"alarm" help:"Source of alarms, by its name in muster.yaml; every source of earthquake telegrams when left out." is:"name" default:""`
	Intensity text   `json:"intensity" help:"Seismic intensity on the Japanese scale, observed in the areas: this or more." enum:"1,2,3,4,5-lower,5-upper,6-lower,6-upper,7" default:""`
	Tsunami   text   `json:"tsunami" help:"Tsunami grade for the areas: this or more." enum:"advisory,warning,major" default:""`
	Areas     []text `json:"areas" help:"Names or codes of the agency's areas: prefecture (13), area (350), city (1310100), or coast. Codes in quotes. Everywhere when left out." default:""`
	When      text   `json:"when" help:"CEL over body, the message as JSON, as in body.commonLabels.site == \"tokyo\"." default:""`
	Then      text   `json:"then" help:"Propose it to people, or start it at once. What changes systems is approved by people either way." enum:"propose,start" default:"propose"`
	Training  text   `json:"training" help:"What a training telegram (訓練) does: nothing, or propose or start a drill. It never starts a response." enum:"ignore,propose,start" default:"ignore"`
}

// Safety bounds the waiting for people.
type Safety struct {
	Remind []duration `json:"remind" help:"When the silent are reminded, counted from the call, as in [5m, 15m, 30m, 1h], which is usual; one span alone is how often. Deputies are called at the first reminder." single:"true" default:""`
	Hold   duration   `json:"hold" help:"How long the call-out waits before it is sent, so that a false alarm can be called off." default:"0s"`
	Within duration   `json:"within" help:"The safety check ends then at the latest." default:"30m"`
	Muster duration   `json:"muster" help:"The muster ends then at the latest." default:"30m"`
	Task   duration   `json:"task" help:"Each other phase of people ends then at the latest." default:"30m"`
}

// Draw is some people who are taken out of a drill.
type Draw struct {
	yamldoc.Place
	Random number `json:"random" help:"How many are drawn." ja:"無作為に選ぶ人数" min:"1" max:"1000"`
	Of     text   `json:"of" help:"Role whose holders are drawn from; everybody unless said." is:"name" default:""`
	Seed   text   `json:"seed" help:"With the run's ID it decides who is drawn; the scenario's name unless said." default:""`
}

// Decision says who decides, and what happens when nobody does.
type Decision struct {
	By     text     `json:"by" help:"Role that decides." is:"name" default:"commander"`
	Within duration `json:"within" help:"Time for the decision." default:"10m"`
	Draft  Draft    `json:"draft" help:"Who drafts it; the role that decides then decides on the draft." default:""`
	Deputy duration `json:"deputy_after" help:"After this time the deputies of who should decide may do it and are told; half of within unless said." default:""`
	Rule   text     `json:"rule" help:"What decides after that time: the rule, by the estimates; or wait, which goes on reminding." enum:"alternate-site-when-rto-at-risk,wait" default:"alternate-site-when-rto-at-risk"`
}

// Draft says who drafts the decision.
type Draft struct {
	By text `json:"by" help:"Role that drafts it, usually the recovery lead." is:"name" default:""`
}

// Reports are the status reports to the reporting line.
type Reports struct {
	yamldoc.Place
	Every duration `json:"every" help:"How often a numbered situation report goes out, while the recovery is not complete." ja:"復旧が完了するまで、番号付きの状況報告を送る間隔"`
	To    []text   `json:"to" help:"Roles, people or parties who get it." ja:"送付先の役割、要員または連絡先" is:"name"`
}

// Inject is something the drill does.
type Inject struct {
	yamldoc.Place
	ID      text           `json:"id" help:"Name of the inject; inject-1 and so on unless said." is:"name" default:""`
	Title   yamldoc.Text   `json:"title" help:"As people call it." default:""`
	At      duration       `json:"at" help:"When, counted from the end of the baseline." default:"0s"`
	After   *Release       `json:"after" help:"What releases it, in place of the end of the baseline; at counts from then." default:""`
	Site    text           `json:"site" help:"Site whose worker does it; that of its only target unless said, else the control site." is:"name" default:""`
	Uses    text           `json:"uses" help:"The action, as in postgres.kill." ja:"使うアクション。postgres.kill など"`
	With    yamldoc.Raw    `json:"with" help:"The action's parameters." default:""`
	Timeout duration       `json:"timeout" help:"How long it may take." default:"1m"`
	Queue   duration       `json:"queue_timeout" help:"How long to wait for a worker of the site." default:"30s"`
	Undo    []runbook.Undo `json:"undo" help:"What puts it back: one action, or several run in order." single:"true" item:"undo" default:""`
	Starts  text           `json:"starts" help:"System whose RTO clock it starts, or none; unless said, the one system of the scenario whose targets it hits." is:"name" default:""`
}

// Release says what releases an inject.
type Release struct {
	yamldoc.Place
	Phase text `json:"phase" help:"The beginning of a phase." enum:"activation,safety_check,muster,site_inspection,communications,damage_assessment,containment,recovery_decision,recovery,verification,completion" default:""`
	Act   text `json:"act" help:"Something that those who take part do, the first time they do." enum:"quorum,inspection,contact,assessment,containment,decision,approval" default:""`
}

// People says who answers for the people.
type People struct {
	Simulate *Simulate `json:"simulate" help:"The engine answers for everybody, and the report says so." default:""`
}

// Simulate makes the engine answer for people.
type Simulate struct {
	After  duration `json:"after" help:"How long an answer takes at least." default:"1s"`
	Spread duration `json:"spread" help:"How much longer it may take, by person." default:"2s"`
	Silent []text   `json:"silent" help:"People who never answer." is:"name" default:""`
	// Injured, Away and Unsafe are what the event did to people and buildings.
	Injured []text `json:"injured" help:"People who answer that they are injured, and do not come." is:"name" default:""`
	Away    []text `json:"away" help:"People who are safe and can't come." is:"name" default:""`
	Unsafe  []text `json:"unsafe" help:"Sites whose building is found unsafe when it is inspected." is:"name" default:""`
}
