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
	Zone    text     `json:"zone" help:"Time zone of reports, as in Asia/Tokyo." default:"UTC"`
	Control text     `json:"control" help:"Site at which the control plane runs: where recovery happens, not where the loss is." ja:"制御プレーンを動かす拠点。失われる拠点ではなく、復旧を行う側の拠点" is:"name"`
	Sites   []Site   `json:"sites" help:"Places that hold systems or people." ja:"システムや要員のいる拠点" item:"site"`
	Targets []Target `json:"targets" help:"Servers and endpoints that actions refer to by name." item:"target" default:""`
	Systems []System `json:"systems" help:"What is recovered." ja:"復旧の対象となるシステム" item:"system"`
	People  []Person `json:"people" help:"Who has which role." ja:"要員とその役割" item:"person"`
	Roles   []Role   `json:"roles" help:"The roles there are; without this list, those that people hold." item:"role" default:""`
	Places  []Place  `json:"muster_places" help:"Where people muster." item:"muster place" default:""`
	Muster  *Muster  `json:"muster" help:"When people come without being ordered to, where, and with what." default:""`
	Fresh   duration `json:"fresh_for" help:"How long a proof of an objective counts, as in 100d, which is usual; then it is overdue. A scenario's own goes before." default:""`
	Parties []Party  `json:"parties" help:"Contractors and others who must be reached in communications." item:"party" default:""`
}

// Site is a place that holds systems or people.
type Site struct {
	yamldoc.Place
	Name   text         `json:"name" help:"Name of the site; its workers are started with it." ja:"拠点の名前。ワーカーの起動時にも指定する" is:"name"`
	Title  yamldoc.Text `json:"title" help:"As people call it." default:""`
	Owner  text         `json:"owner" help:"Role that answers for what is done there; it acknowledges steps at the site in a walkthrough, unless the step says otherwise." is:"name" default:""`
	Region text         `json:"region" help:"What one event could strike as a whole: a city, a river's plain, a power grid. Copies in the region of the original are a finding, and so is an alternate site in that of the home." default:""`
	Checks []SiteCheck  `json:"checks" help:"What is looked at in a safety inspection; without this list cracks, ceiling, power, water, network and entry." item:"check" default:""`
}

// SiteCheck is an item of a site's checklist.
type SiteCheck struct {
	yamldoc.Place
	Name  text         `json:"name" help:"Name of the item." ja:"点検項目の名前" is:"name"`
	Title yamldoc.Text `json:"title" help:"What to look at." default:""`
}

// Target is a server, endpoint or other thing that actions refer to.
type Target struct {
	yamldoc.Place
	Name text                      `json:"name" help:"Name by which actions refer to it." ja:"アクションから参照するときの名前" is:"name"`
	Kind text                      `json:"kind" help:"What it is, as in postgres; the kind says which other fields there are." ja:"postgres などの種類。ほかに書ける項目も種類で決まる"`
	Site text                      `json:"site" help:"Site at which it is." ja:"設置されている拠点" is:"name"`
	Rest yamldoc.Dict[yamldoc.Raw] `json:"-" help:"The kind's own fields." rest:"true"`
}

// System is what is recovered.
type System struct {
	yamldoc.Place
	Name         text                `json:"name" help:"Name of the system." ja:"システムの名前" is:"name"`
	Title        yamldoc.Text        `json:"title" help:"As people call it." default:""`
	Home         text                `json:"home" help:"Site at which it runs normally." ja:"平常時に稼働する拠点" is:"name"`
	Alternate    text                `json:"alternate" help:"Site at which it can run instead." is:"name" default:""`
	Owner        text                `json:"owner" help:"Role that answers for it; it acknowledges the system's steps in a walkthrough, unless the step or its site says otherwise." is:"name" default:""`
	DependsOn    []text              `json:"depends_on" help:"Systems that must be back before it." is:"name" default:""`
	Objectives   Objectives          `json:"objectives" help:"What recovery must reach. One that is not set is reported as not set, never as met." default:""`
	Drillable    []text              `json:"drillable" help:"Depths at which drills may touch it. Tabletop and walkthrough touch nothing and are always allowed." enum:"tabletop,walkthrough,isolated,live" default:""`
	Own          yamldoc.Value[bool] `json:"own" help:"Whether it is a part of this very muster: its server, engine, record store or a site's worker. A drill that strikes one begins while nothing else is under way, and gives way to a real response; it needs no runbook, since it has to come back by itself." default:"false"`
	Functions    []Function          `json:"functions" help:"What it does for its users, each seen by a probe from outside or stated by a person." item:"function" default:""`
	Components   []Component         `json:"components" help:"Its parts as people look at them when damage is assessed, in the order of looking." item:"component" default:""`
	LoadLimit    *LoadLimit          `json:"load_limit" help:"How much load probes of its capacity may put on it; without it, none." default:""`
	Runbooks     Runbooks            `json:"runbooks" help:"Names of the runbooks that move it." default:""`
	SingleWriter *Check              `json:"single_writer" help:"Step that proves that exactly one side takes writes; without it that is not proven." default:""`
	Estimate     duration            `json:"in_place_estimate" help:"How long recovery at the stricken site takes, for the decision." default:""`
	Ground       yamldoc.Text        `json:"in_place_ground" help:"What the estimate rests on: measured, simulated, a supplier's word." default:""`
	Measures     []Measure           `json:"measures" help:"What is planned to raise the levels of its components, step by step." item:"measure" default:""`
}

