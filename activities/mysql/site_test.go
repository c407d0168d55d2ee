package mysql

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/muster-dr/muster/internal/mysqltest"
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/sitetest"
)

// The sites of a system are built alike. Here is osaka's worker, and tokyo's data directory
// exists on its machine: it is not tokyo's all the same, and no process of this machine is.
func TestAnotherSitesServerIsNotTakenForOneOfThisMachine(t *testing.T) {
	p := mysqltest.StartPair(t)
	file := filepath.Join(t.TempDir(), "password")
	if err := os.WriteFile(file, []byte(mysqltest.Password), 0o600); err != nil {
		t.Fatal(err)
	}
	s := sitetest.New(t, Actions())
	s.Targets = []plan.Target{p.Tokyo.Plan(file), p.Osaka.Plan(file)}
	p.Tokyo.Freeze(t)
	for _, uses := range []string{"mysql.fence", "mysql.kill"} {
		_, err := s.Act(s.Step(uses, json.RawMessage(`{"server": "tokyo"}`)), nil)
		if err == nil || !strings.Contains(err.Error(), "run the step at: tokyo") {
			t.Errorf("%s of tokyo by osaka's worker = %v", uses, err)
		}
	}
	p.Tokyo.Thaw(t)
	if err := p.Tokyo.TryWrite(t); err != nil {
		t.Errorf("the server whose path is called as tokyo's was touched: %v", err)
	}
}
