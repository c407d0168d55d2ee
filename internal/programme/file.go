package programme

import (
	"github.com/muster-dr/muster/internal/run"
	"github.com/muster-dr/muster/internal/yamldoc"
)

type (
	text     = yamldoc.Value[string]
	number   = yamldoc.Value[int]
	duration = yamldoc.Value[run.Duration]
)

// File is a Programme as people write it.
type File struct {
	yamldoc.Place
	Kind     text         `json:"kind" help:"Programme." ja:"Programme" enum:"Programme"`
	Name     text         `json:"name" help:"Name of the programme." ja:"訓練計画の名前" is:"name"`
	Title    yamldoc.Text `json:"title" help:"As people call it." default:""`
	Begins   number       `json:"begins" help:"Month with which the fiscal year begins: that of the plan, of the yearly report and of its quarters." min:"1" max:"12" default:"4"`
	Zone     text         `json:"zone" help:"Time zone; the estate's unless said." default:""`
	From     text         `json:"from" help:"Day from which the programme is in force, as \"2026-10-01\": what was due before is not owed. Unless said, the day on which muster first had a programme." default:""`
	Chief    text         `json:"chief" help:"Role of the chief continuity officer, who approves the plan and the windows of blind drills." ja:"計画と非提示型訓練の期間を承認する最高責任者の役割" is:"name"`
	Manager  text         `json:"manager" help:"Role of the continuity manager, who supervises that drills are held; the chief's unless said." is:"name" default:""`
	Planner  text         `json:"planner" help:"Person who plans the drills and is told of what is postponed, unless the row names another." ja:"訓練を企画し、延期などの連絡を受ける人" is:"name"`
	Calendar Calendar     `json:"calendar" help:"Which days are worked on." default:""`
	Freezes  []Freeze     `json:"freezes" help:"Spans in which no drill begins, whatever is due." item:"freeze" default:""`
	Rules    Rules        `json:"rules" help:"What happens when a drill can't begin when it is due." default:""`
	Rows     []FileRow    `json:"rows" help:"The rows of the yearly plan." ja:"年間訓練計画の行" item:"row"`
}

// Calendar is the working days.
type Calendar struct {
	yamldoc.Place
	Holidays text      `json:"holidays" help:"Public holidays: those of Japan, with the days off in their place, or none." enum:"japan,none" default:"none"`
	Weekend  []text    `json:"weekend" help:"Days of the week that are not worked on; Saturday and Sunday unless said." enum:"monday,tuesday,wednesday,thursday,friday,saturday,sunday" default:""`
	Closed   []DaysOff `json:"closed" help:"Days off of one's own." item:"days off" default:""`
	Open     []text    `json:"open" help:"Days that are worked on whatever else is said, as \"2026-05-02\"." default:""`
}

// DaysOff are days that are not worked on.
type DaysOff struct {
	yamldoc.Place
	Title yamldoc.Text `json:"title" help:"As people call them." ja:"休業日の呼び名"`
	From  text         `json:"from" help:"First day, as \"2026-12-29\"." ja:"初日。\"2026-12-29\" など"`
	To    text         `json:"to" help:"Last day; the first unless said." default:""`
}

// Freeze is a span in which no drill begins.
type Freeze struct {
	yamldoc.Place
	Name    text         `json:"name" help:"Name of the freeze." ja:"凍結期間の名前" is:"name"`
	Title   yamldoc.Text `json:"title" help:"As people call it." default:""`
	From    text         `json:"from" help:"First day, as \"2026-12-25\"." ja:"初日。\"2026-12-25\" など"`
	To      text         `json:"to" help:"Last day." ja:"最終日"`
	Systems []text       `json:"systems" help:"Systems that it is about; all unless said." is:"name" default:""`
}

// Rules say what happens when a drill can't begin.
type Rules struct {
	yamldoc.Place
	Every  duration            `json:"every" help:"How often it is looked whether a drill that is held up can begin." default:"30m"`
	For    duration            `json:"for" help:"How long that day; then it is the next working day, at the same time." default:"2h"`
	GiveUp duration            `json:"give_up" help:"After this it is not held, and overdue." default:"14d"`
	Late   duration            `json:"late" help:"How late it may still begin when nothing ran at its time." default:"1h"`
	Missed text                `json:"missed" help:"What becomes of one that is later: postpone, to the next working day, or miss, which records that it was not held." enum:"postpone,miss" default:"postpone"`
	Ready  yamldoc.Value[bool] `json:"ready" help:"Whether the readiness check must find nothing in the way." default:"true"`
	Jitter duration            `json:"jitter" help:"Up to this much later, so that not all begin at once." default:"0s"`
}

