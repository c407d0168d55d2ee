package i18n

import (
	"testing"
	"time"
)

func TestTimesNameTheirZone(t *testing.T) {
	at := time.Date(2026, 11, 28, 15, 4, 5, 0, time.UTC)
	if got := Moment(at, Zone("Asia/Tokyo")); got != "2026-11-29 00:04:05 JST" {
		t.Errorf("moment in Tokyo = %q", got)
	}
	if got := Clock(at, Zone("Asia/Tokyo")); got != "00:04:05 JST" {
		t.Errorf("clock in Tokyo = %q", got)
	}
	// A zone that is not known here, and this machine's own, are never taken for the estate's.
	for _, name := range []string{"", "Local", "Asia/Atlantis"} {
		if got := Moment(at, Zone(name)); got != "2026-11-28 15:04:05 UTC" {
			t.Errorf("moment in %q = %q", name, got)
		}
	}
	if got := Moment(time.Time{}, time.UTC); got != "" {
		t.Errorf("no time reads %q", got)
	}
}
