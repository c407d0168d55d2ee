package board_test

import (
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/muster-dr/muster/internal/run"
)

// An approver's page that was open while the decision was revised approves nothing: it is told
// so, with what holds now, and the page as it is then approves that.
func TestAnOutdatedPageApprovesNothing(t *testing.T) {
	files := smallFiles(t)
	files["scenario.yaml"] = strings.Replace(files["scenario.yaml"], "approvals: 0", "approvals: 1", 1)
	files["estate.yaml"] = strings.Replace(files["estate.yaml"], "{failover: orders-failover}", "{failover: orders-failover, in_place: orders-in-place}", 1)
	files["in-place.yaml"] = strings.Replace(files["runbook.yaml"], "name: orders-failover", "name: orders-in-place", 1)
	h := newHouse(t, files)
	w := &world{t: t, url: h.url, ids: h.ids}
	sato, tanaka := w.browser("sato"), w.browser("tanaka")
	if res, body := tanaka.post("/start", "kind", "drill", "scenario", "small", "key", "start-1"); res.StatusCode != http.StatusSeeOther {
		t.Fatalf("start: %s\n%s", res.Status, body)
	}
	id := "small-1"
	path := "/runs/" + id + "/act/"
	h.until(id, run.PersonCalled)
	done := func(act string, pairs ...string) {
		t.Helper()
		if res, body := sato.post(path+act, pairs...); res.StatusCode != http.StatusSeeOther {
			t.Fatalf("%s: %s\n%s", act, res.Status, body)
		}
	}
	done("checkin", "safety", "safe", "key", "1")
	done("arrive", "key", "2")
	h.until(id, run.DecisionAsked)
	done("decide", "system", "orders", "choice", "alternate", "reason", "the standby is whole", "key", "3")
	h.until(id, run.ApprovalAsked)
	asked := func() (string, string) {
		t.Helper()
		_, page := sato.get("/runs/" + id)
		m := regexp.MustCompile(`(?s)/act/approve".*?name="asked" value="(\d+)"`).FindStringSubmatch(page)
		if m == nil {
			t.Fatalf("the form does not say what is asked:\n%s", page)
		}
		return m[1], page
	}
	old, page := asked()
	if !strings.Contains(page, "Order taking: Switch to the alternate site, decided by Sato Misaki") {
		t.Errorf("the form does not say what is approved:\n%s", page)
	}
	done("decide", "system", "orders", "choice", "in_place", "reason", "it is up again", "key", "4")
	for lang, want := range map[string][]string{"en": {"out of date: nothing was approved", "Order taking: Recover in place, decided by Sato Misaki"}, "ja": {"画面の内容が古くなっています（承認していません）", "受注システム："}} {
		sato.lang = lang
		res, body := sato.post(path+"approve", "asked", old, "key", "old-"+lang)
		for _, x := range want {
			if res.StatusCode < 400 || !strings.Contains(body, x) {
				t.Errorf("%s: the outdated page is answered %s without %q:\n%s", lang, res.Status, x, body)
			}
		}
	}
	sato.lang = "en"
	now, _ := asked()
	if now == old {
		t.Fatal("the revised decision is asked for under the old number")
	}
	done("approve", "asked", now, "key", "6")
	h.until(id, run.RecoveryOrdered)
}

// Whoever may approve can refuse, with a reason; the page of before the no approves nothing,
// and says who refused.
func TestARefusalOnTheBoard(t *testing.T) {
	files := smallFiles(t)
	files["scenario.yaml"] = strings.Replace(files["scenario.yaml"], "approvals: 0", "approvals: 1", 1)
	h := newHouse(t, files)
	w := &world{t: t, url: h.url, ids: h.ids}
	sato, tanaka := w.browser("sato"), w.browser("tanaka")
	if res, body := tanaka.post("/start", "kind", "drill", "scenario", "small", "key", "start-1"); res.StatusCode != http.StatusSeeOther {
		t.Fatalf("start: %s\n%s", res.Status, body)
	}
	id := "small-1"
	path := "/runs/" + id + "/act/"
	h.until(id, run.PersonCalled)
	done := func(act string, pairs ...string) {
		t.Helper()
		if res, body := sato.post(path+act, pairs...); res.StatusCode != http.StatusSeeOther {
			t.Fatalf("%s: %s\n%s", act, res.Status, body)
		}
	}
	done("checkin", "safety", "safe", "key", "1")
	done("arrive", "key", "2")
	h.until(id, run.DecisionAsked)
	done("decide", "system", "orders", "choice", "alternate", "reason", "the standby is whole", "key", "3")
	h.until(id, run.ApprovalAsked)
	asked := func(act string) string {
		t.Helper()
		_, page := sato.get("/runs/" + id)
		m := regexp.MustCompile(`(?s)/act/` + act + `".*?name="asked" value="(\d+)"`).FindStringSubmatch(page)
		if m == nil {
			t.Fatalf("the page has no form to %s:\n%s", act, page)
		}
		return m[1]
	}
	old := asked("refuse")
	if res, body := sato.post(path+"refuse", "asked", old, "key", "4"); res.StatusCode < 400 || !strings.Contains(body, "a reason is needed") {
		t.Errorf("without a reason: %s\n%s", res.Status, body)
	}
	done("refuse", "asked", old, "reason", "Osaka is flooded", "key", "5")
	h.until(id, run.ApprovalRefused)
	for act, says := range map[string]string{"approve": "Sato Misaki refused this meanwhile: Osaka is flooded", "refuse": "Sato Misaki refused this meanwhile: Osaka is flooded"} {
		if res, body := sato.post(path+act, "asked", old, "reason", "again", "key", "old-"+act); res.StatusCode < 400 || !strings.Contains(body, says) {
			t.Errorf("%s of before the no: %s without %q\n%s", act, res.Status, says, body)
		}
	}
	now := asked("approve")
	if now == old {
		t.Fatal("what was refused is asked for under the old number")
	}
	_, page := sato.get("/runs/" + id)
	if !strings.Contains(page, "again: Sato Misaki refused it: Osaka is flooded") {
		t.Errorf("the page does not say who refused, and why:\n%s", page)
	}
	done("approve", "asked", now, "key", "6")
	h.until(id, run.RecoveryOrdered)
}
