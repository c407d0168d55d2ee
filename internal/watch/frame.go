package watch

import (
	"fmt"
	"strings"
	"time"

	"github.com/muster-dr/muster/internal/i18n"
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/progress"
	"github.com/muster-dr/muster/internal/run"
)

// Frame is one picture of a run: what it says depends on its arguments alone.
type Frame struct {
	Style  Style
	Height int // lines; 0 is as many as there are
	Lang   i18n.Lang
	Plan   plan.Plan
	Zone   *time.Location
	// As: whoever reads it says with --as who they are, so that commands show it.
	As bool
	// Stale is how old the newest word from the server is; 0 is live. A stale picture
	// says so, in words.
	Stale time.Duration
}

// Lines draws the overview.
func (f Frame) Lines(o progress.Overview) []string {
	if f.Zone == nil {
		f.Zone = time.UTC
	}
	head := f.head(o)
	head = append(head, f.phases(o)...)
	head = append(head, f.systems(o)...)
	head = append(head, f.people(o)...)
	head = append(head, f.waiting(o, max(6, min(f.Height/2, f.Height-len(head)-3)))...)
	steps := f.steps(o, true)
	said := f.messages(o)
	if f.Height > 0 {
		// The newest steps and messages get the room that is left; the clock, and who
		// is waited for, always show.
		room := max(0, f.Height-1-len(head))
		saidRoom := min(len(said), max(0, min(5, room/4)))
		said = tail(said, saidRoom)
		if room -= len(said); len(steps) > room {
			steps = f.steps(o, false) // what is to come goes first
		}
		if len(steps) > room && len(steps) > 0 {
			steps = tail(steps[:len(steps)-1], room) // without the empty line below
		}
	}
	out := append(head, steps...)
	out = append(out, said...)
	if f.Height > 0 && len(out) > f.Height {
		out = out[:f.Height]
	}
	return out
}

// tail keeps a section's title, its first line, and the newest of the rest.
func tail(lines []string, n int) []string {
	if len(lines) <= n {
		return lines
	}
	if n < 2 {
		return nil
	}
	return append([]string{lines[0]}, lines[len(lines)-n+1:]...)
}

func (f Frame) t(en, ja string, args ...any) string { return f.Lang.T(en, ja, args...) }

func (f Frame) title(en, ja string) string { return f.Style.paint(bold, f.t(en, ja)) }

func (f Frame) head(o progress.Overview) []string {
	mark := onBlue
	if o.Kind == run.Response {
		mark = onRed
	}
	left := " " + f.Lang.Banner(o.Kind) + " "
	right := "T+ " + clock(o.At.Sub(o.StartedAt).Seconds()) + " "
	middle := " " + o.Run
	if title := clean(o.Title.In(string(f.Lang))); title != "" {
		middle += "  " + title
	}
	room := f.Style.Width - Cells(left) - Cells(right)
	lines := []string{f.Style.paint(mark, left) + f.Style.paint(bold, column(middle, room-1)+" ") + f.Style.paint(bold, right)}

	state := f.Lang.Standing(o.State, o.Aborting)
	color := cyan
	switch {
	case o.State == run.Paused:
		state, color = "⏸ "+state, yellow
	case o.Aborting:
		state, color = "■ "+state, yellow
	case o.State == run.Recovered:
		state, color = "✓ "+state, green
	case o.State == run.TalkedThrough, o.State == run.WalkedThrough:
		state = "■ " + state // neither good nor bad: nothing was proven
	case o.State.Ended():
		state, color = "■ "+state, red
	default:
		state = "▶ " + state
	}
	about := f.t("%s · started %s by %s", "%s · %s 開始 · 開始者 %s", f.Lang.Depth(o.Depth), f.at(o.StartedAt, true), f.name(o.By))
	if o.Simulated {
		about += f.t(" · people are simulated", " · 人の応答は模擬")
	}
	lines = append(lines, " "+f.Style.paint(color, state)+"  "+f.Style.paint(dim, cut(about, max(0, f.Style.Width-Cells(state)-4))))
	if o.StateWhy != "" {
		who := ""
		if o.StateBy != "" {
			who = f.name(o.StateBy) + ": "
		}
		for _, line := range f.whole(who+f.said(o.StateWhy), f.Style.Width-4) {
			lines = append(lines, "   "+line)
		}
	}
	if f.Stale > 0 {
		lines = append(lines, " "+f.Style.paint(onYellow, f.t(" STALE: no word from the server for %s; trying again ", " 情報が古くなっています: %s前からサーバーの応答なし。再接続中 ", span(f.Lang, f.Stale.Seconds()))))
	}
	for _, site := range o.Absent {
		lines = append(lines, " "+f.Style.paint(yellow, f.t("! no worker took a step at %s in time", "! 拠点 %s のワーカーが時間内に応答しませんでした", site)))
	}
	return append(lines, "")
}

