package board

import (
	"net/http"
	"strconv"
	"time"

	"github.com/muster-dr/muster/internal/api"
	"github.com/muster-dr/muster/internal/i18n"
	"github.com/muster-dr/muster/internal/journal"
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/run"
)

// pastRun is a run with what it came to, in words.
type pastRun struct {
	api.PastRun
	sign
}

type historyView struct {
	H        api.History
	Runs     []pastRun
	Pages    pager
	Any      bool // something narrows the list
	Filter   struct{ System, Scenario, Verdict, Year string }
	Systems  []choice
	Verdicts []choice
	L        i18n.Lang
	Estate   plan.Estate
	Zone     *time.Location
}

func (h historyView) Day(t time.Time) string { return t.In(h.Zone).Format("2006-01-02 15:04 MST") }
func (h historyView) Name(id string) string  { return nameIn(h.L, h.Estate, id) }
func (h historyView) Took(s journal.Summary) string {
	if s.EndedAt == nil {
		return ""
	}
	return span(h.L, s.EndedAt.Sub(s.StartedAt).Round(time.Second).Seconds())
}

// verdictSigns are the classes and signs of verdicts.
var verdictSigns = map[run.Verdict]sign{run.Met: {"ok", "✓", ""}, run.Missed: {"bad", "✕", ""}, run.NotProven: {"warn", "?", ""}, run.NoObjective: {"idle", "–", ""}}

func (v *visit) verdict(of run.Verdict) sign {
	s := verdictSigns[of]
	if of != "" {
		s.Word = v.lang.Verdict(of)
	}
	return s
}

func (b *Board) showHistory(v *visit) error {
	q := v.r.URL.Query()
	e, _ := b.o.Estate() // without it, IDs stand for names
	view := historyView{L: v.lang, Estate: e.Estate, Zone: zoneOf(plan.Plan{Estate: e.Estate}), Systems: v.systemChoices(e)}
	view.Filter.System, view.Filter.Scenario, view.Filter.Verdict = q.Get("system"), q.Get("scenario"), q.Get("verdict")
	for _, one := range []run.Verdict{run.Met, run.Missed, run.NotProven} {
		view.Verdicts = append(view.Verdicts, choice{string(one), v.lang.Verdict(one)})
	}
	view.Verdicts = append(view.Verdicts, choice{"none", v.t("none (open, refused)", "なし（進行中・拒否）")})
	year, _ := strconv.Atoi(q.Get("year"))
	if year < 2000 || year > 2099 {
		year = 0
	} else {
		view.Filter.Year = strconv.Itoa(year)
	}
	page, _ := strconv.Atoi(q.Get("page"))
	var err error
	if view.H, err = v.client("").History(v.ctx(), api.HistoryFilter{System: view.Filter.System, Scenario: view.Filter.Scenario, Verdict: run.Verdict(view.Filter.Verdict), Year: year, Page: max(page, 1), Size: perPage}); err != nil {
		return err
	}
	for _, r := range view.H.Runs {
		view.Runs = append(view.Runs, pastRun{r, v.verdict(r.Verdict)})
	}
	view.Pages.of(v.r, view.H.Total)
	view.Any = view.Filter.System+view.Filter.Scenario+view.Filter.Verdict+view.Filter.Year != ""
	v.showAs(http.StatusOK, "history", v.t("History", "履歴"), view, look{at: "history"})
	return nil
}
