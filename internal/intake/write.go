package intake

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/run"
)

// YAML writes the draft as a runbook, with its gaps as comments where they are.
func YAML(d Draft, lang string) []byte {
	var b bytes.Buffer
	t := func(en, ja string, args ...any) string { return plan.Say(en, ja, args...).In(lang) }
	fmt.Fprintf(&b, "# %s\n", t("Draft, imported from %s. Every step is done by a person as yet.", "%s から取り込んだ下書きです。現時点では、すべてのステップを人が実施します。", line(d.From)))
	fmt.Fprintf(&b, "# %s\n", t("Lines that begin with \"gap\" say what the procedure leaves open; take each away when it is settled.", "「要確認」の行は、手順書に書かれていない点です。解決したら行を削除してください。"))
	fmt.Fprintf(&b, "kind: Runbook\nname: %s\ntitle: %s\nsystem: %s\nsteps:\n", d.Name, quoted(d.Title), d.System)
	group := ""
	for i, s := range d.Steps {
		if s.Group != group {
			group = s.Group
			if group != "" {
				fmt.Fprintf(&b, "\n  # --- %s\n", line(group))
			}
		}
		for _, g := range d.Gaps {
			if g.Step != s.ID {
				continue
			}
			word := t("gap", "要確認")
			if g.Kind == GapAutomate {
				word = t("could become", "自動化の候補")
			}
			fmt.Fprintf(&b, "  # %s: %s\n", word, line(g.Text.In(lang)))
		}
		fmt.Fprintf(&b, "  - id: %s\n    title: %s\n    uses: human.task\n    as: %s\n", s.ID, quoted(s.Title), s.Role)
		if len(s.Needs) > 0 && !(i > 0 && slices.Equal(s.Needs, []string{d.Steps[i-1].ID})) {
			fmt.Fprintf(&b, "    needs: [%s]\n", strings.Join(s.Needs, ", "))
		}
		if s.Budget > 0 {
			fmt.Fprintf(&b, "    budget: %s\n", run.Duration(s.Budget))
			if s.Budget > 25*time.Minute { // a person's step has half an hour unless it says more
				fmt.Fprintf(&b, "    timeout: %s\n", run.Duration(2*s.Budget))
			}
		}
		fmt.Fprintf(&b, "    with:\n      text: %s\n", block(s.Text))
	}
	return b.Bytes()
}

// line keeps a comment on its line.
func line(s string) string { return strings.Join(strings.Fields(s), " ") }

// quoted is a text in double quotes; JSON's are YAML's.
func quoted(s string) string {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	_ = e.Encode(s) // a string
	return strings.TrimSpace(b.String())
}

// block is a text of several lines as people would write it.
func block(s string) string {
	if !strings.Contains(s, "\n") {
		return quoted(s)
	}
	lines := strings.Split(s, "\n")
	lines[0] = strings.TrimLeft(lines[0], " ") // the first line sets how far the rest stands in
	return "|-\n        " + strings.Join(lines, "\n        ")
}
