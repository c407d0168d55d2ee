package run

import (
	"errors"
	"testing"
	"time"
)

func TestATimeIsReadInTheEstatesZone(t *testing.T) {
	tokyo, err := time.LoadLocation("Asia/Tokyo")
	if err != nil {
		t.Fatal(err)
	}
	now := time.Date(2026, 11, 19, 0, 10, 0, 0, tokyo) // 15:10 of the day before in UTC
	for s, want := range map[string]time.Time{
		"10m":                       now.Add(-10 * time.Minute),
		"00:05":                     now.Add(-5 * time.Minute),
		"23:50":                     now.Add(-20 * time.Minute), // yesterday's
		"23:50:30":                  now.Add(-19*time.Minute - 30*time.Second),
		"2026-11-18T14:00:00Z":      time.Date(2026, 11, 18, 14, 0, 0, 0, time.UTC),
		"2026-11-18T23:00:00+09:00": time.Date(2026, 11, 18, 14, 0, 0, 0, time.UTC),
		"2026-11-18T23:00":          time.Date(2026, 11, 18, 14, 0, 0, 0, time.UTC),
		"2026-11-16 23:00":          time.Date(2026, 11, 16, 14, 0, 0, 0, time.UTC), // whoever writes a day means it
	} {
		if got, err := ReadPast(s, now); err != nil || !got.Equal(want) {
			t.Errorf("%s is %v, %v, want %v", s, got, err, want)
		}
	}
	if _, err := ReadPast("yesterday", now); err == nil {
		t.Error(`"yesterday" was read as a time`)
	}
	// The time of a clock in UTC: it would put the event nine hours off.
	long := new(LongAgo)
	if at, err := ReadPast("09:00", now); !errors.As(err, &long) {
		t.Errorf("09:00 at 00:10 was taken for %v, %v", at, err)
	}
	for s, want := range map[string]time.Time{
		"2h":                   now.Add(2 * time.Hour),
		"07:30":                time.Date(2026, 11, 19, 7, 30, 0, 0, tokyo),
		"00:05":                time.Date(2026, 11, 20, 0, 5, 0, 0, tokyo),
		"2026-11-19T01:00:00Z": time.Date(2026, 11, 19, 10, 0, 0, 0, tokyo),
	} {
		if got, err := ReadComing(s, now); err != nil || !got.Equal(want) {
			t.Errorf("to come, %s is %v, %v, want %v", s, got, err, want)
		}
	}
}
