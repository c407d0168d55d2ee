package demo

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/muster-dr/muster/internal/api"
	"github.com/muster-dr/muster/internal/journal"
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/watch"
)

// play leaves everything up until ctx ends, and tells whoever plays the roles what to
// type, each time something new is waited for.
func (d *demo) play(ctx context.Context) error {
	up, done := d.whileUp(ctx)
	defer done()
	d.say("\nEverything is up. In another terminal:\n\n    export MUSTER_CONFIG=%[1]s\n    alias muster=%[2]s\n    muster drill start %[3]s\n\n"+
		"What people have to do then is told here, with the command. `muster drill watch` shows the whole; `muster report` the report.\nCtrl-C ends it all.\n",
		"\n準備ができました。別の端末で次を入力してください。\n\n    export MUSTER_CONFIG=%[1]s\n    alias muster=%[2]s\n    muster drill start %[3]s\n\n"+
			"以後、各役割が行うことを、入力するコマンドとともにここに表示します。全体は `muster drill watch`、報告書は `muster report` で見られます。\nCtrl-Cで全体を終了します。\n",
		d.path(Settings), d.Binary, Scenario)

	var id string
	var of plan.Plan
	var told map[string]bool
	tick := time.NewTicker(500 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-up.Done():
			return context.Cause(up)
		case <-tick.C:
		}
		if id == "" {
			runs, err := d.client.Runs(up, journal.Filter{Open: true, Limit: 1})
			if err != nil || len(runs) == 0 {
				continue // it may be starting again; its end is told above
			}
			id, told = runs[0].Run, map[string]bool{}
			if of, err = d.client.RunPlan(up, id); err != nil {
				id = ""
				continue
			}
			d.say("run %s has begun", "%s を開始しました", id)
		}
		r, err := d.client.Run(up, id)
		if err != nil {
			continue
		}
		d.tell(r, of, told)
		if r.Summary.State.Ended() {
			d.say("%s", "%s", watch.Verdict(d.Lang, r.Overview))
			if _, err := d.writeReports(up, id); err != nil {
				return err
			}
			d.say("report: %s", "報告書: %s", d.path(ReportHTML))
			id = ""
		}
	}
}

// tell says what is waited for and was not told of yet, for each person once.
func (d *demo) tell(r api.Run, of plan.Plan, told map[string]bool) {
	for _, w := range r.Overview.Waiting {
		who, what, how := watch.Ask(d.Lang, of, r.Summary.Run, w)
		var news []string
		each := commands(how)
		for _, person := range slices.Sorted(maps.Keys(each)) {
			key := fmt.Sprint(w.For, w.Phase, w.System, w.Site, w.Step, w.Kind, w.Forced != nil, person)
			if !told[key] {
				told[key] = true
				news = append(news, each[person]...)
			}
		}
		if len(news) > 0 {
			news = append(news, how.Notes...)
			d.say("waiting for %[1]s: %[2]s\n    %[3]s", "%[1]s 待ち: %[2]s\n    %[3]s", who, what, strings.Join(news, "\n    "))
		}
	}
}

// commands gives the commands for each person who is waited for, since in the demo one
// plays them all; "" is anybody.
func commands(how watch.How) map[string][]string {
	asked := slices.ContainsFunc(how.Commands, func(c watch.Command) bool { return strings.Contains(c.Text, " PERSON ") })
	switch {
	case len(how.People) == 0:
		return map[string][]string{"": how.By(how.As).Lines()}
	case !asked:
		return map[string][]string{how.People[0]: how.By(how.People[0]).Lines()}
	}
	each := map[string][]string{}
	for _, p := range how.People {
		for _, line := range how.Lines() {
			each[p] = append(each[p], strings.Replace(line, " PERSON ", " "+p+" ", 1))
		}
	}
	return each
}
