package report

import (
	"cmp"

	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/run"
)

var usabilities = map[run.Usability]plan.Text{run.Usable: {EN: "✓ usable", JA: "✓ 使用可"}, run.Restricted: {EN: "! restricted", JA: "！制限付きで使用可"}, run.Unusable: {EN: "✕ not safe", JA: "✕ 使用不可"},
	run.ItemOK: {EN: "✓ ok", JA: "✓ 異常なし"}, run.NotLookedAt: {EN: "not looked at", JA: "未確認"}}

// inspections are the state of buildings as people found them, and each item that was looked at.
func (d *document) inspections() []table {
	if len(d.report.Inspections) == 0 {
		return nil
	}
	t := table{Caption: say("Site safety inspection", "拠点の安全点検"), Head: []plan.Text{say("At", "時刻"), say("Site", "拠点"), say("Usable", "使用可否"), say("By", "確認者"), say("With", "立会者"),
		say("Took", "所要"), say("Remark", "備考"), say("Photos", "写真"), say("Entered", "入力時刻")}}
	items := table{Caption: say("Items of the inspections", "安全点検の項目"), Head: []plan.Text{say("At", "時刻"), say("Site", "拠点"), say("Item", "項目"), say("State", "状態"), say("Remark", "備考")}}
	for _, i := range d.report.Inspections {
		overall := i.Overall
		if overall == "" {
			if overall = run.Unusable; i.Usable {
				overall = run.Usable
			}
		}
		took := plan.Text{}
		if i.BeganAt != nil {
			took = spanOr(seconds(max(0, i.At.Sub(*i.BeganAt))), dash)
		}
		t.Rows = append(t.Rows, []cell{timeCell(plain(d.clock(i.At))), d.site(i.Site), tell(word(usabilities, overall)), tell(actor(i.By)), tell(d.people(i.Inspectors)),
			figureCell(took), tell(plan.Apart(i.Reason)), name(photos(i.Photos)), timeCell(d.entered(i.EnteredAt))})
		for _, x := range i.Items {
			items.Rows = append(items.Rows, []cell{timeCell(plain(d.clock(i.At))), d.site(i.Site), tell(plan.Text{EN: d.checkTitle(i.Site, x.Item, "en"), JA: d.checkTitle(i.Site, x.Item, "ja")}), tell(word(usabilities, x.State)), name(x.Note)})
		}
	}
	if len(items.Rows) == 0 {
		return []table{t}
	}
	return []table{t, items}
}

// checkTitle is an item of a checklist as people call it.
func (d *document) checkTitle(site, item, lang string) string {
	return cmp.Or(d.report.Names["check "+site+"/"+item].In(lang), item)
}