func (f Frame) at(t time.Time, zone bool) string {
	layout := "15:04:05"
	if zone {
		layout = "15:04:05 MST"
	}
	return t.In(f.Zone).Format(layout)
}

// phases is a strip of all phases, wrapped; what is now stands out.
func (f Frame) phases(o progress.Overview) []string {
	var lines []string
	line, used := " ", 1
	for _, p := range o.Phases {
		name := f.Lang.Phase(p.ID)
		symbol, color := "·", dim
		switch p.Progress {
		case progress.Now:
			symbol, color = "▶", onYellow
			name += " " + minutes(o.At.Sub(*p.StartedAt).Seconds())
		case progress.Done:
			symbol, color = "✓", green
			switch p.Outcome {
			case run.Failed:
				symbol, color = "✗", red
			case run.Unknown:
				symbol, color = "?", yellow
			case run.Skipped:
				symbol, color = "-", dim
			}
		case progress.LeftOut:
			symbol = "-"
		}
		text := symbol + " " + name
		if used+Cells(text)+2 > f.Style.Width {
			lines = append(lines, line)
			line, used = " ", 1
		}
		line += f.Style.paint(color, text) + "  "
		used += Cells(text) + 2
	}
	return append(lines, line, "")
}

func (f Frame) systems(o progress.Overview) []string {
	var lines []string
	wide := f.Style.Width >= 90
	for _, s := range o.Systems {
		name := s.Name
		if s.Priority != "" {
			name += " (" + s.Priority + ")"
		}
		level, levelColor := f.t("level not known yet", "稼働レベル 未確認"), dim
		if s.Level != nil {
			level = f.t("level %3d %% %s", "稼働 %3d %% %s", *s.Level, bar(float64(*s.Level)/100, 10))
			levelColor = green
			if *s.Level < 100 {
				levelColor = red
			}
		}
		lines = append(lines, " "+f.Style.paint(bold, column(name, 22))+" "+f.Style.paint(levelColor, level)+"  "+f.functions(s, max(10, f.Style.Width-26-Cells(level))))
		lines = append(lines, "   "+f.rto(s, wide))
		if curve := f.curve(s); curve != "" {
			lines = append(lines, "   "+curve)
		}
		if way := f.way(s); way != "" {
			lines = append(lines, "   "+f.Style.paint(dim, cut(way, f.Style.Width-4)))
		}
		if s.LockKept != "" {
			for _, line := range f.whole(f.t(" CLEAN-UP INCOMPLETE: %s ", " 後始末が未完了: %s ", f.said(s.LockKept)), f.Style.Width-4) {
				lines = append(lines, "   "+f.Style.paint(onRed, line))
			}
		}
	}
	return append(lines, "")
}

// curve is the level since the event in a line, with the floor and what was lost. A
// service that was not seen to fall has none.
func (f Frame) curve(s progress.System) string {
	if s.Floor == nil || *s.Floor == 100 || s.UsedS <= 0 || f.Height > 0 && f.Height < 28 {
		return "" // a low screen has other needs
	}
	const blocks = "▁▂▃▄▅▆▇█"
	n, words := 20, f.t("floor %d %% · lost %s", "最低 %d %% · 損失 %s", *s.Floor, span(f.Lang, *s.LostS))
	if f.Style.Width >= 90 {
		n, words = 30, f.t("floor %d %% · lost %s of full service", "最低 %d %% · 損失 %s (完全稼働換算)", *s.Floor, span(f.Lang, *s.LostS))
	}
	line := make([]rune, n)
	for i := range line {
		// The lowest level of each stretch: a dip must not fall between two of them.
		from, to, level := s.UsedS*float64(i)/float64(n), s.UsedS*float64(i+1)/float64(n), 100
		for j, p := range s.Curve {
			if p.AtS < to && (j+1 == len(s.Curve) || s.Curve[j+1].AtS > from) {
				level = min(level, p.Level)
			}
		}
		line[i] = []rune(blocks)[level*7/100]
	}
	return "RLO  " + f.Style.paint(cyan, string(line)) + "  " + f.Style.paint(dim, cut(words, max(10, f.Style.Width-n-12)))
}

// way is where the system goes, and who said so.
func (f Frame) way(s progress.System) string {
	ps, _ := f.Plan.System(s.Name)
	if s.Decision == "" {
		return ""
	}
	to := f.Lang.ChoiceAt(s.Decision, ps.Home, ps.Alternate)
	return f.t("decided: %s (%s)", "決定: %s (%s)", to, f.name(s.DecidedBy))
}