// FileRow is a row of the yearly plan (requirement C-PGM-04), with what it runs.
type FileRow struct {
	yamldoc.Place
	ID          text             `json:"id" help:"Name of the row; its schedule has the same." ja:"行の名前（予定の名前にもなる）" is:"name"`
	Number      text             `json:"number" help:"Its number in the plan, in quotes." default:""`
	Kind        text             `json:"kind" help:"What kind of drill it is." ja:"訓練の種類" enum:"structure-check,procedure-check,blind-structure,blind-staff,system-recovery,system-switchover,new-arrivals,safety-report,power,audit,review,other"`
	Title       yamldoc.Text     `json:"title" help:"What it is called." default:""`
	Content     yamldoc.Text     `json:"content" help:"What is done." ja:"実施内容"`
	Method      []text           `json:"method" help:"How: in-house, with an external lecturer, or external training." ja:"実施方法（in-house は内部、external-lecturer は外部講師、external-training は外部研修）" enum:"in-house,external-lecturer,external-training" single:"true"`
	Audience    []text           `json:"audience" help:"For whom: those named in the emergency structure, general staff." ja:"対象者（emergency-structure は対応体制の要員、general-staff は一般職員）" enum:"emergency-structure,general-staff" single:"true"`
	Months      []number         `json:"months" help:"Months of it; those of the schedule unless said." min:"1" max:"12" default:""`
	Times       number           `json:"times" help:"How often a year, for a cadence without set months: the year is cut into as many equal parts, and each needs one." min:"1" max:"52" default:""`
	From        text             `json:"from" help:"Day from which the row is in force, for one that was added in the course of a year; the programme's unless said." default:""`
	Planner     text             `json:"planner" help:"Person who plans it; the programme's unless said." is:"name" default:""`
	Remarks     yamldoc.Text     `json:"remarks" help:"What else there is to say." default:""`
	Scenario    text             `json:"scenario" help:"Scenario that is run. Without it people hold it, and record that they did." is:"name" default:""`
	Schedule    *Schedule        `json:"schedule" help:"When it is due; the scenario's own schedule unless said." default:""`
	Start       text             `json:"start" help:"Whether muster starts it when it is due, or people do." enum:"automatic,by-hand" default:"automatic"`
	Shift       text             `json:"shift" help:"Where it goes that falls on a day off." enum:"next-working-day,none" default:"next-working-day"`
	Goals       []FileGoal       `json:"goals" help:"What it must show, set beforehand." item:"goal" default:""`
	Assumptions []text           `json:"assumptions" help:"IDs or names of the hazard assumptions and levels that it tests, as in A-DMG-03." default:""`
	Contractors []FileContractor `json:"contractors" help:"Parties outside who take part." item:"contractor" default:""`
	Blind       *Blind           `json:"blind" help:"Its start is drawn, and the scenario withheld from those who take part." default:""`
	Arrivals    *Arrivals        `json:"arrivals" help:"It is due whenever somebody is newly in the estate, or has a new role." default:""`
	Rules       *Rules           `json:"rules" help:"What happens when it can't begin; the programme's rules unless said." default:""`
}

// FileGoal is something a drill must show, as it can be measured.
type FileGoal struct {
	yamldoc.Place
	ID     text         `json:"id" help:"Name of the goal." ja:"目標の名前" is:"name"`
	Text   yamldoc.Text `json:"text" help:"The goal as a sentence." ja:"目標の文"`
	Expect text         `json:"expect" help:"CEL over the finished run's report that decides it, as in a scenario's pass criteria." default:""`
	Judge  text         `json:"judged_by" help:"Role that judges it where no record can." is:"name" default:""`
}

// FileContractor is a party's part in a drill (requirement C-PGM-05).
type FileContractor struct {
	yamldoc.Place
	Party    text `json:"party" help:"Party of the estate." ja:"構成台帳の連絡先" is:"name"`
	Invited  text `json:"invited" help:"Day on which it was invited, as \"2026-07-01\"." default:""`
	Accepted text `json:"accepted" help:"Day on which it accepted." default:""`
	Declined text `json:"declined" help:"Day on which it declined." default:""`
	TookPart text `json:"took_part" help:"Day on which it took part." default:""`
}

