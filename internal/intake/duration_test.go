package intake

import (
	"testing"
	"time"
)

func TestDurations(t *testing.T) {
	for text, want := range map[string]time.Duration{
		"10分": 10 * time.Minute, "１０分": 10 * time.Minute, "約10分程度": 10 * time.Minute, "1時間30分": 90 * time.Minute, "1.5時間": 90 * time.Minute, "1時間半": 90 * time.Minute,
		"90秒": 90 * time.Second, "半日": 4 * time.Hour, "1日": 8 * time.Hour, "1h": time.Hour, "1h30m": 90 * time.Minute, "90min": 90 * time.Minute, "2 hours": 2 * time.Hour, "1:30": 90 * time.Minute,
		"0:10:00": 10 * time.Minute, "5〜10分": 10 * time.Minute, "10~15 min": 15 * time.Minute, "15": 15 * time.Minute, "半時間": 30 * time.Minute, "1分半": 90 * time.Second,
		"": 0, "-": 0, "即時": 0, "適宜": 0, "later": 0, "0": 0, "999999999日": 0, "1e9": 0, "-5分": 5 * time.Minute,
	} {
		if d, _, ok := parseDuration(text, 0); ok != (want > 0) || ok && d != want {
			t.Errorf("%q is read as %v (%v), want %v", text, d, ok, want)
		}
	}
	if d, note, _ := parseDuration("2", time.Hour); d != 2*time.Hour || note.EN != "" {
		t.Errorf("2 under 所要時間（時間）: %v, %q", d, note.EN)
	}
}
