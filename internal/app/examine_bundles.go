package app

import (
	"context"
	"slices"
	"time"

	"github.com/muster-dr/muster/internal/api"
)

const (
	// bundleOdd is from what age on a break-glass bundle is an old one.
	bundleOdd = 8 * 24 * time.Hour
	// bundleAhead is how far in the future one was made by a clock that was ahead, and no drift.
	bundleAhead = time.Hour
)

// bundles says how old the newest break-glass bundle is, where they are in use or someone is named who could open one.
func (e *examination) bundles(ctx context.Context, client *api.Client) {
	ask, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	list, err := client.Bundles(ask)
	if err != nil { // whoever may not audit is told nothing of it
		return
	}
	begun := func(b api.Bundle) bool { return b.Begun }
	// Of one from the future nobody can tell how old it is: the newest of the others counts.
	ahead := 0
	for ahead < len(list.Bundles) && time.Until(list.Bundles[ahead].MadeAt) > bundleAhead {
		ahead++
	}
	future := slices.DeleteFunc(slices.Clone(list.Bundles[:ahead]), begun)
	list.Bundles = list.Bundles[ahead:]
	made := slices.DeleteFunc(slices.Clone(list.Bundles), begun)
	title := e.t("break-glass bundle", "非常時持出パッケージ")
	again := e.t("muster bundle FILE --as PERSON, on schedule too", "muster bundle ファイル --as 人 （定期実行も設定してください）")
	wanted := len(e.c.Bundle.Recipients) > 0 || e.c.Bundle.Passphrase != ""
	switch {
	case list.From != nil:
		e.add("bundle", title, Odd, e.t("this server works from bundle %s itself: %s", "このサーバー自体がパッケージ %s で動いています: %s", list.From.ID, list.From.Reason),
			e.t("Bring back what was done, with `muster bundle export FILE`, and end it, once the main server is there again", "本来のサーバーが復旧したら、`muster bundle export ファイル` で書き出して取り込み、こちらを終了してください"))
	case len(made) == 0 && len(future) > 0:
		e.add("bundle", title, Odd, e.t("%s has a time that is still to come, %s: the clock was ahead when it was made, and how old it is can't be told", "%s の作成日時 %s は未来の日時です。作成時に時計が進んでいたため、経過日数が分かりません", future[0].ID, future[0].MadeAt.Format(time.RFC3339)), again)
	case len(made) == 0 && wanted:
		e.add("bundle", title, Odd, e.t("someone is named who can open one, and none was made", "開ける人は設定されていますが、まだ作成されていません"), again)
	case len(made) == 0 && len(list.Bundles) == 0:
		return // none in use
	case len(made) == 0:
		e.add("bundle", title, Odd, e.t("%s was begun, and none was put in place", "%s は作成を開始しただけで、配置されたパッケージがありません", list.Bundles[0].ID), again)
	default:
		b := made[0]
		age := time.Since(b.MadeAt)
		found := e.t("the newest, %s, is %d day(s) old", "最新の %s は作成から%d日", b.ID, int(age.Hours())/24)
		if n := list.Bundles[0]; n.Begun {
			e.add("bundle", title, Odd, found+e.t("; %s, begun since, was not put in place", "。その後に作成を開始した %s は配置されていません", n.ID), again)
			return
		}
		if age > bundleOdd {
			e.add("bundle", title, Odd, found, again)
			return
		}
		e.add("bundle", title, Good, found, "")
	}
}
