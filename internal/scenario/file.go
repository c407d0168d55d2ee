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
	Title        yamldoc.Text         `json:"title" help:"As people call it." ja:"表示名" default:""`
	Hazard       text                 `json:"hazard" help:"Class of event; it sets the phases." ja:"事象の種類。段階の構成が決まる" enum:"disaster,security-incident,pandemic,restore-test"`
	Depth        text                 `json:"depth" help:"How far a drill goes: talked through, read step by step, in places made for it, or on the real systems. The real thing is started by muster activate, never by a file." ja:"訓練の深さ。机上、手順の読み合わせ、専用の隔離環境、実システムのいずれか。本番はファイルではなく muster activate で開始する" enum:"tabletop,walkthrough,isolated,live"`
	Trigger      text                 `json:"trigger" help:"What sets it off: damage, or a threat before anything has stopped. With a threat the RTO counts only the interruption that the recovery itself makes." ja:"発端。damage（被害）、または threat（まだ何も止まっていない段階の脅威）。脅威の場合、RTOには復旧作業そのものによる中断だけを数える" enum:"damage,threat" default:"damage"`
	SitesLost    []text               `json:"sites_lost" help:"Sites that the event takes away." ja:"事象によって失われる拠点" is:"name" default:""`
	Systems      []text               `json:"systems" help:"Systems to be recovered." ja:"復旧するシステム" is:"name"`
	Phases       []text               `json:"phases" help:"The phases, in order; without this list those of the hazard." ja:"段階とその順序。なければ災害種別の標準" enum:"activation,safety_check,muster,site_inspection,communications,damage_assessment,containment,recovery_decision,recovery,verification,completion,failback,closing" default:""`
	Quorum       yamldoc.Dict[number] `json:"quorum" help:"How many people of which role must be there." ja:"どの役割が何人必要か" min:"1" max:"1000" default:""`
	MusterAt     text                 `json:"muster_place" help:"Where people muster; for a pandemic the first online place unless said, else the first place." ja:"参集場所。なければ、感染症では最初のオンラインの場所、それ以外は最初の場所" is:"name" default:""`
	Daytime      yamldoc.Value[bool]  `json:"daytime" help:"It strikes while people are at work on site: they gather for a roll-call instead of travelling." ja:"勤務時間中の発生を想定する。移動せず、その場に集まって点呼する" default:"false"`
	Missing      []yamldoc.Raw        `json:"absent" help:"Who is taken out of the drill: people by ID, or some who are drawn, as in {random: 2, of: operator}. Their acts are refused and their deputies step in. Nobody is in a real response." ja:"訓練から外す要員。ID、または {random: 2, of: operator} のように抽選で選ぶ。本人の操作は拒否し、代行者が代わる。本番対応では誰も外さない" single:"true" default:""`
	Lead         text                 `json:"lead" help:"Role that leads the work and may name another muster place at any time; who decides unless said." ja:"作業を指揮し、いつでも参集場所を変更できる役割。なければ決定者" is:"name" default:""`
	Safety       Safety               `json:"safety" help:"How long people are waited for. Nobody's silence blocks a run." ja:"人を待つ時間。誰かの応答がなくても実施は止まらない" default:""`
	Decision     Decision             `json:"decision" help:"Who decides on the recovery." ja:"復旧方針を決定する人" default:""`
	Reports      *Reports             `json:"reports" help:"Status reports on a cadence; they go out at once when the forecast passes a target." ja:"定期的な状況報告。見込みが目標を超えたときは直ちに送る" default:""`
	Approvals    number               `json:"approvals" help:"People besides the requester who must approve the recovery; at least 1 when it is real." ja:"要請者のほかに復旧を承認する人数。本番対応では1以上" min:"0" max:"10" default:"1"`
	FourEyes     yamldoc.Value[bool]  `json:"four_eyes" help:"Whether a drill too has the start confirmed, the decision approved and what is forced confirmed by a second person; the real thing always does." ja:"訓練でも、開始の確認、決定の承認、強制の確認を別の人に求めるか。本番対応では常に求める" default:"false"`
	Injects      []Inject             `json:"injects" help:"What the drill does to make it happen. The real thing has none: they are left out then." ja:"訓練で行う状況付与。本番対応では行わない" item:"inject" default:""`
	Failback     text                 `json:"failback" help:"Whether the systems go home in the same run." ja:"同じ実施の中でシステムを本拠点に切戻すか" enum:"return,stay" default:"return"`
	Hold         duration             `json:"hold" help:"How long service must hold to count as restored." ja:"復旧とみなすまでに、サービスが途切れず続くべき時間" default:"30s"`
	Baseline     duration             `json:"baseline" help:"How long service must be seen before the first inject." ja:"最初の状況付与の前に、サービスを計測する時間" default:"5s"`
	DetectWait   duration             `json:"detect_wait" help:"How long to wait for a probe to see the event." ja:"プローブが事象を検知するまで待つ時間" default:"2m"`
	VerifyWait   duration             `json:"verify_wait" help:"How long service may take to come back after the last step." ja:"最後のステップのあと、サービスの回復を待つ時間" default:"5m"`
	FailWait     duration             `json:"fail_wait" help:"How long a failed or unknown step waits for a person. Where simulate is set, a drill waits after + spread + 1s instead: nobody else comes." ja:"失敗または結果不明のステップについて、人の判断を待つ時間。simulate を指定した訓練では、代わりに after + spread + 1s だけ待つ（模擬の要員以外は応答しないため）" default:"30m"`
	Absent       text                 `json:"when_absent" help:"When no worker of a step's site takes it in time: ask a person, fail, or the name of a site that does it instead. A step's own when_absent goes before." ja:"時間内に拠点のワーカーがステップを受け取らない場合の扱い。ask（人に尋ねる）、fail（失敗とする）、または代わりに実行する拠点の名前。ステップに when_absent があればそれを優先する" default:"ask"`
	People       People               `json:"people" help:"Who answers for the people." ja:"要員に代わって応答するもの" default:""`
	Requires     []text               `json:"requirements" help:"IDs of the requirements that a drill of it proves, as in E-C01." ja:"このシナリオの訓練で満たされる要件のID。E-C01 など" default:""`
	Pass         []Criterion          `json:"pass" help:"What must be true of the finished drill; the report says of each whether it was met." ja:"終了した訓練が満たすべき基準。達成したかを1つずつ報告する" item:"criterion" default:""`
	Wake         []Wake               `json:"wake" help:"Alarms that propose or start the response." ja:"本番対応を提案または開始する警報" item:"wake" default:""`
	RealAlarm    text                 `json:"real_alarm" help:"What a real alarm does to a running drill of it: abort, with undo, or continue." ja:"このシナリオの訓練中に本物の警報を受けた場合の扱い。abort（取り消しを行って中止）または continue（続行）" enum:"abort,continue" default:"abort"`
	Fresh        duration             `json:"fresh_for" help:"How long what a run of it proves counts, as in 100d; the estate's unless said." ja:"この実施による立証が有効な期間。100d など。なければ構成台帳の指定" default:""`
	Schedule     *programme.Schedule  `json:"schedule" help:"When the drill is due. A row of the programme that names the scenario takes it over, unless it has its own; muster schedule apply puts it into effect." ja:"訓練の実施時期。このシナリオを指定した訓練計画の行に引き継がれる（行に自身の指定があればそちらを使う）。muster schedule apply で有効になる" default:""`
	Blind        yamldoc.Value[bool]  `json:"blind" help:"Whether the scenario is withheld from those who take part until it is over; its facilitators alone read it before." ja:"終了まで参加者にシナリオを知らせないか。事前に読めるのは進行役（facilitators）だけ" default:"false"`
	Facilitators []text               `json:"facilitators" help:"People who plan and lead a blind drill, and may read the scenario beforehand." ja:"非提示型訓練を企画・進行し、事前にシナリオを読める人" is:"name" default:""`
}

