package engine

import "testing"

func TestHowManyUpdatesAnEngineTakesOfARun(t *testing.T) {
	for address, want := range map[string]int{"": 10_000, "dr.a2dd6.tmprl.cloud:7233": 2000, "ap-northeast-1.aws.api.temporal.io:7233": 2000, "temporal.example.com:7233": 0} {
		if got := Updates(address); got != want {
			t.Errorf("%q: %d, want %d", address, got, want)
		}
	}
}