// Blind is a drill whose start is drawn (requirements C-BLD-01 to 05).
type Blind struct {
	yamldoc.Place
	Days     number `json:"days" help:"Working days from the due day on, one of which is drawn." min:"1" max:"60" default:"5"`
	From     text   `json:"from" help:"It does not begin earlier in the day, as \"10:00\"." ja:"1日のうち開始してよい最も早い時刻。\"10:00\" など"`
	To       text   `json:"to" help:"It does not begin later." ja:"1日のうち開始してよい最も遅い時刻"`
	By       text   `json:"approved_by" help:"Who approved the window: somebody with the chief's role." ja:"期間を承認した、最高責任者の役割を持つ人" is:"name"`
	Approved text   `json:"approved" help:"Day of the approval, as \"2026-04-10\"." ja:"承認した日。\"2026-04-10\" など"`
}

// Arrivals says who needs it when they come.
type Arrivals struct {
	yamldoc.Place
	Within duration `json:"within" help:"How soon after they come." ja:"配属からの期限"`
	Roles  []text   `json:"roles" help:"Only who gets one of these roles; everybody unless said." is:"name" default:""`
}

// Schedule says when something is due: one of the four.
type Schedule struct {
	yamldoc.Place
	Yearly    *Yearly    `json:"yearly" help:"Once a year." default:""`
	Quarterly *Quarterly `json:"quarterly" help:"Once a quarter." default:""`
	Monthly   *Monthly   `json:"monthly" help:"Once in each month, or in each of some." default:""`
	Weekly    *Weekly    `json:"weekly" help:"Every so many weeks." default:""`
}

// Yearly is one day of the year.
type Yearly struct {
	yamldoc.Place
	Month   number      `json:"month" help:"Month." ja:"月" min:"1" max:"12"`
	Week    yamldoc.Raw `json:"week" help:"Which one of the weekday in the month: 1 to 4, or last." default:""`
	Weekday text        `json:"weekday" help:"Day of the week." enum:"monday,tuesday,wednesday,thursday,friday,saturday,sunday" default:""`
	Day     yamldoc.Raw `json:"day" help:"Day of the month in place of week and weekday: a number, or last." default:""`
	At      text        `json:"at" help:"Time of day in quotes, as in \"14:00\"." ja:"引用符で囲んだ時刻。\"14:00\" など"`
	Zone    text        `json:"zone" help:"Time zone; the programme's or else the estate's unless said." default:""`
}

// Quarterly is one day in each quarter.
type Quarterly struct {
	yamldoc.Place
	Month   number      `json:"month" help:"Month of the quarter." ja:"四半期の何か月目か" min:"1" max:"3"`
	Week    yamldoc.Raw `json:"week" help:"Which one of the weekday in the month: 1 to 4, or last." default:""`
	Weekday text        `json:"weekday" help:"Day of the week." enum:"monday,tuesday,wednesday,thursday,friday,saturday,sunday" default:""`
	Day     yamldoc.Raw `json:"day" help:"Day of the month in place of week and weekday: a number, or last." default:""`
	At      text        `json:"at" help:"Time of day in quotes, as in \"14:00\"." ja:"引用符で囲んだ時刻。\"14:00\" など"`
	Zone    text        `json:"zone" help:"Time zone; the programme's or else the estate's unless said." default:""`
}

// Monthly is one day in each of some months.
type Monthly struct {
	yamldoc.Place
	Months  []number    `json:"months" help:"Which months; all unless said." min:"1" max:"12" default:""`
	Week    yamldoc.Raw `json:"week" help:"Which one of the weekday in the month: 1 to 4, or last." default:""`
	Weekday text        `json:"weekday" help:"Day of the week." enum:"monday,tuesday,wednesday,thursday,friday,saturday,sunday" default:""`
	Day     yamldoc.Raw `json:"day" help:"Day of the month in place of week and weekday: a number, or last." default:""`
	At      text        `json:"at" help:"Time of day in quotes, as in \"14:00\"." ja:"引用符で囲んだ時刻。\"14:00\" など"`
	Zone    text        `json:"zone" help:"Time zone; the programme's or else the estate's unless said." default:""`
}

// Weekly is a day every so many weeks.
type Weekly struct {
	yamldoc.Place
	Every number `json:"every" help:"How many weeks lie between." min:"1" max:"52" default:"1"`
	From  text   `json:"from" help:"First day of it, whose weekday is that of all, as \"2026-04-06\"." ja:"最初の日。以後も同じ曜日になる。\"2026-04-06\" など"`
	At    text   `json:"at" help:"Time of day in quotes, as in \"14:00\"." ja:"引用符で囲んだ時刻。\"14:00\" など"`
	Zone  text   `json:"zone" help:"Time zone; the programme's or else the estate's unless said." default:""`
}