// Criterion is what must be true of a finished drill.
type Criterion struct {
	yamldoc.Place
	ID     text         `json:"id" help:"Name of the criterion." ja:"合格基準の名前" is:"name"`
	Text   yamldoc.Text `json:"text" help:"The criterion as a sentence." ja:"合格基準の説明文"`
	Expect text         `json:"expect" help:"CEL over the report's facts: run, systems, steps, injects, phases, people, decisions, findings and more; times are seconds from the run's start." ja:"報告書の事実に対するCEL式。run、systems、steps、injects、phases、people、decisions、findings などを使う。時間は実施開始からの秒数" default:""`
	Cannot yamldoc.Text `json:"cannot" help:"Instead of expect: why a drill can't judge it. It is then never met." ja:"expect の代わりに、訓練では判定できない理由を書く。その場合は達成とならない" default:""`
}

// Wake says which alarms wake the response, and how far they go by themselves.
type Wake struct {
	yamldoc.Place
	Alarm     text   `json:"alarm" help:"Source of alarms, by its name in muster.yaml; every source of earthquake telegrams when left out." ja:"警報の発信元（muster.yaml での名前）。省略時は地震電文を受け取るすべての発信元" is:"name" default:""`
	Intensity text   `json:"intensity" help:"Seismic intensity on the Japanese scale, observed in the areas: this or more." ja:"対象地域で観測された震度。これ以上の場合" enum:"1,2,3,4,5-lower,5-upper,6-lower,6-upper,7" default:""`
	Tsunami   text   `json:"tsunami" help:"Tsunami grade for the areas: this or more." ja:"対象地域の津波の区分。これ以上の場合" enum:"advisory,warning,major" default:""`
	Areas     []text `json:"areas" help:"Names or codes of the agency's areas: prefecture (13), area (350), city (1310100), or coast. Codes in quotes. Everywhere when left out." ja:"気象庁の地域の名前またはコード。都道府県（13）、地域（350）、市町村（1310100）、沿岸。コードは引用符で囲む。省略時は全域" default:""`
	When      text   `json:"when" help:"CEL over body, the message as JSON, as in body.commonLabels.site == \"tokyo\"." ja:"body（メッセージのJSON）に対するCEL式。body.commonLabels.site == \"tokyo\" など" default:""`
	Then      text   `json:"then" help:"Propose it to people, or start it at once. What changes systems is approved by people either way." ja:"人に提案するか、直ちに開始するか。システムを変更する作業には、どちらの場合も人の承認が必要" enum:"propose,start" default:"propose"`
	Training  text   `json:"training" help:"What a training telegram (訓練) does: nothing, or propose or start a drill. It never starts a response." ja:"訓練報の扱い。何もしない、訓練を提案する、訓練を開始する、のいずれか。本番対応は開始しない" enum:"ignore,propose,start" default:"ignore"`
}