// Measure is something planned so that a disaster does less harm, or recovery goes better.
type Measure struct {
	yamldoc.Place
	Name       text         `json:"name" help:"Name of the measure." ja:"対策の名前" is:"name"`
	Title      yamldoc.Text `json:"title" help:"What is done, as people call it." ja:"実施内容"`
	Components []text       `json:"components" help:"Components whose level it raises; one that serves several is entered once." item:"component" is:"name" default:""`
	Level      number       `json:"level" help:"Level that they reach by it." min:"1" max:"4" default:""`
	Step       number       `json:"step" help:"Step of the plan that it belongs to, from 1." min:"1" max:"20" default:""`
	From       number       `json:"from" help:"Fiscal year in which it begins, as 2026." min:"2000" max:"2100" default:""`
	To         number       `json:"to" help:"Fiscal year in which it is finished." min:"2000" max:"2100" default:""`
	Budget     number       `json:"budget" help:"Budget needed, in thousand yen." min:"0" default:""`
	Owner      text         `json:"owner" help:"Role or person who carries it out." is:"name" default:""`
	Effect     yamldoc.Text `json:"effect" help:"What is expected of it." default:""`
	Residual   yamldoc.Text `json:"residual" help:"Risk that remains after it; it stands in every report of the system." default:""`
	Decided    text         `json:"decided" help:"Who proposed and who decided it." default:""`
	Finding    text         `json:"finding" help:"The finding it came from, as F-..." default:""`
	Done       text         `json:"done" help:"Day on which it was finished, as 2027-03-31." default:""`
}

// Component is a part of a system that people look at.
type Component struct {
	yamldoc.Place
	Name     text         `json:"name" help:"Name of the component, as in muster assess SYSTEM NAME." ja:"構成要素の名前。muster assess システム 名前 で使う" is:"name"`
	Title    yamldoc.Text `json:"title" help:"As people call it." default:""`
	Kind     text         `json:"kind" help:"What it is: the operating structure, a facility (power, room), hardware, the system area (applications, settings), the data area, network, or a contractor's part." enum:"structure,facility,hardware,system_area,data_area,network,contractor" default:""`
	Site     text         `json:"site" help:"Site at which it is; the system's home unless said." is:"name" default:""`
	At       text         `json:"place" help:"Where at the site, as in room 3, rack 12." default:""`
	Function text         `json:"function" help:"Function in whose probe its damage would show; what people say of it is then held against the probe." is:"name" default:""`
	Current  number       `json:"current_level" help:"Level of its measures as they are now: 0 nothing, 1 recover in place, 2 cold, 3 warm, 4 hot (of a contractor: 1 contacts known, 2 ability known, 3 agreed in the contract)." min:"0" max:"4" default:""`
	Target   number       `json:"target_level" help:"Level that it should have." min:"0" max:"4" default:""`
	Risk     yamldoc.Text `json:"risk" help:"What can happen at the level of now, in words." default:""`
}

// Objectives are what recovery of a system must reach.
type Objectives struct {
	RTO duration `json:"rto" help:"How long it may be out of service, from the event on." default:""`
	RPO duration `json:"rpo" help:"How much acknowledged work may be lost, as a span of time; 0s is none." default:""`
	RLO []Stage  `json:"rlo" help:"Levels of service by time, as in 50 within 3h." item:"stage" default:""`

	Restore Restore `json:"restore" help:"What a restore from backup must reach." default:""`
}

