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
	Kind     text         `json:"kind" help:"Programme." ja:"Programme と書く" enum:"Programme"`
	Name     text         `json:"name" help:"Name of the programme." ja:"訓練計画の名前" is:"name"`
	Title    yamldoc.Text `json:"title" help:"As people call it." ja:"表示名" default:""`
	Begins   number       `json:"begins" help:"Month with which the fiscal year begins: that of the plan, of the yearly report and of its quarters." ja:"年度の始まる月。年間訓練計画、年次報告とその四半期に使う" min:"1" max:"12" default:"4"`
	Zone     text         `json:"zone" help:"Time zone; the estate's unless said." ja:"タイムゾーン。なければ構成台帳の指定" default:""`
	From     text         `json:"from" help:"Day from which the programme is in force, as \"2026-10-01\": what was due before is not owed. Unless said, the day on which muster first had a programme." ja:"訓練計画が有効になる日（\"2026-10-01\" の形）。それより前に予定されていたものは未実施としない。なければ、musterに初めて訓練計画が読み込まれた日" default:""`
	Chief    text         `json:"chief" help:"Role of the chief continuity officer, who approves the plan and the windows of blind drills." ja:"計画と非提示型訓練の期間を承認する最高責任者の役割" is:"name"`
	Manager  text         `json:"manager" help:"Role of the continuity manager, who supervises that drills are held; the chief's unless said." ja:"訓練の実施を監督する責任者の役割。なければ最高責任者の役割" is:"name" default:""`
	Planner  text         `json:"planner" help:"Person who plans the drills and is told of what is postponed, unless the row names another." ja:"訓練を企画し、延期などの連絡を受ける人" is:"name"`
	Calendar Calendar     `json:"calendar" help:"Which days are worked on." ja:"営業日" default:""`
	Freezes  []Freeze     `json:"freezes" help:"Spans in which no drill begins, whatever is due." ja:"理由を問わず訓練を開始しない期間" item:"freeze" default:""`
	Rules    Rules        `json:"rules" help:"What happens when a drill can't begin when it is due." ja:"予定の時刻に開始できない場合の扱い" default:""`
	Rows     []FileRow    `json:"rows" help:"The rows of the yearly plan." ja:"年間訓練計画の行" item:"row"`
}

// Calendar is the working days.
type Calendar struct {
	yamldoc.Place
	Holidays text      `json:"holidays" help:"Public holidays: those of Japan, with the days off in their place, or none." ja:"祝日。japan は日本の国民の祝日（振替休日を含む）、none はなし" enum:"japan,none" default:"none"`
	Weekend  []text    `json:"weekend" help:"Days of the week that are not worked on; Saturday and Sunday unless said." ja:"休みの曜日。なければ土曜日と日曜日" enum:"monday,tuesday,wednesday,thursday,friday,saturday,sunday" default:""`
	Closed   []DaysOff `json:"closed" help:"Days off of one's own." ja:"独自の休業日" item:"days off" default:""`
	Open     []text    `json:"open" help:"Days that are worked on whatever else is said, as \"2026-05-02\"." ja:"ほかの指定によらず営業日とする日。\"2026-05-02\" など" default:""`
}

// DaysOff are days that are not worked on.
type DaysOff struct {
	yamldoc.Place
	Title yamldoc.Text `json:"title" help:"As people call them." ja:"休業日の呼び名"`
	From  text         `json:"from" help:"First day, as \"2026-12-29\"." ja:"初日。\"2026-12-29\" など"`
	To    text         `json:"to" help:"Last day; the first unless said." ja:"最終日。なければ初日と同じ" default:""`
}

// Freeze is a span in which no drill begins.
type Freeze struct {
	yamldoc.Place
	Name    text         `json:"name" help:"Name of the freeze." ja:"凍結期間の名前" is:"name"`
	Title   yamldoc.Text `json:"title" help:"As people call it." ja:"表示名" default:""`
	From    text         `json:"from" help:"First day, as \"2026-12-25\"." ja:"初日。\"2026-12-25\" など"`
	To      text         `json:"to" help:"Last day." ja:"最終日"`
	Systems []text       `json:"systems" help:"Systems that it is about; all unless said." ja:"対象のシステム。なければすべて" is:"name" default:""`
}

