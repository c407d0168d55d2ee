package api_test

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	historypb "go.temporal.io/api/history/v1"
	"go.temporal.io/sdk/client"
	"google.golang.org/protobuf/encoding/protojson"

	"github.com/muster-dr/muster/internal/programme"
	"github.com/muster-dr/muster/internal/run"
)

var recordHistories = flag.Bool("record", false, "write the histories of due days to workflows/testdata/histories")

// Due days wait for weeks, so every way in which one goes is held by replay. With -record the
// histories become those that TestReplay replays.
func TestWaysOfADueDay(t *testing.T) {
	const blocked = "a real response is under way"
	y := newYear(t)
	y.plans.simulated = true
	at := ago(10 * time.Minute)
	of := func(id string, change func(*programme.Spec)) programme.Row {
		x := row(id, at)
		x.Spec.Every = d(time.Second)
		change(x.Spec)
		return x
	}
	y.plans.set(of("held", func(*programme.Spec) {}), of("postponed", func(*programme.Spec) {}),
		of("given-up", func(s *programme.Spec) { s.GiveUp = d(time.Since(at) + 5*time.Second) }),
		of("blind", func(s *programme.Spec) {
			s.Blind = &programme.Window{Days: 1, From: "00:00", To: time.Now().Add(2 * time.Minute).In(s.Rule.Location()).Format("15:04"), By: "sato"}
		}))
	y.apply()
	ended := func(name string) programme.Record {
		y.fire(name, at)
		return y.record(name+" ended", func(r programme.Record) bool { return r.Due.Schedule == name && r.State.Ended() })
	}
	held := ended("held")
	if held.State != run.Held || len(held.Postponed) != 0 {
		t.Errorf("held: %+v", held)
	}
	y.ended(held.Run.Run)
	other, err := y.Start(t.Context(), response("tokyo-fire", "sato"))
	if err != nil {
		t.Fatal(err)
	}
	up := ended("given-up")
	if up.State != run.NotHeld || !strings.HasPrefix(reasons(up.Missed), blocked) {
		t.Errorf("given up: %+v", up)
	}
	y.fire("postponed", at)
	y.record("postponed", func(r programme.Record) bool { return r.Due.Schedule == "postponed" && len(r.Postponed) > 0 })
	y.abort(other.Run)
	later := y.record("held afterwards", func(r programme.Record) bool { return r.Due.Schedule == "postponed" && r.State.Ended() })
	if later.State != run.Held || len(later.Postponed) != 1 || !strings.HasPrefix(reasons(later.Postponed[0].Why), blocked) {
		t.Errorf("postponed: %+v", later)
	}
	y.ended(later.Run.Run)
	if *recordHistories {
		// Drawn within two minutes: the workflow itself waits for the time, by the engine's clock.
		y.fire("blind", at)
		var drawn programme.Record
		for deadline := time.Now().Add(3 * time.Minute); !drawn.State.Ended() && time.Now().Before(deadline); {
			drawn = y.record("drawn", func(r programme.Record) bool { return r.Due.Schedule == "blind" && len(r.Draws) == 1 })
		}
		if drawn.State != run.Held || drawn.Draws[0].Opened == nil {
			t.Errorf("blind: %+v", drawn)
		}
		for _, r := range []programme.Record{held, up, later, drawn} {
			keepHistory(t, y.engine, "occasion-"+r.Due.Schedule, r.ID)
		}
	}
}

// keepHistory writes a workflow's history for TestReplay, without the name of the machine it is from.
func keepHistory(t *testing.T, c client.Client, file, id string) {
	t.Helper()
	if err := c.GetWorkflow(t.Context(), id, "").Get(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	h := &historypb.History{}
	for it := c.GetWorkflowHistory(t.Context(), id, "", false, enumspb.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT); it.HasNext(); {
		e, err := it.Next()
		if err != nil {
			t.Fatal(err)
		}
		h.Events = append(h.Events, e)
	}
	out, err := protojson.Marshal(h)
	if err != nil {
		t.Fatal(err)
	}
	host, err := os.Hostname()
	if err != nil {
		t.Fatal(err)
	}
	out = bytes.ReplaceAll(out, []byte("@"+host), []byte("@recorder"))
	out = bytes.ReplaceAll(out, []byte(`"`+host+":"), []byte(`"recorder:`)) // the worker's own queue
	if err := os.WriteFile(filepath.Join("..", "..", "workflows", "testdata", "histories", file+".json"), out, 0o644); err != nil {
		t.Fatal(err)
	}
}
