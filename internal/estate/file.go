package estate

import (
	"github.com/muster-dr/muster/internal/run"
	"github.com/muster-dr/muster/internal/yamldoc"
)

type (
	text     = yamldoc.Value[string]
	number   = yamldoc.Value[int]
	duration = yamldoc.Value[run.Duration]
)

// File is an Estate as people write it.
type File struct {
	yamldoc.Place
	Kind    text     `json:"kind" help:"Estate." ja:"Estate と書く" enum:"Estate"`
	Name    text     `json:"name" help:"Name of the estate." ja:"構成台帳の名前" is:"name"`
	Zone    text     `json:"zone" help:"Time zone of reports, as in Asia/Tokyo." ja:"報告書のタイムゾーン。Asia/Tokyo など" default:"UTC"`
	Control text     `json:"control" help:"Site at which the control plane runs: where recovery happens, not where the loss is." ja:"制御プレーンを動かす拠点。失われる拠点ではなく、復旧を行う側の拠点" is:"name"`
	Sites   []Site   `json:"sites" help:"Places that hold systems or people." ja:"システムや要員のいる拠点" item:"site"`
	Targets []Target `json:"targets" help:"Servers and endpoints that actions refer to by name." ja:"アクションから名前で参照するサーバーやエンドポイント" item:"target" default:""`
	Systems []System `json:"systems" help:"What is recovered." ja:"復旧の対象となるシステム" item:"system"`
	People  []Person `json:"people" help:"Who has which role." ja:"要員とその役割" item:"person"`
	Roles   []Role   `json:"roles" help:"The roles there are; without this list, those that people hold." ja:"役割の一覧。なければ、要員が担う役割のすべて" item:"role" default:""`
	Places  []Place  `json:"muster_places" help:"Where people muster." ja:"参集場所" item:"muster place" default:""`
	Muster  *Muster  `json:"muster" help:"When people come without being ordered to, where, and with what." ja:"指示なしで参集する条件、参集場所、携行品" default:""`
	Fresh   duration `json:"fresh_for" help:"How long a proof of an objective counts, as in 100d, which is usual; then it is overdue. A scenario's own goes before." ja:"目標の立証が有効な期間。100d など（標準は100d）。過ぎると期限超過になる。シナリオに指定があればそれを優先する" default:""`
	Parties []Party  `json:"parties" help:"Contractors and others who must be reached in communications." ja:"情報共有手段の確立で連絡する委託先などの関係先" item:"party" default:""`
}

// Site is a place that holds systems or people.
type Site struct {
	yamldoc.Place
	Name   text         `json:"name" help:"Name of the site; its workers are started with it." ja:"拠点の名前。ワーカーの起動時にも指定する" is:"name"`
	Title  yamldoc.Text `json:"title" help:"As people call it." ja:"表示名" default:""`
	Owner  text         `json:"owner" help:"Role that answers for what is done there; it acknowledges steps at the site in a walkthrough, unless the step says otherwise." ja:"拠点での作業に責任を持つ役割。手順書確認訓練では、ステップに指定がなければ、この役割が拠点のステップを確認する" is:"name" default:""`
	Region text         `json:"region" help:"What one event could strike as a whole: a city, a river's plain, a power grid. Copies in the region of the original are a finding, and so is an alternate site in that of the home." ja:"1つの事象で同時に被災しうる範囲。市、流域、送電系統など。原本と同じ範囲にある複製、本拠点と同じ範囲にある代替拠点は指摘事項とする" default:""`
	Checks []SiteCheck  `json:"checks" help:"What is looked at in a safety inspection; without this list cracks, ceiling, power, water, network and entry." ja:"安全点検の項目。なければ、ひび割れ・天井・電源・水・ネットワーク・出入口" item:"check" default:""`
}

// SiteCheck is an item of a site's checklist.
type SiteCheck struct {
	yamldoc.Place
	Name  text         `json:"name" help:"Name of the item." ja:"点検項目の名前" is:"name"`
	Title yamldoc.Text `json:"title" help:"What to look at." ja:"点検する内容" default:""`
}