// Rules say what happens when a drill can't begin.
type Rules struct {
	yamldoc.Place
	Every  duration            `json:"every" help:"How often it is looked whether a drill that is held up can begin." ja:"開始できない訓練について、開始できるかを確かめる間隔" default:"30m"`
	For    duration            `json:"for" help:"How long that day; then it is the next working day, at the same time." ja:"当日に待つ時間。過ぎると翌営業日の同時刻に延期する" default:"2h"`
	GiveUp duration            `json:"give_up" help:"After this it is not held, and overdue." ja:"これを過ぎると未実施とし、期限超過とする" default:"14d"`
	Late   duration            `json:"late" help:"How late it may still begin when nothing ran at its time." ja:"予定の時刻にサーバーが動いていなかった場合に、遅れて開始してよい時間" default:"1h"`
	Missed text                `json:"missed" help:"What becomes of one that is later: postpone, to the next working day, or miss, which records that it was not held." ja:"それより遅れた場合の扱い。postpone は翌営業日に延期、miss は未実施として記録" enum:"postpone,miss" default:"postpone"`
	Ready  yamldoc.Value[bool] `json:"ready" help:"Whether the readiness check must find nothing in the way." ja:"準備状況の点検で支障がないことを条件とするか" default:"true"`
	Jitter duration            `json:"jitter" help:"Up to this much later, so that not all begin at once." ja:"同時に始まらないよう、開始を遅らせる時間の上限" default:"0s"`
}

// FileRow is a row of the yearly plan (requirement C-PGM-04), with what it runs.
type FileRow struct {
	yamldoc.Place
	ID          text             `json:"id" help:"Name of the row; its schedule has the same." ja:"行の名前（予定の名前にもなる）" is:"name"`
	Was         []text           `json:"was" help:"Names that the row had before: what is in the record under them is this row's. A name is of one row, and of none that is there today." ja:"行の以前の名前。その名前の記録をこの行のものとして扱う。現在の行の名前と、ほかの行の was にある名前は書けない" is:"name" single:"true" default:""`
	Number      text             `json:"number" help:"Its number in the plan, in quotes." ja:"計画での番号（引用符で囲む）" default:""`
	Kind        text             `json:"kind" help:"What kind of drill it is." ja:"訓練の種類" enum:"structure-check,procedure-check,blind-structure,blind-staff,system-recovery,system-switchover,new-arrivals,safety-report,power,audit,review,other"`
	Title       yamldoc.Text     `json:"title" help:"What it is called." ja:"名称" default:""`
	Content     yamldoc.Text     `json:"content" help:"What is done." ja:"実施内容"`
	Method      []text           `json:"method" help:"How: in-house, with an external lecturer, or external training." ja:"実施方法（in-house は内部、external-lecturer は外部講師、external-training は外部研修）" enum:"in-house,external-lecturer,external-training" single:"true"`
	Audience    []text           `json:"audience" help:"For whom: those named in the emergency structure, general staff." ja:"対象者（emergency-structure は対応体制の要員、general-staff は一般職員）" enum:"emergency-structure,general-staff" single:"true"`
	Months      []number         `json:"months" help:"Months of it; those of the schedule unless said." ja:"実施月。なければ schedule の月" min:"1" max:"12" default:""`
	Times       number           `json:"times" help:"How often a year, for a cadence without set months: the year is cut into as many equal parts, and each needs one." ja:"月を定めない場合の年間回数。1年をその数に等分し、それぞれで1回の実施が必要" min:"1" max:"52" default:""`
	From        text             `json:"from" help:"Day from which the row is in force, for one that was added in the course of a year; the programme's unless said." ja:"この行が有効になる日（年度の途中で加えた行に使う）。なければ訓練計画の指定" default:""`
	Planner     text             `json:"planner" help:"Person who plans it; the programme's unless said." ja:"企画する人。なければ訓練計画の企画者" is:"name" default:""`
	Remarks     yamldoc.Text     `json:"remarks" help:"What else there is to say." ja:"備考" default:""`
	Scenario    text             `json:"scenario" help:"Scenario that is run. Without it people hold it, and record that they did." ja:"実施するシナリオ。なければ人が実施し、実施したことを記録する" is:"name" default:""`
	Schedule    *Schedule        `json:"schedule" help:"When it is due; the scenario's own schedule unless said." ja:"実施時期。なければシナリオの schedule" default:""`
	Start       text             `json:"start" help:"Whether muster starts it when it is due, or people do." ja:"予定の時刻にmusterが開始するか、人が開始するか" enum:"automatic,by-hand" default:"automatic"`
	Shift       text             `json:"shift" help:"Where it goes that falls on a day off." ja:"休業日に当たった場合の移動先" enum:"next-working-day,none" default:"next-working-day"`
	Goals       []FileGoal       `json:"goals" help:"What it must show, set beforehand." ja:"あらかじめ定める、確かめるべき目標" item:"goal" default:""`
	Assumptions []text           `json:"assumptions" help:"IDs or names of the hazard assumptions and levels that it tests, as in A-DMG-03." ja:"検証する想定や水準のIDまたは名前。A-DMG-03 など" default:""`
	Contractors []FileContractor `json:"contractors" help:"Parties outside who take part." ja:"参加する外部の連絡先" item:"contractor" default:""`
	Blind       *Blind           `json:"blind" help:"Its start is drawn, and the scenario withheld from those who take part." ja:"開始時刻を抽選で決め、参加者にはシナリオを知らせない" default:""`
	Arrivals    *Arrivals        `json:"arrivals" help:"It is due whenever somebody is newly in the estate, or has a new role." ja:"構成台帳に新しい要員が加わるか、要員の役割が変わるたびに実施する" default:""`
	Rules       *Rules           `json:"rules" help:"What happens when it can't begin; the programme's rules unless said." ja:"開始できない場合の扱い。なければ訓練計画の rules" default:""`
}

