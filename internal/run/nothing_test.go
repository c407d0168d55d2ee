package run_test

import (
	"testing"

	"github.com/muster-dr/muster/internal/run"
)

func TestARemarkThatSaysNothing(t *testing.T) {
	for _, text := range []string{"特になし", "特に無し", "なし", "無し。", "「特になし」", "特になし。", "　特に なし ", "特になし！", "nothing", "None.", " NOTHING ", "ｎｏｎｅ", "Nothing was hard."} {
		if !run.SaysNothing(text) {
			t.Errorf("%q is taken for a remark", text)
		}
	}
	for _, text := range []string{"", "連絡手段なし", "特になしだが、電話が遅い", "nothing worked", "none of the phones answered", "手順書がない", "-"} {
		if run.SaysNothing(text) {
			t.Errorf("%q is taken for nothing", text)
		}
	}
}
