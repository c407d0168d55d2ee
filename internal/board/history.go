package board

import (
	"net/http"
	"time"

	"github.com/muster-dr/muster/internal/i18n"
	"github.com/muster-dr/muster/internal/journal"
	"github.com/muster-dr/muster/internal/plan"
)

func (b *Board) showHistory(v *visit) error {
	list, err := b.o.Store.Runs(v.r.Context(), journal.Filter{Limit: 200})
	if err != nil {
		return err
	}
	e, _ := b.o.Estate() // without it, IDs stand for names
	v.showAs(http.StatusOK, "history", v.t("History", "履歴"), historyView{list, v.lang, e.Estate, zoneOf(plan.Plan{Estate: e.Estate})}, look{at: "history"})
	return nil
}

type historyView struct {
	Runs   []journal.Summary
	L      i18n.Lang
	Estate plan.Estate
	Zone   *time.Location
}

func (h historyView) Day(t time.Time) string { return t.In(h.Zone).Format("2006-01-02 15:04 MST") }
func (h historyView) Name(id string) string  { return nameIn(h.L, h.Estate, id) }
func (h historyView) Took(s journal.Summary) string {
	if s.EndedAt == nil {
		return ""
	}
	return span(h.L, s.EndedAt.Sub(s.StartedAt).Round(time.Second).Seconds())
}