// Safety bounds the waiting for people.
type Safety struct {
	Remind []duration `json:"remind" help:"When the silent are reminded, counted from the call, as in [5m, 15m, 30m, 1h], which is usual; one span alone is how often. Deputies are called at the first reminder." ja:"回答のない人に催促する時期（召集からの時間）。標準は [5m, 15m, 30m, 1h]。1つだけ書くとその間隔で繰り返す。最初の催促で代行者も召集する" single:"true" default:""`
	Hold   duration   `json:"hold" help:"How long the call-out waits before it is sent, so that a false alarm can be called off." ja:"誤った警報を取り下げられるよう、召集の送信を遅らせる時間" default:"0s"`
	Within duration   `json:"within" help:"The safety check ends then at the latest." ja:"安否確認を終える時間の上限" default:"30m"`
	Muster duration   `json:"muster" help:"The muster ends then at the latest." ja:"参集を終える時間の上限" default:"30m"`
	Task   duration   `json:"task" help:"Each other phase of people ends then at the latest." ja:"人が行うそのほかの段階を終える時間の上限" default:"30m"`
}

// Draw is some people who are taken out of a drill.
type Draw struct {
	yamldoc.Place
	Random number `json:"random" help:"How many are drawn." ja:"無作為に選ぶ人数" min:"1" max:"1000"`
	Of     text   `json:"of" help:"Role whose holders are drawn from; everybody unless said." ja:"抽選の対象となる役割。なければ全員" is:"name" default:""`
	Seed   text   `json:"seed" help:"With the run's ID it decides who is drawn; the scenario's name unless said." ja:"実施IDとともに抽選の結果を決める値。なければシナリオの名前" default:""`
}

