package report

import (
	"strings"
	"time"

	"github.com/muster-dr/muster/internal/i18n"
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/run"
)

// BreakGlass is something that one person did alone where a second one is asked for. All of
// them are reviewed after the run, by somebody who had no part in it.
type BreakGlass struct {
	At     time.Time `json:"at"`
	What   string    `json:"what"` // activation, approval, step or bundle
	System string    `json:"system,omitempty"`
	Step   string    `json:"step,omitempty"`
	Act    run.Act   `json:"act,omitempty"` // of a step
	By     string    `json:"by"`
	Via    string    `json:"via,omitempty"` // how the person was known
	Reason string    `json:"reason"`
	// SameConsole: there was a second person by name, and both came by the server's own token,
	// so nothing shows that they were two.
	SameConsole bool `json:"same_console,omitempty"`
	// Bundle is the break-glass bundle that the run was begun from, away from its installation.
	Bundle string `json:"bundle,omitempty"`
}

func (f *facts) brokenGlass() ([]BreakGlass, error) {
	out := []BreakGlass{}
	for _, e := range f.events {
		b := BreakGlass{At: e.At, System: e.System, Step: e.Step, By: e.By, Via: e.Via, Reason: e.Reason}
		switch e.Kind {
		case run.ApprovalGiven, run.ActivationConfirmed:
			var a run.Approval
			if err := decode(e, &a); err != nil {
				return nil, err
			}
			if !a.BreakGlass && !a.SameConsole || a.WithRecovery { // the approval it came with is listed
				continue
			}
			b.What, b.SameConsole = "approval", a.SameConsole
			if e.Kind == run.ActivationConfirmed {
				b.What = "activation"
			}
		case run.StepActed:
			var a run.StepAct
			if err := decode(e, &a); err != nil {
				return nil, err
			}
			if !a.BreakGlass && !a.SameConsole {
				continue
			}
			b.What, b.Act, b.SameConsole = "step", a.Act, a.SameConsole
		case run.RunStarted:
			var s run.Started
			if err := decode(e, &s); err != nil {
				return nil, err
			}
			if s.Bundle == nil {
				continue
			}
			b = BreakGlass{At: s.Bundle.At, What: "bundle", By: s.Bundle.By, Via: e.Via, Reason: s.Bundle.Reason, Bundle: s.Bundle.ID}
			if s.Bundle.Although != "" {
				b.Reason += "; " + s.Bundle.Although
			}
		default:
			continue
		}
		out = append(out, b)
	}
	return out, nil
}

// glass reports whether it is a use of break-glass, to be reviewed.
func (f Finding) glass() bool {
	return len(f.places) > 0 && strings.HasPrefix(f.places[0].Key, "glass/")
}

// words is what was done alone.
func (b BreakGlass) words() plan.Text {
	if b.SameConsole {
		alone := b
		alone.SameConsole = false
		return plan.Say("%s (both persons by the server's token or tokens issued with it)", "%s（二名ともサーバー本体のトークン、またはそれで発行したトークン）", alone.words())
	}
	switch b.What {
	case "activation":
		return say("confirmed the activation", "発動を確認")
	case "bundle":
		return say("began to work from break-glass bundle %s, away from the main server", "本来のサーバーから離れ、非常時持出パッケージ %s での対応を開始", b.Bundle)
	case "step":
		return plan.Say("step %s: %s", "ステップ %s：%s", b.Step, both(func(l i18n.Lang) string { return l.Act(b.Act) }))
	}
	return say("approved", "承認")
}

// glass is what one person did alone, for review.
func (d *document) glass() section {
	if len(d.report.BreakGlass) == 0 {
		return section{}
	}
	s := section{ID: "break-glass", Title: say("Break-glass, to be reviewed (%d)", "緊急権限の行使（要事後確認：%d 件）", len(d.report.BreakGlass)),
		Lead: []plan.Text{say("One person went on alone where a second one is asked for. Somebody who had no part in the run reviews each, within two working days.",
			"本来は二人目の確認が必要な操作を、単独で行ったものです。対応に関与していない人が、2営業日以内に一件ずつ事後確認を行ってください。")}}
	t := table{Brief: true, Head: []plan.Text{say("At", "時刻"), say("What", "内容"), say("System", "システム"), say("By", "実施者"), say("Known by", "認証手段"), say("Reason", "理由")}}
	for _, b := range d.report.BreakGlass {
		t.Rows = append(t.Rows, []cell{timeCell(plain(d.clock(b.At))), tell(b.words()), d.system(b.System), tell(actor(b.By)), name(b.Via), tell(plan.Apart(b.Reason))})
	}
	s.Tables = []table{t}
	return s
}