// Restore is the objectives of a restore test.
type Restore struct {
	Within duration `json:"within" help:"How long it may take until the restored data is verified." default:""`
	Point  duration `json:"point" help:"How old the newest row that comes back may be, seen from the point that is restored to." default:""`
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
	Title  yamldoc.Text `json:"title" help:"As people call it." default:""`
	Weight number       `json:"weight" help:"Its share of the level of service; a system's weights add up to 100. Left out everywhere, the shares are equal." min:"1" max:"100" default:""`
	Probe  *Probe       `json:"probe" help:"How it is seen from outside." default:""`
	Stated *Statement   `json:"statement" help:"For what no probe can see: who states how much of it is there (muster attest)." default:""`
}

// Statement says whose word counts for a function that no probe can see.
type Statement struct {
	yamldoc.Place
	By       text                `json:"by" help:"Role whose holders state it." ja:"申告する役割" is:"name"`
	Accepted yamldoc.Value[bool] `json:"accepted" help:"Whether their word is enough to meet an objective; else what rests on it is not proven." default:"false"`
}

// LoadLimit bounds the load that probes may put on a system.
type LoadLimit struct {
	yamldoc.Place
	Rate     number              `json:"rate" help:"Requests a second at most." ja:"毎秒のリクエスト数の上限" min:"1" max:"100000"`
	Duration duration            `json:"duration" help:"How long one load may last at most." ja:"1回の負荷を続けてよい時間の上限"`
	Real     yamldoc.Value[bool] `json:"real" help:"Whether a real response may load it too; else its probes only see there whether it serves." default:"false"`
}

// Probe looks at a function.
type Probe struct {
	yamldoc.Place
	Uses     text        `json:"uses" help:"An action of the family probe." ja:"probe 系統のアクション"`
	With     yamldoc.Raw `json:"with" help:"The action's parameters." default:""`
	At       text        `json:"at" help:"Site from which it looks; the control site unless said." is:"name" default:""`
	Interval duration    `json:"interval" help:"Time between samples." default:"250ms"`
	Timeout  duration    `json:"timeout" help:"After this a sample has failed." default:"1s"`
}

// Runbooks are a system's ways to move.
type Runbooks struct {
	Failover text `json:"failover" help:"To the alternate site." is:"name" default:""`
	InPlace  text `json:"in_place" help:"Recovery at the stricken site." is:"name" default:""`
	Failback text `json:"failback" help:"Back home." is:"name" default:""`
	Restore  text `json:"restore" help:"From a backup, in isolation; for scenarios of hazard restore-test." is:"name" default:""`
}

// Check is a step that only observes.
type Check struct {
	yamldoc.Place
	Uses    text        `json:"uses" help:"An action with effect observe." ja:"影響区分が observe のアクション"`
	With    yamldoc.Raw `json:"with" help:"The action's parameters." default:""`
	At      text        `json:"at" help:"Site whose worker runs it; the control site unless said." is:"name" default:""`
	Timeout duration    `json:"timeout" help:"How long it may take." default:"30s"`
}

// Person is somebody with roles.
type Person struct {
	yamldoc.Place
	ID       text         `json:"id" help:"Short name of the person, as in check-ins." ja:"要員のID。安否報告などで使う" is:"name"`
	Name     yamldoc.Text `json:"name" help:"The person's name." ja:"要員の氏名"`
	Roles    []text       `json:"roles" help:"Roles the person holds." ja:"要員が担う役割" is:"name"`
	Deputies []text       `json:"deputies" help:"Who is called, in this order, when the person is silent." is:"name" default:""`
	Contact  text         `json:"contact" help:"How the person is reached; a telephone number in quotes." default:""`
	Section  text         `json:"section" help:"Department, for totals." default:""`
	Mail     text         `json:"mail" help:"Mail address." default:""`
	Slack    text         `json:"slack" help:"Member ID in Slack, as in U024BE7LH." default:""`
	Subject  text         `json:"subject" help:"Who the person is for the OpenID provider: the subject (sub) of the ID token." default:""`
	Lang     text         `json:"lang" help:"Language the person reads; the server's unless said." enum:"en,ja" default:""`
	Only     text         `json:"only" help:"Kind of run in which the person is called and may act: drill or real; both unless said." enum:"drill,real" default:""`
}