// rto is the clock against the objective: used, objective, bar, and what is left or over.
func (f Frame) rto(s progress.System, wide bool) string {
	if s.EventAt == nil {
		text := f.t("RTO  the clock has not started", "RTO  計測前")
		if s.ObjectiveS != nil {
			text += f.t(" · objective %s", " · 目標 %s", clock(*s.ObjectiveS))
		}
		return f.Style.paint(dim, text)
	}
	size := 20
	if wide {
		size = 30
	}
	word, color := "", cyan
	switch {
	case s.ObjectiveS == nil:
		return "RTO  " + f.Style.paint(bold, clock(s.UsedS)) + " " + f.t("· no objective is set", "· 目標の設定なし")
	case s.UsedS > *s.ObjectiveS:
		word, color = f.t("OVER by %s", "超過 %s", span(f.Lang, s.UsedS-*s.ObjectiveS)), red
	case s.RestoredAt != nil:
		word, color = f.t("✓ restored", "✓ 復旧"), green
	case s.Ticking:
		word = f.t("%s left", "残り %s", clock(*s.ObjectiveS-s.UsedS))
		if s.UsedS > 0.8**s.ObjectiveS {
			color = yellow
		}
	default:
		word = f.t("not restored", "復旧せず")
	}
	if f.Plan.Scenario.Depth.Unseen() && s.RestoredAt == nil && !s.Ticking { // people talked it through; the clock measured that
		word, color = f.t("not observed at this depth", "観測なし（この深さでは実行しない）"), dim
	}
	return "RTO  " + f.Style.paint(bold, clock(s.UsedS)) + " / " + clock(*s.ObjectiveS) + "  " +
		f.Style.paint(color, bar(s.UsedS / *s.ObjectiveS, size)) + "  " + f.Style.paint(color, word)
}

func (f Frame) functions(s progress.System, room int) string {
	out, used := "", 0
	for i, fn := range s.Functions {
		symbol, color := "?", dim
		if fn.Up != nil {
			symbol, color = "●", green
			if !*fn.Up {
				symbol, color = "✗", red
			}
		}
		text := symbol + " " + fn.Name
		if fn.Up != nil && *fn.Up && fn.Level > 0 {
			color, text = red, fmt.Sprintf("◐ %s %d%%", fn.Name, fn.Level)
		} else if fn.Up != nil && *fn.Up && fn.Level == run.LevelUnknown {
			color, text = yellow, "◐ "+fn.Name+" ?%"
		}
		if used+Cells(text)+2 > room {
			return out + fmt.Sprintf("+%d", len(s.Functions)-i)
		}
		out += f.Style.paint(color, text) + "  "
		used += Cells(text) + 2
	}
	return out
}

func (f Frame) people(o progress.Overview) []string {
	p := o.People
	if p.Called == 0 {
		return nil
	}
	counts := f.t("called %d · safe %d · injured %d · silent %d · mustered %d", "対象 %d · 無事 %d · 負傷 %d · 未回答 %d · 参集 %d",
		p.Called, p.Safe, p.Injured, p.Silent, p.Mustered)
	if p.LightlyHurt+p.BadlyHurt > 0 {
		counts += f.t(" (light %d, bad %d)", " (軽傷 %d・重傷 %d)", p.LightlyHurt, p.BadlyHurt)
	}
	if p.Absent > 0 {
		counts += f.t(" · absent %d", " · 不在 %d", p.Absent)
	}
	line := " " + f.title("People", "要員") + "  " + counts
	var lines []string
	for _, n := range p.Need {
		text, color := fmt.Sprintf("%s %d/%d", roleName(f.Lang, f.Plan, n.Role), n.Present, n.Need), green
		if n.Present < n.Need {
			color = yellow
		}
		if Cells(line)+Cells(text)+2 > f.Style.Width {
			lines = append(lines, line)
			line = "        "
		}
		line += "  " + f.Style.paint(color, text)
	}
	return append(lines, line, "")
}

// whole is a text in as many lines as it takes; on a screen, which has so many, it is cut to one.
func (f Frame) whole(text string, n int) []string {
	if f.Height > 0 {
		return []string{cut(text, n)}
	}
	return fold(text, max(20, n))
}

