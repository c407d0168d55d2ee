package board_test

import (
	"testing"
	"time"

	"github.com/muster-dr/muster/internal/run"
)

// The tables of people and the panel of what else can be done follow the run without a reload.
func TestTheTablesOfPeopleAndThePanelAreLive(t *testing.T) {
	w := newWorld(t, begun.Add(18*time.Minute))
	w.record(drill, run.Drill)
	token := w.token(personID(0))
	all, silent, page := open(t, w.url, "en"), open(t, w.url, "en"), open(t, w.url, "en")
	for _, b := range []*tab{all, silent, page} {
		b.signIn(token)
	}
	all.to("/runs/" + drill + "/people")
	silent.to("/runs/" + drill + "/people?only=silent")
	page.to("/runs/" + drill)
	const row = `[...document.querySelectorAll("#tables tr")].find(r => r.textContent.includes("Kobayashi Ichiro"))`
	all.until(row + `.textContent.includes("no answer")`)
	const count = `[...document.querySelectorAll("#tables tr")].filter(r => r.textContent.includes("Kobayashi Ichiro")).length` // two have that name
	silent.until(count + ` === 2`)
	page.until(`document.querySelector("#more details a[href$='/do/relocate']") !== null`)

	w.append(run.Event{Run: drill, Writer: "later", Seq: 1, At: begun.Add(18 * time.Minute), Kind: run.PersonAnswered, Person: personID(8), By: personID(8), Phase: run.SafetyCheck, Data: run.Encode(run.Answer{Safety: run.LightlyHurt})})
	all.until(row + `.textContent.includes("Lightly hurt")`)
	silent.until(count + ` === 1`)
	w.append(run.Event{Run: drill, Writer: "later", Seq: 2, At: begun.Add(18 * time.Minute), Kind: run.RunEnded, By: run.Engine, Data: run.Encode(run.Ended{State: run.Cancelled})})
	page.until(`document.querySelector("#more details") === null`)
}