// FileGoal is something a drill must show, as it can be measured.
type FileGoal struct {
	yamldoc.Place
	ID     text         `json:"id" help:"Name of the goal." ja:"目標の名前" is:"name"`
	Text   yamldoc.Text `json:"text" help:"The goal as a sentence." ja:"目標の文"`
	Expect text         `json:"expect" help:"CEL over the finished run's report that decides it, as in a scenario's pass criteria." ja:"終了した訓練の報告書に対するCEL式。シナリオの合格基準と同じ書き方" default:""`
	Judge  text         `json:"judged_by" help:"Role that judges it where no record can." ja:"記録から判定できない場合に判定する役割" is:"name" default:""`
}

// FileContractor is a party's part in a drill (requirement C-PGM-05).
type FileContractor struct {
	yamldoc.Place
	Party    text `json:"party" help:"Party of the estate." ja:"構成台帳の連絡先" is:"name"`
	Invited  text `json:"invited" help:"Day on which it was invited, as \"2026-07-01\"." ja:"参加を依頼した日。\"2026-07-01\" など" default:""`
	Accepted text `json:"accepted" help:"Day on which it accepted." ja:"承諾した日" default:""`
	Declined text `json:"declined" help:"Day on which it declined." ja:"辞退した日" default:""`
	TookPart text `json:"took_part" help:"Day on which it took part." ja:"参加した日" default:""`
}

// Blind is a drill whose start is drawn (requirements C-BLD-01 to 05).
type Blind struct {
	yamldoc.Place
	Days     number `json:"days" help:"Working days from the due day on, one of which is drawn." ja:"予定日から数えた営業日数。このうち1日を抽選で選ぶ" min:"1" max:"60" default:"5"`
	From     text   `json:"from" help:"It does not begin earlier in the day, as \"10:00\"." ja:"1日のうち開始してよい最も早い時刻。\"10:00\" など"`
	To       text   `json:"to" help:"It does not begin later." ja:"1日のうち開始してよい最も遅い時刻"`
	By       text   `json:"approved_by" help:"Who approved the window: somebody with the chief's role." ja:"期間を承認した、最高責任者の役割を持つ人" is:"name"`
	Approved text   `json:"approved" help:"Day of the approval, as \"2026-04-10\"." ja:"承認した日。\"2026-04-10\" など"`
}

// Arrivals says who needs it when they come.
type Arrivals struct {
	yamldoc.Place
	Within duration `json:"within" help:"How soon after they come." ja:"配属からの期限"`
	Roles  []text   `json:"roles" help:"Only who gets one of these roles; everybody unless said." ja:"対象の役割。なければ全員" is:"name" default:""`
}