// waiting lists who is waited for: whole, and on a screen, where room is what is left for it, at
// least with the commands.
func (f Frame) waiting(o progress.Overview, room int) []string {
	if o.EndedAt != nil {
		return nil
	}
	if len(o.Waiting) == 0 {
		return []string{" " + f.title("Waiting for", "対応待ち") + "  " + f.Style.paint(dim, f.t("nobody", "なし")), ""}
	}
	var all []waitedFor
	n := 0
	for _, w := range o.Waiting {
		all = append(all, f.waited(o, w))
		n += len(all[len(all)-1].whole)
	}
	lines, missing := []string{" " + f.title("Waiting for", "対応待ち")}, false
	for i, one := range all {
		show := one.whole
		if f.Height > 0 && n > room {
			show = one.short
		}
		if f.Height > 0 && i > 0 && len(lines)-1+len(show) > room {
			lines = append(lines, "   "+f.t("… and %d more", "… ほか %d 件", len(all)-i))
			missing = true
			break
		}
		missing = missing || len(show) < len(one.whole)
		lines = append(lines, show...)
	}
	if missing {
		lines = append(lines, "   "+f.Style.paint(dim, cut(f.t("… whole text: muster drill show %s", "… 全文は muster drill show %s で確認できます", o.Run), f.Style.Width-4)))
	}
	return append(lines, "")
}

// waitedFor are the lines of one that is waited for, and those that have to stand where room is short.
type waitedFor struct{ whole, short []string }

func (f Frame) waited(o progress.Overview, w progress.Waiting) waitedFor {
	who, what, how := Ask(f.Lang, f.Plan, o.Run, w)
	if f.As {
		how = how.By(how.As)
	}
	since := short(o.At.Sub(w.Since).Seconds())
	if w.Due != nil {
		if left := w.Due.Sub(o.At).Seconds(); left > 0 {
			since += f.t(", %s left", "、残り %s", short(left))
		} else {
			since += f.t(", time is up", "、期限切れ")
		}
	}
	room, below := max(20, f.Style.Width-8-Cells(since)), max(20, f.Style.Width-6)
	first := func(text string) string {
		return "   " + f.Style.paint(yellow, "➜ ") + text + "  " + f.Style.paint(dim, since)
	}
	text := who + "  " + f.said(what)
	out := waitedFor{short: []string{first(cut(text, room))}}
	if w.Kind == run.WaitAck { // what is to be read stands apart
		out.whole = []string{first(cut(who, room))}
		for _, line := range fold(f.said(what), below) {
			out.whole = append(out.whole, "     "+line)
		}
	} else {
		for i, line := range fold(text, room) {
			if i == 0 {
				out.whole = append(out.whole, first(line))
				continue
			}
			out.whole = append(out.whole, "     "+line)
		}
	}
	if o.Simulated {
		return out
	}
	for _, c := range how.Lines() {
		for _, line := range f.command(c, below) {
			line = "     " + f.Style.paint(dim, line)
			out.whole, out.short = append(out.whole, line), append(out.short, line)
		}
	}
	for _, note := range how.Notes {
		for _, line := range fold(note, below) {
			out.whole = append(out.whole, "     "+f.Style.paint(dim, line))
		}
	}
	return out
}

// command is a command as a shell takes it back: in one line, which a terminal wraps by itself, and on a
// screen, where every line is counted, in lines of at most n cells that end in a backslash.
func (f Frame) command(text string, n int) []string {
	if f.Height == 0 || Cells(text) <= n {
		return []string{text}
	}
	var lines []string
	line := ""
	for _, word := range strings.Split(text, " ") {
		if line != "" && Cells(line)+1+Cells(word) > n-2 {
			lines, line = append(lines, cut(line, n-2)+` \`), ""
		}
		if line != "" {
			line += " "
		}
		line += word
	}
	return append(lines, cut(line, n))
}

func (f Frame) messages(o progress.Overview) []string {
	if len(o.Messages) == 0 {
		return nil
	}
	lines := []string{" " + f.title("Messages", "連絡")}
	for _, m := range o.Messages {
		for i, line := range f.whole(f.said(m.Text), f.Style.Width-13) {
			when := f.Style.paint(dim, f.at(m.At, false))
			if i > 0 {
				when = strings.Repeat(" ", 8)
			}
			lines = append(lines, "   "+when+" "+line)
		}
	}
	return lines
}

func (f Frame) said(text string) string { return said(f.Lang, text) }

// said is a message in the reader's language: the engine says each in both, English
// first, behind the marks of both.
func said(l i18n.Lang, text string) string {
	text, mark := clean(text), ""
	if rest, ok := strings.CutPrefix(text, run.Mark); ok {
		mark, text = l.T(run.MarkEN+" ", run.MarkJA), strings.TrimSpace(rest)
	}
	return mark + plan.Apart(text).In(string(l))
}
