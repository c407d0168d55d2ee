// Package sim is a system whose parameters set its failure: for first runs, for tests
// and for drills of people alone. Its effects are files, so that they can be looked at
// and counted like those of a real system.
package sim

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/muster-dr/muster/activities"
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/run"
)

// Actions lists the family.
func Actions() []activities.Action { return []activities.Action{step, breakIt, restore, status} }

// TargetKinds lists the family's kind of target.
func TargetKinds() []activities.TargetKind {
	return []activities.TargetKind{activities.DefineTarget[Service]("sim", "A simulated service: up or down, as a file says.")}
}

// Service is a simulated service as the estate describes it.
type Service struct {
	Dir string `json:"dir" help:"Folder on the site worker's machine that holds the state; it is made when it is missing."`
}

// OfService is the parameters of sim.break and sim.restore.
type OfService struct {
	Service activities.Target[Service] `json:"service" kind:"sim" help:"Simulated service." example:"web"`
}

// Status is the parameters of sim.status.
type Status struct {
	Service activities.Target[Service] `json:"service" kind:"sim" help:"Simulated service." example:"web"`
	Expect  string                     `json:"expect" help:"State that it must be in." default:"any" enum:"any,up,down"`
}

// State is what the service's file says.
type State struct {
	State string `json:"state" help:"up or down."`
}

var breakIt = switching("sim.break", "down", activities.Doc{
	Summary:   "Take a simulated service down.",
	SummaryJA: "模擬サービスを停止させる。",
	Effect:    run.Disrupt,
	Undo:      "sim.restore",
})

var restore = switching("sim.restore", "up", activities.Doc{
	Summary:   "Bring a simulated service up.",
	SummaryJA: "模擬サービスを復旧させる。",
	Effect:    run.Disrupt,
	Undo:      "sim.break",
})

var status = activities.Define("sim.status", activities.Doc{
	Summary:    "Say whether a simulated service is up.",
	SummaryJA:  "模擬サービスが稼働しているかを調べる。",
	Effect:     run.Observe,
	Repeatable: true,
}, func(_ context.Context, p Status) (State, error) {
	state, err := read(p.Service)
	if err == nil && p.Expect != "any" && state != p.Expect {
		err = activities.Finding("%s is %s, not %s", p.Service.Name, state, p.Expect)
	}
	return State{state}, err
})

func switching(id, to string, doc activities.Doc) activities.Action {
	return activities.Define(id, doc, func(_ context.Context, p OfService) (State, error) {
		if err := write(p.Service, to); err != nil {
			return State{}, err
		}
		state, err := read(p.Service)
		if err == nil && state != to {
			err = activities.Finding("%s is %s, not %s", p.Service.Name, state, to)
		}
		return State{state}, err
	}, activities.Look(func(_ context.Context, p OfService) (activities.Seen, error) {
		state, err := read(p.Service)
		if err != nil {
			return activities.Seen{}, err
		}
		seen := activities.Seen{Sight: plan.HoldsNot, Detail: p.Service.Name + " is " + state, Output: State{state}}
		if state == to {
			seen.Sight = plan.Holds
		}
		return seen, nil
	}))
}

func stateFile(s activities.Target[Service]) string {
	return filepath.Join(s.Spec.Dir, fileName(s.Name)+".state")
}

// read returns the service's state; one that nobody has touched is up.
func read(s activities.Target[Service]) (string, error) {
	b, err := os.ReadFile(stateFile(s))
	if errors.Is(err, fs.ErrNotExist) {
		return "up", nil
	}
	if err != nil {
		return "", fmt.Errorf("state of %s: %w", s.Name, err)
	}
	state := strings.TrimSpace(string(b))
	if state != "up" && state != "down" {
		return "", fmt.Errorf("state of %s: %s holds %q, not up or down", s.Name, stateFile(s), state)
	}
	return state, nil
}

func write(s activities.Target[Service], state string) error {
	if err := os.MkdirAll(s.Spec.Dir, 0o755); err != nil {
		return fmt.Errorf("state of %s: %w", s.Name, err)
	}
	if err := replace(stateFile(s), state+"\n"); err != nil {
		return fmt.Errorf("state of %s: %w", s.Name, err)
	}
	return nil
}

// replace writes a file so that a reader sees the old text or the new one.
func replace(path, text string) error {
	f, err := os.CreateTemp(filepath.Dir(path), ".new-*")
	if err != nil {
		return err
	}
	_, err = f.WriteString(text)
	if err = errors.Join(err, f.Chmod(0o644), f.Sync(), f.Close()); err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return nil
}

// fileName makes a name that is a single file's, whatever it held.
func fileName(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9', r == '-', r == '_', r == '.' && s[0] != '.':
			return r
		}
		return '_'
	}, s)
}
