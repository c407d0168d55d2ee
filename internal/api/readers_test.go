package api_test

import (
	"encoding/json"
	"io"
	"log/slog"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/muster-dr/muster/internal/api"
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/report"
	"github.com/muster-dr/muster/internal/run"
	"github.com/muster-dr/muster/workflows"
)

// withRights is a run in which rights are granted by role, with a visitor who has no part in it.
func withRights(t *testing.T) (*world, string) {
	t.Helper()
	w, c, id := gathered(t, func(p *plan.Plan) {
		p.Estate.People = append(p.Estate.People, plan.Person{ID: "ito", Roles: []string{"auditor"}}, plan.Person{ID: "mori"})
		p.Scenario.Absent = &plan.Absence{People: []string{"mori"}}
		p.Estate.Grants = []plan.Grant{
			{Role: "commander", May: []plan.Permission{plan.MayStart, plan.MayDecide, plan.MayControl}},
			{Role: "operator", May: []plan.Permission{plan.MayOperate}},
			{Role: "auditor", May: []plan.Permission{plan.MayAudit}},
		}
	})
	build := func(out io.Writer, p plan.Plan, events []run.Event, format, lang string, as func(report.Report) report.Report) error {
		r, err := report.Build(p, events)
		if err != nil {
			return err
		}
		return report.Render(out, as(r), report.Format(format), lang)
	}
	// A second server on the same records, with the reports of the product.
	s := &api.Server{Store: w.store, Identity: w.identity, Engine: c, Plans: gathering{}, Token: token, Version: "test", Log: slog.New(slog.DiscardHandler),
		Render: func(out io.Writer, p plan.Plan, events []run.Event, _ []report.Earlier, format, lang string) error {
			return build(out, p, events, format, lang, func(r report.Report) report.Report { return r })
		},
		RenderFor: func(out io.Writer, p plan.Plan, events []run.Event, _ []report.Earlier, format, lang, reader string) error {
			return build(out, p, events, format, lang, func(r report.Report) report.Report { return report.WithoutIndividuals(r, reader) })
		}}
	srv := httptest.NewServer(s.Handler())
	me := api.Connect(srv.URL, token, "en")
	t.Cleanup(func() { me.Close(); srv.CloseClientConnections(); srv.Close() })
	w.Client, w.url = me, srv.URL
	return w, id
}

// The report names who said what to those alone who may see it; to others it gives totals and
// their own answer.
func TestAReportNamesPeopleByRight(t *testing.T) {
	w, id := withRights(t)
	for _, p := range []string{"sato", "tanaka"} {
		w.answers(workflows.CheckIn{Person: p, Safety: run.Safe, CanCome: true})
	}
	read := func(person string) report.Report {
		t.Helper()
		c := w.Client
		if person != "" {
			c = w.as(person)
		}
		body, err := c.Report(t.Context(), id, "json", "en")
		if err != nil {
			t.Fatalf("%s: %v", person, err)
		}
		var r report.Report
		if err := json.Unmarshal(body, &r); err != nil {
			t.Fatal(err)
		}
		return r
	}
	all := len(read("").People.List)
	if all < 3 {
		t.Fatalf("the console reads of %d people", all)
	}
	for person, want := range map[string]int{"sato": all, "suzuki": all, "ito": all, "tanaka": 1, "mori": 0} {
		r := read(person)
		if len(r.People.List) != want || r.People.Withheld != (want != all) || r.People.Safe != 2 {
			t.Errorf("%s reads of %d people (withheld: %t), %d safe; want %d", person, len(r.People.List), r.People.Withheld, r.People.Safe, want)
		}
		if want == 1 && r.People.List[0].ID != person {
			t.Errorf("%s reads of %s", person, r.People.List[0].ID)
		}
	}
}

// The journal and the plan hold everything of a run: who has no part in it reads neither, and
// is told what they may read.
func TestWhoHasNoPartInARunReadsNeitherItsJournalNorItsPlan(t *testing.T) {
	w, id := withRights(t)
	for person, may := range map[string]bool{"sato": true, "tanaka": true, "ito": true, "mori": false, "stranger": false} {
		c := w.as(person)
		_, events := c.Events(t.Context(), id, 0, 0)
		_, frozen := c.RunPlan(t.Context(), id)
		for what, err := range map[string]error{"journal": events, "plan": frozen} {
			if may {
				if err != nil {
					t.Errorf("%s, %s: %v", person, what, err)
				}
				continue
			}
			if p := problem(t, err); p.Status != 403 || !strings.Contains(p.WayOut, "auditor") {
				t.Errorf("%s, %s: %+v, want 403 with a way out", person, what, p)
			}
		}
		if _, err := c.Run(t.Context(), id); err != nil {
			t.Errorf("%s, overview: %v", person, err)
		}
	}
}

// Who reads the record of a run stands in the access log, once an hour.
func TestReadingARecordIsLogged(t *testing.T) {
	w, id := withRights(t)
	for range 3 {
		c := w.as("tanaka") // another token each time
		if _, err := c.Events(t.Context(), id, 0, 0); err != nil {
			t.Fatal(err)
		}
		if _, err := c.Report(t.Context(), id, "html", "en"); err != nil {
			t.Fatal(err)
		}
	}
	list, err := w.identity.Accesses(t.Context(), 0, 0)
	if err != nil {
		t.Fatal(err)
	}
	lines := 0
	for _, a := range list {
		if a.Person == "tanaka" && a.Act == "read" && a.Object == "record of "+id && a.Outcome == "ok" {
			lines++
		}
	}
	if lines != 1 {
		t.Errorf("%d lines, want one:\n%+v", lines, list)
	}
}
