package demo

import (
	"strings"
	"testing"
	"time"

	"github.com/muster-dr/muster/internal/i18n"
	"github.com/muster-dr/muster/internal/report"
	"github.com/muster-dr/muster/internal/run"
)

func at(s float64) *time.Time {
	t := time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC).Add(time.Duration(s * float64(time.Second)))
	return &t
}

func ptr[T any](v T) *T { return &v }

func drillReport(rto float64, lost int64) report.Report {
	return report.Report{Systems: []report.System{{
		ID:       "orders",
		RTO:      report.RTO{ActualS: &rto, EventAt: at(0), OrderedAt: at(20), RestoredAt: at(rto), MachineS: ptr(rto - 20)},
		RPO:      report.RPO{LostMarkers: &lost},
		Failback: report.Failback{StartedAt: at(40), OutageS: ptr(0.6)},
	}}}
}

func TestCompare(t *testing.T) {
	outage := gap{From: at(-0.03).UTC(), To: at(20.5).UTC(), Seconds: 20.53}
	home := gap{From: at(43).UTC(), To: at(43.7).UTC(), Seconds: 0.7}
	for name, c := range map[string]struct {
		rto     float64
		lost    int64
		missing int
		gaps    []gap
		want    string // of the disagreements; "" is none
	}{
		"they agree":            {rto: 20.4, gaps: []gap{outage, home}},
		"both saw a loss":       {rto: 20.4, lost: 2, missing: 5, gaps: []gap{outage, home}},
		"RTO half a second off": {rto: 21.04, gaps: []gap{outage, home}, want: "RTO 21.040 s against 20.530 s"},
		"only the witness lost": {rto: 20.4, missing: 3, gaps: []gap{outage, home}, want: "0 markers lost against 3"},
		"only markers lost":     {rto: 20.4, lost: 1, gaps: []gap{outage, home}, want: "1 markers lost against 0"},
	} {
		t.Run(name, func(t *testing.T) {
			w := seen{Acked: 1000, Missing: c.missing, LongestGap: c.gaps[0].Seconds, Gaps: c.gaps, Writable: "tokyo"}
			got, err := compare("en", drillReport(c.rto, c.lost), w, tolerance)
			if err != nil {
				t.Fatal(err)
			}
			if all := strings.Join(got.Disagreements, "; "); c.want == "" && all != "" || !strings.Contains(all, c.want) {
				t.Errorf("disagreements = %q, want %q", all, c.want)
			}
			if got.WitnessMachine == nil || *got.WitnessMachine != 0.5 || got.WitnessFailback == nil || *got.WitnessFailback != 0.7 {
				t.Errorf("machine %v, way home %v, want 0.5 and 0.7", got.WitnessMachine, got.WitnessFailback)
			}
			for _, l := range []i18n.Lang{i18n.EN, i18n.JA} {
				if text := got.describe(l); c.want != "" && !strings.Contains(text, c.want) || strings.Contains(text, "%!") {
					t.Errorf("description:\n%s", text)
				}
			}
		})
	}
}

// While nobody looked, service may have been back already.
func TestAnUnprovenRTOIsAnUpperBound(t *testing.T) {
	for rto, want := range map[float64]int{19: 1, 20.5: 0, 26: 0} {
		r := drillReport(rto, 0)
		r.Systems[0].RTO.Verdict = run.NotProven
		got, err := compare("en", r, seen{LongestGap: 20.53}, tolerance)
		if err != nil || len(got.Disagreements) != want {
			t.Errorf("RTO %v s against 20.53 s: %v, %v, want %d disagreements", rto, got.Disagreements, err, want)
		}
	}
}

func TestCompareNeedsMeasuredFigures(t *testing.T) {
	r := drillReport(20, 0)
	r.Systems[0].RTO.ActualS = nil
	if _, err := compare("en", r, seen{}, tolerance); err == nil {
		t.Error("a report without an achieved RTO was compared")
	}
	if _, err := compare("en", report.Report{}, seen{}, tolerance); err == nil {
		t.Error("a report without a system was compared")
	}
}
