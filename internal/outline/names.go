package outline

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/muster-dr/muster/internal/i18n"
	"github.com/muster-dr/muster/internal/plan"
)

// Names are what people call what a plan refers to by its ID. One that is missing is shown by its
// ID alone.
type Names struct {
	Roles   map[string]plan.Text
	Sites   map[string]plan.Text
	Actions map[string]plan.Text // one sentence on each
}

// name is what people call something, with the ID that commands and files take.
func name(l i18n.Lang, of map[string]plan.Text, id string) string { return named(l, of[id], id) }

func named(l i18n.Lang, t plan.Text, id string) string {
	s := t.In(string(l))
	switch {
	case s == "":
		return id
	case strings.EqualFold(s, id): // Operator (operator) says nothing more
		return s
	}
	return l.T("%s (%s)", "%s（%s）", s, id)
}

// stepName is what people call a step of a runbook.
func (t *text) stepName(runbook, id string) string {
	for _, s := range t.o.Systems {
		for _, w := range s.Ways {
			if w.Runbook != runbook {
				continue
			}
			if i := slices.IndexFunc(w.Steps, func(x Step) bool { return x.ID == id }); i >= 0 {
				return named(t.l, w.Steps[i].Title, id)
			}
		}
	}
	return id
}

func (t *text) stepNames(runbook string, ids []string) []string {
	out := make([]string, len(ids))
	for i, id := range ids {
		out[i] = t.stepName(runbook, id)
	}
	return out
}

// actions says of each action in the plan what it does, for who reads the steps.
func (t *text) actions() {
	used := map[string]bool{}
	take := func(steps []Step) {
		for _, s := range steps {
			used[s.Action] = true
			for _, undo := range s.Undo {
				used[undo] = true
			}
		}
	}
	take(t.o.Injects)
	for _, s := range t.o.Systems {
		for _, w := range s.Ways {
			take(w.Steps)
		}
	}
	var lines [][2]string
	for _, id := range slices.Sorted(maps.Keys(used)) {
		if says := t.names.Actions[id].In(t.lang); says != "" {
			lines = append(lines, [2]string{id, says})
		}
	}
	if len(lines) == 0 {
		return
	}
	t.line("")
	t.line("%s", t.l.T("what the actions do", "アクションの内容"))
	w := tabwriter.NewWriter(&t.b, 0, 0, 2, ' ', 0)
	for _, l := range lines {
		fmt.Fprintf(w, "  %s\t%s\n", l[0], l[1])
	}
	_ = w.Flush() // a strings.Builder takes everything
}
