package i18n

import "github.com/muster-dr/muster/internal/run"

// Again says what it does to try a step again of which nobody can tell whether it had its effect
// (workflows.Execute); by is the word for that on the button or of the command.
func (l Lang) Again(by string, e run.Effect, canLook bool) string {
	switch {
	case !e.Once():
		return l.T("This step only reads: “%s” reads once more, and changes nothing.", "このステップは参照のみを行うため、「%s」をしても対象は変わりません。", by)
	case !canLook:
		return l.T("muster can't see at the target whether this step was done: “%s” asks the ledger of the site's worker, and acts only if the step was never begun.",
			"musterは、このステップが実行されたかどうかを対象側で確認できません。「%s」は、拠点のワーカーの実行台帳を確認し、未着手と確認できた場合に限り実行します。", by)
	}
	return l.T("“%s” looks at the target first, and acts only if the step is proven not done and not under way.", "「%s」は、まず対象の状態を確認し直し、未完了で実行中でもないと確認できた場合に限り実行します。", by)
}

// WorkerAway says what to look at where no worker of a site takes a step, and what then (by is as of Again).
func (l Lang) WorkerAway(site, by string) string {
	return l.T("This is muster's worker and says nothing of the site itself. There: systemctl status muster-worker@%[1]s (or muster worker --site %[1]s; with muster up, muster itself). Once it is back: “%[2]s”.",
		"応答がないのはmusterのワーカーで、拠点の被災を意味するとは限りません。その拠点で systemctl status muster-worker@%[1]s（または muster worker --site %[1]s。muster up の場合は muster 本体）を確認し、復帰後に「%[2]s」を選んでください。", site, by)
}
