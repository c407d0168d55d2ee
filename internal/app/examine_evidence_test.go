package app

import (
	"log/slog"
	"path/filepath"
	"strings"
	"testing"

	"github.com/muster-dr/muster/internal/api"
	"github.com/muster-dr/muster/internal/config"
	"github.com/muster-dr/muster/internal/evidence/keep"
	"github.com/muster-dr/muster/internal/i18n"
	"github.com/muster-dr/muster/internal/journal"
)

// Each thing that can be the matter with evidence has a way out of its own.
func TestTheDoctorTellsWhatIsTheMatterWithEvidence(t *testing.T) {
	c := config.Config{Data: t.TempDir()}
	store, err := journal.Open(t.Context(), "sqlite:"+filepath.Join(c.Data, "journal.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = store.Close() })
	k := keep.New(keep.Options{Dir: c.EvidenceDir(), Store: store, Version: "test", Log: slog.New(slog.DiscardHandler)})
	defer k.Close()
	if err := k.Round(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, x := range []struct {
		says, found, way string
		result           Result
	}{
		{"ok", "key SHA256:", "", Good},
		{api.EvidenceAltered + "r1", "r1 is not what was sealed", "Keep a copy of the data directory", Bad},
		{api.EvidenceRows + "outcome of run r1: verdict", "made anew from it: outcome of run r1: verdict", "find out who", Bad},
		{api.EvidenceSomeUnsealed + "run r2: no plan", "can't be sealed, while others are: run r2: no plan", "a copy of the store still has", Bad},
		{api.EvidenceHoldsUnknown + "Nothing is erased", "nothing is erased or removed", "muster evidence confirm-holds", Bad},
		{api.EvidenceClock + "2026-11-27T03:00:00Z", "nothing is erased or removed for its time since 2026-11-27T03:00:00Z", "24 hours in all", Odd},
		{"no space left on device", "runs that ended can't be sealed: no space left", "sealed by themselves", Bad},
	} {
		e := &examination{l: i18n.EN, c: c}
		e.evidence(&api.Health{OK: true, Evidence: x.says})
		if len(e.checks) != 1 || e.checks[0].Result != x.result || !strings.Contains(e.checks[0].Found, x.found) || !strings.Contains(e.checks[0].WayOut, x.way) {
			t.Errorf("%s: %+v", x.says, e.checks)
		}
	}
}
