package estate

import (
	"slices"
	"testing"
	"time"

	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/run"
)

// Requirement A-RTO-05: the upper limit of a band belongs to it.
func TestBand(t *testing.T) {
	const day = 24 * time.Hour
	for rto, want := range map[time.Duration]string{
		time.Second: "S", 3 * time.Hour: "S", 3*time.Hour + 1: "A", day: "A", day + 1: "B", 3 * day: "B",
		4 * day: "C", 7 * day: "C", 8 * day: "D", 14 * day: "D", 15 * day: "E", 180 * day: "E",
	} {
		d := run.Duration(rto)
		if got := Band(&d); got != want {
			t.Errorf("an RTO of %s is in band %s, want %s", rto, got, want)
		}
	}
	if got := Band(nil); got != "" {
		t.Errorf("without an RTO the band is %s", got)
	}
}

func TestCycle(t *testing.T) {
	names := []string{"a", "b", "c", "d"}
	for _, c := range []struct {
		edges map[string][]string
		want  []string
	}{
		{nil, nil},
		{map[string][]string{"a": {"b", "c"}, "b": {"d"}, "c": {"d"}}, nil},
		{map[string][]string{"a": {"b"}, "b": {"c"}, "c": {"d", "b"}}, []string{"b", "c", "b"}},
		{map[string][]string{"d": {"d"}}, []string{"d", "d"}},
	} {
		if got := Cycle(names, c.edges); !slices.Equal(got, c.want) {
			t.Errorf("Cycle(%v) = %v, want %v", c.edges, got, c.want)
		}
	}
}

// Nothing runs at tabletop and walkthrough, so they need no permission; everything else
// does.
func TestDrills(t *testing.T) {
	s := plan.System{Drillable: []run.Depth{run.Tabletop, run.Walkthrough, run.IsolatedRun}}
	for d, want := range map[run.Depth]bool{run.Tabletop: true, run.Walkthrough: true, run.IsolatedRun: true, run.Live: false, run.Real: false} {
		if got := Drills(s, d); got != want {
			t.Errorf("Drills at %s = %v, want %v", d, got, want)
		}
	}
}