// Target is a server, endpoint or other thing that actions refer to.
type Target struct {
	yamldoc.Place
	Name text                      `json:"name" help:"Name by which actions refer to it." ja:"アクションから参照するときの名前" is:"name"`
	Kind text                      `json:"kind" help:"What it is, as in postgres; the kind says which other fields there are." ja:"postgres などの種類。ほかに書ける項目も種類で決まる"`
	Site text                      `json:"site" help:"Site at which it is." ja:"設置されている拠点" is:"name"`
	Rest yamldoc.Dict[yamldoc.Raw] `json:"-" help:"The kind's own fields." ja:"種類ごとの項目" rest:"true"`
}

// System is what is recovered.
type System struct {
	yamldoc.Place
	Name         text                `json:"name" help:"Name of the system." ja:"システムの名前" is:"name"`
	Title        yamldoc.Text        `json:"title" help:"As people call it." ja:"表示名" default:""`
	Home         text                `json:"home" help:"Site at which it runs normally." ja:"平常時に稼働する拠点" is:"name"`
	Alternate    text                `json:"alternate" help:"Site at which it can run instead." ja:"代わりに稼働できる拠点" is:"name" default:""`
	Owner        text                `json:"owner" help:"Role that answers for it; it acknowledges the system's steps in a walkthrough, unless the step or its site says otherwise." ja:"システムに責任を持つ役割。手順書確認訓練では、ステップにも拠点にも指定がなければ、この役割がシステムのステップを確認する" is:"name" default:""`
	DependsOn    []text              `json:"depends_on" help:"Systems that must be back before it; they also come home before it." ja:"先に復旧している必要があるシステム。切戻しも先に行う" is:"name" default:""`
	Objectives   Objectives          `json:"objectives" help:"What recovery must reach. One that is not set is reported as not set, never as met." ja:"復旧で達成すべき目標。設定のないものは「設定なし」と報告し、達成とはしない" default:""`
	Drillable    []text              `json:"drillable" help:"Depths at which drills may touch it. Tabletop and walkthrough touch nothing and are always allowed." ja:"訓練で触れてよい深さ。机上訓練と手順書確認訓練は何にも触れないため、常に許可される" enum:"tabletop,walkthrough,isolated,live" default:""`
	Own          yamldoc.Value[bool] `json:"own" help:"Whether it is a part of this very muster: its server, engine, record store or a site's worker. A drill that strikes one begins while nothing else is under way, and gives way to a real response; it needs no runbook, since it has to come back by itself." ja:"muster自身の一部（サーバー、エンジン、記録の保存先、拠点ワーカー）かどうか。これを停止させる訓練は、ほかに進行中のものがないときだけ始まり、本番の対応に譲る。自力で復旧するはずのものなので、手順書は要らない" default:"false"`
	Functions    []Function          `json:"functions" help:"What it does for its users, each seen by a probe from outside or stated by a person." ja:"利用者に提供する機能。それぞれ外部からプローブで確かめるか、人が申告する" item:"function" default:""`
	Components   []Component         `json:"components" help:"Its parts as people look at them when damage is assessed, in the order of looking." ja:"被害状況を確認する単位となる構成要素。確認する順に書く" item:"component" default:""`
	LoadLimit    *LoadLimit          `json:"load_limit" help:"How much load probes of its capacity may put on it; without it, none." ja:"処理能力を測るプローブがかけてよい負荷の上限。なければ負荷をかけない" default:""`
	Runbooks     Runbooks            `json:"runbooks" help:"Names of the runbooks that move it." ja:"システムを切り替える手順書の名前" default:""`
	SingleWriter *Check              `json:"single_writer" help:"Step that proves that exactly one side takes writes; without it that is not proven." ja:"書き込みを受け付けているのが一方だけであることを立証するステップ。なければ未立証とする" default:""`
	Estimate     duration            `json:"in_place_estimate" help:"How long recovery at the stricken site takes, for the decision." ja:"被災拠点での復旧にかかる時間の見積もり。復旧方針の決定に使う" default:""`
	Ground       yamldoc.Text        `json:"in_place_ground" help:"What the estimate rests on: measured, simulated, a supplier's word." ja:"見積もりの根拠。実測、模擬、メーカー回答など" default:""`
	Measures     []Measure           `json:"measures" help:"What is planned to raise the levels of its components, step by step." ja:"構成要素のレベルを段階的に上げる事前対策" item:"measure" default:""`
}

