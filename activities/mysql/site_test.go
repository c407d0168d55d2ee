package mysql

import (
	"bytes"
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
	t.Parallel()
	p := mysqltest.StartPair(t)
	file := passwordFile(t)
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

// Two machines of one site are built alike too: what is reached at another address than
// this machine's is not on it.
func TestTheNextMachinesServerIsNotTakenForOneOfThisMachine(t *testing.T) {
	t.Parallel()
	p := mysqltest.StartPair(t)
	s := sitetest.New(t, Actions())
	next := p.Tokyo.Plan(passwordFile(t))
	next.Site, next.Spec = "osaka", bytes.Replace(next.Spec, []byte(`"127.0.0.1"`), []byte(`"192.0.2.7"`), 1) // RFC 5737: nobody's
	s.Targets = []plan.Target{next}
	_, err := s.Act(s.Step("mysql.kill", json.RawMessage(`{"server": "tokyo"}`)), nil)
	if err == nil || !strings.Contains(err.Error(), "192.0.2.7 is not this machine") {
		t.Errorf("kill of the next machine's server = %v", err)
	}
	if _, err := s.Act(s.Step("mysql.fence", json.RawMessage(`{"server": "tokyo"}`)), nil); err == nil {
		t.Error("the next machine's server was fenced on this one")
	}
	if err := p.Tokyo.TryWrite(t); err != nil {
		t.Errorf("the server whose path is called as its neighbour's was touched: %v", err)
	}
}

func passwordFile(t *testing.T) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "password")
	if err := os.WriteFile(file, []byte(mysqltest.Password), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}