// Schedule says when something is due: one of the four.
type Schedule struct {
	yamldoc.Place
	Yearly    *Yearly    `json:"yearly" help:"Once a year." ja:"年1回" default:""`
	Quarterly *Quarterly `json:"quarterly" help:"Once a quarter." ja:"四半期に1回" default:""`
	Monthly   *Monthly   `json:"monthly" help:"Once in each month, or in each of some." ja:"毎月、または特定の月に1回" default:""`
	Weekly    *Weekly    `json:"weekly" help:"Every so many weeks." ja:"指定した週数ごと" default:""`
}

// Yearly is one day of the year.
type Yearly struct {
	yamldoc.Place
	Month   number      `json:"month" help:"Month." ja:"月" min:"1" max:"12"`
	Week    yamldoc.Raw `json:"week" help:"Which one of the weekday in the month: 1 to 4, or last." ja:"月の何番目の曜日か。1〜4 または last" default:""`
	Weekday text        `json:"weekday" help:"Day of the week." ja:"曜日" enum:"monday,tuesday,wednesday,thursday,friday,saturday,sunday" default:""`
	Day     yamldoc.Raw `json:"day" help:"Day of the month in place of week and weekday: a number, or last." ja:"week と weekday に代わる日付。数字または last" default:""`
	At      text        `json:"at" help:"Time of day in quotes, as in \"14:00\"." ja:"引用符で囲んだ時刻。\"14:00\" など"`
	Zone    text        `json:"zone" help:"Time zone; the programme's or else the estate's unless said." ja:"タイムゾーン。なければ訓練計画、次に構成台帳の指定" default:""`
}

// Quarterly is one day in each quarter.
type Quarterly struct {
	yamldoc.Place
	Month   number      `json:"month" help:"Month of the quarter." ja:"四半期の何か月目か" min:"1" max:"3"`
	Week    yamldoc.Raw `json:"week" help:"Which one of the weekday in the month: 1 to 4, or last." ja:"月の何番目の曜日か。1〜4 または last" default:""`
	Weekday text        `json:"weekday" help:"Day of the week." ja:"曜日" enum:"monday,tuesday,wednesday,thursday,friday,saturday,sunday" default:""`
	Day     yamldoc.Raw `json:"day" help:"Day of the month in place of week and weekday: a number, or last." ja:"week と weekday に代わる日付。数字または last" default:""`
	At      text        `json:"at" help:"Time of day in quotes, as in \"14:00\"." ja:"引用符で囲んだ時刻。\"14:00\" など"`
	Zone    text        `json:"zone" help:"Time zone; the programme's or else the estate's unless said." ja:"タイムゾーン。なければ訓練計画、次に構成台帳の指定" default:""`
}

// Monthly is one day in each of some months.
type Monthly struct {
	yamldoc.Place
	Months  []number    `json:"months" help:"Which months; all unless said." ja:"対象の月。なければすべて" min:"1" max:"12" default:""`
	Week    yamldoc.Raw `json:"week" help:"Which one of the weekday in the month: 1 to 4, or last." ja:"月の何番目の曜日か。1〜4 または last" default:""`
	Weekday text        `json:"weekday" help:"Day of the week." ja:"曜日" enum:"monday,tuesday,wednesday,thursday,friday,saturday,sunday" default:""`
	Day     yamldoc.Raw `json:"day" help:"Day of the month in place of week and weekday: a number, or last." ja:"week と weekday に代わる日付。数字または last" default:""`
	At      text        `json:"at" help:"Time of day in quotes, as in \"14:00\"." ja:"引用符で囲んだ時刻。\"14:00\" など"`
	Zone    text        `json:"zone" help:"Time zone; the programme's or else the estate's unless said." ja:"タイムゾーン。なければ訓練計画、次に構成台帳の指定" default:""`
}

// Weekly is a day every so many weeks.
type Weekly struct {
	yamldoc.Place
	Every number `json:"every" help:"How many weeks lie between." ja:"間隔の週数" min:"1" max:"52" default:"1"`
	From  text   `json:"from" help:"First day of it, whose weekday is that of all, as \"2026-04-06\"." ja:"最初の日。以後も同じ曜日になる。\"2026-04-06\" など"`
	At    text   `json:"at" help:"Time of day in quotes, as in \"14:00\"." ja:"引用符で囲んだ時刻。\"14:00\" など"`
	Zone  text   `json:"zone" help:"Time zone; the programme's or else the estate's unless said." ja:"タイムゾーン。なければ訓練計画、次に構成台帳の指定" default:""`
}