// Measure is something planned so that a disaster does less harm, or recovery goes better.
type Measure struct {
	yamldoc.Place
	Name       text         `json:"name" help:"Name of the measure." ja:"対策の名前" is:"name"`
	Title      yamldoc.Text `json:"title" help:"What is done, as people call it." ja:"実施内容"`
	Components []text       `json:"components" help:"Components whose level it raises; one that serves several is entered once." ja:"レベルが上がる構成要素。複数に共通する対策は1回だけ書く" item:"component" is:"name" default:""`
	Level      number       `json:"level" help:"Level that they reach by it." ja:"対策によって達するレベル" min:"1" max:"4" default:""`
	Step       number       `json:"step" help:"Step of the plan that it belongs to, from 1." ja:"対策計画の何段階目か（1から）" min:"1" max:"20" default:""`
	From       number       `json:"from" help:"Fiscal year in which it begins, as 2026." ja:"開始する年度。2026 など" min:"2000" max:"2100" default:""`
	To         number       `json:"to" help:"Fiscal year in which it is finished." ja:"完了する年度" min:"2000" max:"2100" default:""`
	Budget     number       `json:"budget" help:"Budget needed, in thousand yen." ja:"必要な予算（千円）" min:"0" default:""`
	Owner      text         `json:"owner" help:"Role or person who carries it out." ja:"実施する役割または要員" is:"name" default:""`
	Effect     yamldoc.Text `json:"effect" help:"What is expected of it." ja:"期待する効果" default:""`
	Residual   yamldoc.Text `json:"residual" help:"Risk that remains after it; it stands in every report of the system." ja:"対策後に残るリスク。このシステムの報告書すべてに載る" default:""`
	Decided    text         `json:"decided" help:"Who proposed and who decided it." ja:"提案者と決定者" default:""`
	Finding    text         `json:"finding" help:"The finding it came from, as F-..." ja:"発端となった指摘事項。F-... の形" default:""`
	Done       text         `json:"done" help:"Day on which it was finished, as 2027-03-31." ja:"完了した日。2027-03-31 など" default:""`
}

// Component is a part of a system that people look at.
type Component struct {
	yamldoc.Place
	Name     text         `json:"name" help:"Name of the component, as in muster assess SYSTEM NAME." ja:"構成要素の名前。muster assess SYSTEM NAME で使う" is:"name"`
	Title    yamldoc.Text `json:"title" help:"As people call it." ja:"表示名" default:""`
	Kind     text         `json:"kind" help:"What it is: the operating structure, a facility (power, room), hardware, the system area (applications, settings), the data area, network, or a contractor's part." ja:"種類。運用体制（structure）、設備（facility。電源や部屋）、ハードウェア（hardware）、システム領域（system_area。アプリケーションや設定）、データ領域（data_area）、ネットワーク（network）、委託先の担当部分（contractor）" enum:"structure,facility,hardware,system_area,data_area,network,contractor" default:""`
	Site     text         `json:"site" help:"Site at which it is; the system's home unless said." ja:"設置されている拠点。なければシステムの本拠点" is:"name" default:""`
	At       text         `json:"place" help:"Where at the site, as in room 3, rack 12." ja:"拠点内の場所。第3室・ラック12 など" default:""`
	Function text         `json:"function" help:"Function in whose probe its damage would show; what people say of it is then held against the probe." ja:"被害がプローブに現れる機能。人の報告をこのプローブの結果と突き合わせる" is:"name" default:""`
	Current  number       `json:"current_level" help:"Level of its measures as they are now: 0 nothing, 1 recover in place, 2 cold, 3 warm, 4 hot (of a contractor: 1 contacts known, 2 ability known, 3 agreed in the contract)." ja:"現在の対策レベル。0 なし、1 その場で復旧、2 コールド、3 ウォーム、4 ホット（委託先では 1 連絡先を把握、2 対応能力を把握、3 契約で合意）" min:"0" max:"4" default:""`
	Target   number       `json:"target_level" help:"Level that it should have." ja:"目標とする対策レベル" min:"0" max:"4" default:""`
	Risk     yamldoc.Text `json:"risk" help:"What can happen at the level of now, in words." ja:"現在のレベルで起こりうること" default:""`
}

