package watch

import (
	"strings"

	"github.com/muster-dr/muster/internal/i18n"
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/run"
)

// formLine tells of what people handed in; "" of any other event.
func formLine(l i18n.Lang, of plan.Plan, e run.Event, by, why string) string {
	switch e.Kind {
	case run.PrioritiesSet:
		var p run.Priorities
		_ = e.Decode(&p)
		return l.T("damage is looked at in this order: %s%s%s", "被害の確認順序: %s%s%s", clean(strings.Join(p.Order, ", ")), by, why)
	case run.PartyTried:
		var c run.Contacted
		_ = e.Decode(&c)
		return l.T("%s by %s: %s%s%s", "%s への連絡 (%s): %s%s%s", clean(c.Party), clean(c.Channel), l.Contact(c.Outcome), by, why)
	case run.OrderGiven:
		var o run.Order
		_ = e.Decode(&o)
		return l.T("%s to %s: %s%s", "%s %s 宛て: %s%s", o.ID, clean(o.Party+Name(l, of, o.Person))+roleName(l, of, o.Role), clean(o.What), by)
	case run.OrderFollowed:
		var s run.OrderState
		_ = e.Decode(&s)
		return l.T("%s %s%s%s", "%s %s%s%s", s.ID, l.Progress(s.State), by, why)
	case run.CustodyMoved:
		var c run.Custody
		_ = e.Decode(&c)
		return l.T("%s: %s taken from %s to %s%s", "%s: %s を %s から %s へ搬出%s", c.ID, clean(c.What), clean(c.From), clean(c.To), by)
	case run.CustodyReceived:
		var c run.CustodyReceipt
		_ = e.Decode(&c)
		return l.T("%s received by %s", "%s を %s が受領", c.ID, clean(Name(l, of, c.ReceivedBy)))
	case run.DraftMade:
		var d run.Draft
		_ = e.Decode(&d)
		return l.T("drafted for %s: %s%s%s", "%s の復旧方針案: %s%s%s", e.System, l.Choice(d.Choice), by, why)
	case run.ConsultationBegun, run.ConsultationEnded:
		var c run.Consultation
		_ = e.Decode(&c)
		switch {
		case c.NoHeadquarters:
			return l.T("there is no headquarters to consult%s", "協議すべき対策本部なし%s", by)
		case e.Kind == run.ConsultationBegun:
			return l.T("consulting %s%s", "%s との協議を開始%s", clean(c.With), by)
		}
		return l.T("%s consulted%s%s", "%s との協議を終了%s%s", clean(c.With), by, why)
	case run.DeputiesAsked:
		var d run.Deputies
		_ = e.Decode(&d)
		return l.T("NOBODY HAS DECIDED: deputies may now: %s", "判断なし: 代行者による決定が可能: %s", names(l, of, d.People))
	case run.ReviewAsked:
		var v run.Review
		_ = e.Decode(&v)
		return l.T("REVIEW of the decision on %s: RTO EXPECTED TO BE MISSED by %s", "復旧方針の見直し %s: RTO超過見込み %s", e.System, span(l, v.MissS))
	case run.ReviewMade:
		return l.T("review of %s: the decision is kept%s%s", "%s の見直し: 方針を継続%s%s", e.System, by, why)
	case run.SituationReported:
		var x run.Situation
		_ = e.Decode(&x)
		return l.T("situation report %d to %d", "状況報告 第%d報 (%d名)", x.No, len(x.To)+len(x.Parties))
	case run.NoticeKept:
		var n run.Notice
		_ = e.Decode(&n)
		if n.Received {
			return l.T("instruction from %s%s%s", "%s からの指示%s%s", clean(n.Who), by, why)
		}
		return l.T("told %s%s%s", "%s への通知%s%s", clean(n.Who), by, why)
	case run.RecordsAsked:
		var a run.Asked
		_ = e.Decode(&a)
		return l.T("%d are asked what was hard", "%d名に難しかった点の記入を依頼", len(a.People))
	case run.RecordHandedIn:
		var x run.Record
		_ = e.Decode(&x)
		if x.Nothing {
			return l.T("remark of %s: nothing was hard", "%s の所見: 特になし", e.Person)
		}
		return l.T("remark of %s%s", "%s の所見%s", e.Person, why)
	}
	return ""
}