// Role is what people are in a run.
type Role struct {
	yamldoc.Place
	Name  text         `json:"name" help:"Its name." ja:"名前" is:"name"`
	Title yamldoc.Text `json:"title" help:"As people call it." default:""`
	Only  text         `json:"only" help:"Kind of run in which the role counts: drill or real; both unless said." enum:"drill,real" default:""`
	May   *May         `json:"may" help:"What its holders may do. Once one role has it, every role may do what its own list says and nothing else; an estate without any regulates nothing." default:""`
}

// May is what holders of a role may do, apart for drills and the real thing.
type May struct {
	yamldoc.Place
	Drill []text `json:"drill" help:"In drills." enum:"start,decide,approve,operate,control,report,proxy,people,admin,audit,findings,waive" default:""`
	Real  []text `json:"real" help:"In real responses." enum:"start,decide,approve,operate,control,report,proxy,people,admin,audit,findings,waive" default:""`
}

// Place is a muster place.
type Place struct {
	yamldoc.Place
	Name   text                `json:"name" help:"Name of the place." ja:"場所の名前" is:"name"`
	Title  yamldoc.Text        `json:"title" help:"As people call it." default:""`
	Site   text                `json:"site" help:"Site it belongs to." is:"name" default:""`
	Online yamldoc.Value[bool] `json:"online" help:"A meeting online." default:"false"`
}

// Muster says when and where people come together.
type Muster struct {
	yamldoc.Place
	Automatic Criteria             `json:"automatic" help:"An event that meets it: everybody comes without an order." default:""`
	Propose   Criteria             `json:"propose" help:"An event that meets it and not automatic: somebody is asked whether to start; the areas are those of automatic unless said." default:""`
	Rank      []text               `json:"rank" help:"The muster places in order of preference; that of muster_places unless said. When one is unsafe the next one holds." is:"name" default:""`
	ByRole    yamldoc.Dict[[]text] `json:"by_role" help:"The same for the holders of a role." is:"name" default:""`
	Kit       []yamldoc.Text       `json:"kit" help:"What people bring and wear when they come; water, food, long sleeves, helmet, gloves and mask unless said." default:""`
}

// Criteria are what an event must be to set something off.
type Criteria struct {
	yamldoc.Place
	Intensity text   `json:"intensity" help:"Least seismic intensity on the scale of the Japan Meteorological Agency." enum:"1,2,3,4,5-lower,5-upper,6-lower,6-upper,7" default:""`
	Typhoon   text   `json:"typhoon" help:"Least class of typhoon." enum:"large,very-large,super-large" default:""`
	Areas     []text `json:"areas" help:"Names or codes of areas, as the telegrams have them; without them, everywhere." default:""`
	Scenario  text   `json:"scenario" help:"The scenario that is started or proposed." is:"name" default:""`
}

// Party is somebody outside, or a department, who must be reachable (requirements A-CON-01 to 05).
type Party struct {
	yamldoc.Place
	Name      text         `json:"name" help:"Name of the party." ja:"連絡先の名前" is:"name"`
	Title     yamldoc.Text `json:"title" help:"The department or company, as people call it." default:""`
	Contact   text         `json:"contact" help:"How it is reached first; the emergency desk unless said." default:""`
	Kind      text         `json:"kind" help:"Whether it is a department of one's own or a company." enum:"department,company" default:"company"`
	Person    text         `json:"person" help:"Person in charge there." default:""`
	Role      text         `json:"role" help:"What that person is." default:""`
	Phone     text         `json:"phone" help:"Telephone, in quotes." default:""`
	Elsewhere text         `json:"alternate_phone" help:"Telephone at its alternate site." default:""`
	Mobile    text         `json:"mobile" help:"The person's mobile." default:""`
	Mail      text         `json:"mail" help:"Mail address." default:""`
	Desk      text         `json:"desk" help:"Its emergency desk, reached at all hours." default:""`
	Deputy    text         `json:"deputy" help:"Who stands in for the person, with a number." default:""`
	Confirmed text         `json:"confirmed" help:"Day on which the entry was last found right, as \"2026-04-01\"; muster check warns after a year." default:""`
	By        text         `json:"confirmed_by" help:"Who found that." default:""`
}