// Objectives are what recovery of a system must reach.
type Objectives struct {
	RTO duration `json:"rto" help:"How long it may be out of service, from the event on." ja:"事象発生から、停止を許容する時間" default:""`
	RPO duration `json:"rpo" help:"How much acknowledged work may be lost, as a span of time; 0s is none." ja:"確定した業務データの消失を許容する長さ（時間）。0s は消失なし" default:""`
	RLO []Stage  `json:"rlo" help:"Levels of service by time, as in 50 within 3h." ja:"経過時間ごとのサービスレベル。3hで50など" item:"stage" default:""`

	Restore Restore `json:"restore" help:"What a restore from backup must reach." ja:"バックアップからの復元で達成すべき目標" default:""`
}

// Restore is the objectives of a restore test.
type Restore struct {
	Within duration `json:"within" help:"How long it may take until the restored data is verified." ja:"復元したデータの検証が終わるまでの時間" default:""`
	Point  duration `json:"point" help:"How old the newest row that comes back may be, seen from the point that is restored to." ja:"復元される最新の行の古さの許容値（復元時点から見た時間）" default:""`
}

// Stage is a level to be reached within a time.
type Stage struct {
	yamldoc.Place
	Within duration `json:"within" help:"Time from the event, as in 3h." ja:"事象からの時間。3h など"`
	Level  number   `json:"level" help:"Percent of normal service." ja:"平常時に対する割合（%）" min:"1" max:"100"`
}

// Function is a part of what a system does.
type Function struct {
	yamldoc.Place
	Name   text         `json:"name" help:"Name of the function." ja:"機能の名前" is:"name"`
	Title  yamldoc.Text `json:"title" help:"As people call it." ja:"表示名" default:""`
	Weight number       `json:"weight" help:"Its share of the level of service; a system's weights add up to 100. Left out everywhere, the shares are equal." ja:"サービスレベルに占める割合。システム内の合計は100。すべて省略すると均等" min:"1" max:"100" default:""`
	Probe  *Probe       `json:"probe" help:"How it is seen from outside." ja:"外部から確かめる方法" default:""`
	Stated *Statement   `json:"statement" help:"For what no probe can see: who states how much of it is there (muster attest)." ja:"プローブで確かめられないものについて、稼働程度を申告する人（muster attest）" default:""`
}

// Statement says whose word counts for a function that no probe can see.
type Statement struct {
	yamldoc.Place
	By       text                `json:"by" help:"Role whose holders state it." ja:"申告する役割" is:"name"`
	Accepted yamldoc.Value[bool] `json:"accepted" help:"Whether their word is enough to meet an objective; else what rests on it is not proven." ja:"申告だけで目標の達成を認めるか。認めない場合、申告に基づくものは未立証とする" default:"false"`
}

// LoadLimit bounds the load that probes may put on a system.
type LoadLimit struct {
	yamldoc.Place
	Rate     number              `json:"rate" help:"Requests a second at most." ja:"毎秒のリクエスト数の上限" min:"1" max:"100000"`
	Duration duration            `json:"duration" help:"How long one load may last at most." ja:"1回の負荷を続けてよい時間の上限"`
	Real     yamldoc.Value[bool] `json:"real" help:"Whether a real response may load it too; else its probes only see there whether it serves." ja:"本番対応でも負荷をかけてよいか。認めない場合、本番対応では稼働しているかだけを確かめる" default:"false"`
}

// Probe looks at a function.
type Probe struct {
	yamldoc.Place
	Uses     text        `json:"uses" help:"An action of the family probe." ja:"probe 系統のアクション"`
	With     yamldoc.Raw `json:"with" help:"The action's parameters." ja:"アクションのパラメーター" default:""`
	At       text        `json:"at" help:"Site from which it looks; the control site unless said." ja:"確かめる拠点。なければ制御プレーンの拠点" is:"name" default:""`
	Interval duration    `json:"interval" help:"Time between samples." ja:"計測の間隔" default:"250ms"`
	Timeout  duration    `json:"timeout" help:"After this a sample has failed." ja:"これを過ぎた計測は失敗とする" default:"1s"`
}

