package cli

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/muster-dr/muster/internal/api"
	"github.com/muster-dr/muster/internal/run"
)

// What is wrong once is told once, with all that it keeps from working.
func TestOneCauseIsToldOnce(t *testing.T) {
	now := time.Now()
	item := func(what, where, en string) run.Item {
		return run.Item{What: what, Where: where, Site: "osaka", Problems: []run.Problem{{EN: en, JA: en}}}
	}
	r := api.Readiness{Scenario: "tokyo-loss", At: &now, Checked: &run.Checked{Items: []run.Item{
		item("step", "orders/fence", "no worker at osaka"), item("step", "orders/promote", "no worker at osaka"), item("probe", "orders/write", "secret PW is missing")}}}
	var out bytes.Buffer
	(&command{Stdio: Stdio{Out: &out}, lang: "en"}).printReadiness(r, time.UTC)
	text := out.String()
	if strings.Count(text, "no worker at osaka") != 1 || !strings.Contains(text, "keeps 2 things from working") || !strings.Contains(text, "step orders/promote @ osaka") || !strings.Contains(text, "✗ probe orders/write @ osaka: secret PW is missing") {
		t.Error(text)
	}
}