// Decision says who decides, and what happens when nobody does.
type Decision struct {
	By     text     `json:"by" help:"Role that decides." ja:"決定する役割" is:"name" default:"commander"`
	Within duration `json:"within" help:"Time for the decision." ja:"決定までの時間" default:"10m"`
	Draft  Draft    `json:"draft" help:"Who drafts it; the role that decides then decides on the draft." ja:"復旧方針の案を作成する役割。決定者はその案について決定する" default:""`
	Deputy duration `json:"deputy_after" help:"After this time the deputies of who should decide may do it and are told; half of within unless said." ja:"これを過ぎると、決定者の代行者も決定でき、代行者に知らせる。なければ within の半分" default:""`
	Rule   text     `json:"rule" help:"What decides after that time: the rule, by the estimates; or wait, which goes on reminding." ja:"時間を過ぎた場合の決め方。rule は見積もりに基づく規則で決める。wait は催促しながら待つ" enum:"alternate-site-when-rto-at-risk,wait" default:"alternate-site-when-rto-at-risk"`
}

// Draft says who drafts the decision.
type Draft struct {
	By text `json:"by" help:"Role that drafts it, usually the recovery lead." ja:"案を作成する役割。通常は作業責任者" is:"name" default:""`
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
	ID      text           `json:"id" help:"Name of the inject; inject-1 and so on unless said." ja:"状況付与の名前。なければ inject-1 から順に付く" is:"name" default:""`
	Title   yamldoc.Text   `json:"title" help:"As people call it." ja:"表示名" default:""`
	At      duration       `json:"at" help:"When, counted from the end of the baseline." ja:"開始時刻（事前計測の終わりからの時間）" default:"0s"`
	After   *Release       `json:"after" help:"What releases it, in place of the end of the baseline; at counts from then." ja:"事前計測の終わりの代わりに、開始のきっかけとするもの。at はそこから数える" default:""`
	Site    text           `json:"site" help:"Site whose worker does it; that of its only target unless said, else the control site." ja:"実行するワーカーの拠点。なければ唯一の操作対象の拠点、それもなければ制御プレーンの拠点" is:"name" default:""`
	Uses    text           `json:"uses" help:"The action, as in postgres.kill." ja:"使うアクション。postgres.kill など"`
	With    yamldoc.Raw    `json:"with" help:"The action's parameters." ja:"アクションのパラメーター" default:""`
	Timeout duration       `json:"timeout" help:"How long it may take." ja:"待つ時間" default:"1m"`
	Queue   duration       `json:"queue_timeout" help:"How long to wait for a worker of the site." ja:"拠点のワーカーが受け取るまで待つ時間" default:"30s"`
	Undo    []runbook.Undo `json:"undo" help:"What puts it back: one action, or several run in order." ja:"元に戻すアクション。1つ、または順に実行する複数" single:"true" item:"undo" default:""`
	Starts  text           `json:"starts" help:"System whose RTO clock it starts, or none; unless said, the one system of the scenario whose targets it hits." ja:"RTOの計時を開始するシステム、または none。なければ、操作対象が影響を受けるシナリオ内の唯一のシステム" is:"name" default:""`
}

// Release says what releases an inject.
type Release struct {
	yamldoc.Place
	Phase text `json:"phase" help:"The beginning of a phase." ja:"段階の始まり" enum:"activation,safety_check,muster,site_inspection,communications,damage_assessment,containment,recovery_decision,recovery,verification,completion" default:""`
	Act   text `json:"act" help:"Something that those who take part do, the first time they do." ja:"参加者が最初に行う操作" enum:"quorum,inspection,contact,assessment,containment,decision,approval" default:""`
}

// People says who answers for the people.
type People struct {
	Simulate *Simulate `json:"simulate" help:"The engine answers for everybody, and the report says so." ja:"エンジンが全員に代わって応答する。報告書にその旨を載せる" default:""`
}

// Simulate makes the engine answer for people.
type Simulate struct {
	After  duration `json:"after" help:"How long an answer takes at least." ja:"応答までの最短時間" default:"1s"`
	Spread duration `json:"spread" help:"How much longer it may take, by person." ja:"人によって応答が遅れる幅" default:"2s"`
	Silent []text   `json:"silent" help:"People who never answer." ja:"応答しない人" is:"name" default:""`
	// Injured, Away and Unsafe are what the event did to people and buildings.
	Injured []text `json:"injured" help:"People who answer that they are injured, and do not come." ja:"負傷していると応答し、参集しない人" is:"name" default:""`
	Away    []text `json:"away" help:"People who are safe and can't come." ja:"無事だが参集できない人" is:"name" default:""`
	Unsafe  []text `json:"unsafe" help:"Sites whose building is found unsafe when it is inspected." ja:"点検で建物が危険と判定される拠点" is:"name" default:""`
}