// Runbooks are a system's ways to move.
type Runbooks struct {
	Failover text `json:"failover" help:"To the alternate site." ja:"代替拠点への切り替え" is:"name" default:""`
	InPlace  text `json:"in_place" help:"Recovery at the stricken site." ja:"被災拠点での復旧" is:"name" default:""`
	Failback text `json:"failback" help:"Back home." ja:"本拠点への切戻し" is:"name" default:""`
	Restore  text `json:"restore" help:"From a backup, in isolation; for scenarios of hazard restore-test." ja:"バックアップからの隔離環境での復元。災害種別 restore-test のシナリオで使う" is:"name" default:""`
}

// Check is a step that only observes.
type Check struct {
	yamldoc.Place
	Uses    text        `json:"uses" help:"An action with effect observe." ja:"影響区分が observe のアクション"`
	With    yamldoc.Raw `json:"with" help:"The action's parameters." ja:"アクションのパラメーター" default:""`
	At      text        `json:"at" help:"Site whose worker runs it; the control site unless said." ja:"実行するワーカーの拠点。なければ制御プレーンの拠点" is:"name" default:""`
	Timeout duration    `json:"timeout" help:"How long it may take." ja:"待つ時間" default:"30s"`
}

// Person is somebody with roles.
type Person struct {
	yamldoc.Place
	ID       text         `json:"id" help:"Short name of the person, as in check-ins." ja:"要員のID。安否報告などで使う" is:"name"`
	Name     yamldoc.Text `json:"name" help:"The person's name." ja:"要員の氏名"`
	Roles    []text       `json:"roles" help:"Roles the person holds." ja:"要員が担う役割" is:"name"`
	Deputies []text       `json:"deputies" help:"Who is called, in this order, when the person is silent." ja:"本人の回答がないときに召集する代行者。この順に召集する" is:"name" default:""`
	Contact  text         `json:"contact" help:"How the person is reached; a telephone number in quotes." ja:"連絡方法。電話番号は引用符で囲む" default:""`
	Section  text         `json:"section" help:"Department, for totals." ja:"所属部署。集計に使う" default:""`
	Mail     text         `json:"mail" help:"Mail address." ja:"メールアドレス" default:""`
	Slack    text         `json:"slack" help:"Member ID in Slack, as in U024BE7LH." ja:"SlackのメンバーID。U024BE7LH など" default:""`
	Subject  text         `json:"subject" help:"Who the person is for the OpenID provider: the subject (sub) of the ID token." ja:"OpenIDプロバイダーでの本人の識別子（IDトークンの sub）" default:""`
	Lang     text         `json:"lang" help:"Language the person reads; the server's unless said." ja:"本人への表示言語。なければサーバーの言語" enum:"en,ja" default:""`
	Only     text         `json:"only" help:"Kind of run in which the person is called and may act: drill or real; both unless said." ja:"召集し、操作を認める実施の種別。drill（訓練）または real（本番）。なければ両方" enum:"drill,real" default:""`
}

// Role is what people are in a run.
type Role struct {
	yamldoc.Place
	Name  text         `json:"name" help:"Its name." ja:"名前" is:"name"`
	Title yamldoc.Text `json:"title" help:"As people call it." ja:"表示名" default:""`
	Only  text         `json:"only" help:"Kind of run in which the role counts: drill or real; both unless said." ja:"この役割が有効な種別。drill（訓練）または real（本番）。なければ両方" enum:"drill,real" default:""`
	May   *May         `json:"may" help:"What its holders may do. Once one role has it, every role may do what its own list says and nothing else; an estate without any regulates nothing." ja:"担当者の権限。1つの役割にでも書くと、どの役割も自分の一覧にあることだけができる。どこにも書かなければ制限しない" default:""`
}

// May is what holders of a role may do, apart for drills and the real thing.
type May struct {
	yamldoc.Place
	Drill []text `json:"drill" help:"In drills." ja:"訓練での権限" enum:"start,decide,approve,operate,control,report,proxy,people,admin,audit,findings,waive" default:""`
	Real  []text `json:"real" help:"In real responses." ja:"本番対応での権限" enum:"start,decide,approve,operate,control,report,proxy,people,admin,audit,findings,waive" default:""`
}

// Place is a muster place.
type Place struct {
	yamldoc.Place
	Name   text                `json:"name" help:"Name of the place." ja:"場所の名前" is:"name"`
	Title  yamldoc.Text        `json:"title" help:"As people call it." ja:"表示名" default:""`
	Site   text                `json:"site" help:"Site it belongs to." ja:"属する拠点" is:"name" default:""`
	Online yamldoc.Value[bool] `json:"online" help:"A meeting online." ja:"オンラインでの参集か" default:"false"`
}

// Muster says when and where people come together.
type Muster struct {
	yamldoc.Place
	Automatic Criteria             `json:"automatic" help:"An event that meets it: everybody comes without an order." ja:"該当する事象では、指示なしで全員が参集する" default:""`
	Propose   Criteria             `json:"propose" help:"An event that meets it and not automatic: somebody is asked whether to start; the areas are those of automatic unless said." ja:"該当するが automatic には当たらない事象では、開始するかを人に尋ねる。地域の指定がなければ automatic の地域を使う" default:""`
	Rank      []text               `json:"rank" help:"The muster places in order of preference; that of muster_places unless said. When one is unsafe the next one holds." ja:"参集場所の優先順位。なければ muster_places の順。危険な場所があれば次に移る" is:"name" default:""`
	ByRole    yamldoc.Dict[[]text] `json:"by_role" help:"The same for the holders of a role." ja:"役割ごとの指定" is:"name" default:""`
	Kit       []yamldoc.Text       `json:"kit" help:"What people bring and wear when they come; water, food, long sleeves, helmet, gloves and mask unless said." ja:"参集時の携行品と服装。なければ、水・食料・長袖・ヘルメット・手袋・マスク" default:""`
}

// Criteria are what an event must be to set something off.
type Criteria struct {
	yamldoc.Place
	Intensity text   `json:"intensity" help:"Least seismic intensity on the scale of the Japan Meteorological Agency." ja:"震度の下限（気象庁震度階級）" enum:"1,2,3,4,5-lower,5-upper,6-lower,6-upper,7" default:""`
	Typhoon   text   `json:"typhoon" help:"Least class of typhoon." ja:"台風の階級の下限" enum:"large,very-large,super-large" default:""`
	Areas     []text `json:"areas" help:"Names or codes of areas, as the telegrams have them; without them, everywhere." ja:"地域の名前またはコード（電文の表記）。なければ全域" default:""`
	Scenario  text   `json:"scenario" help:"The scenario that is started or proposed." ja:"開始または提案するシナリオ" is:"name" default:""`
}

// Party is somebody outside, or a department, who must be reachable (requirements A-CON-01 to 05).
type Party struct {
	yamldoc.Place
	Name      text         `json:"name" help:"Name of the party." ja:"連絡先の名前" is:"name"`
	Title     yamldoc.Text `json:"title" help:"The department or company, as people call it." ja:"部署名または会社名" default:""`
	Contact   text         `json:"contact" help:"How it is reached first; the emergency desk unless said." ja:"最初の連絡先。なければ緊急連絡窓口" default:""`
	Kind      text         `json:"kind" help:"Whether it is a department of one's own or a company." ja:"自組織の部署か、会社か" enum:"department,company" default:"company"`
	Person    text         `json:"person" help:"Person in charge there." ja:"相手方の担当者" default:""`
	Role      text         `json:"role" help:"What that person is." ja:"担当者の役職" default:""`
	Phone     text         `json:"phone" help:"Telephone, in quotes." ja:"電話番号（引用符で囲む）" default:""`
	Elsewhere text         `json:"alternate_phone" help:"Telephone at its alternate site." ja:"代替拠点での電話番号" default:""`
	Mobile    text         `json:"mobile" help:"The person's mobile." ja:"担当者の携帯電話" default:""`
	Mail      text         `json:"mail" help:"Mail address." ja:"メールアドレス" default:""`
	Desk      text         `json:"desk" help:"Its emergency desk, reached at all hours." ja:"24時間対応の緊急連絡窓口" default:""`
	Deputy    text         `json:"deputy" help:"Who stands in for the person, with a number." ja:"担当者の代行者と電話番号" default:""`
	Confirmed text         `json:"confirmed" help:"Day on which the entry was last found right, as \"2026-04-01\"; muster check warns after a year." ja:"記載内容を最後に確認した日。\"2026-04-01\" など。1年を過ぎると muster check が警告する" default:""`
	By        text         `json:"confirmed_by" help:"Who found that." ja:"確認した人" default:""`
}
