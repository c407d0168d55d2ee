package plan_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/muster-dr/muster/internal/plan"
)

// That there was no answer in time is said in the reader's language, wherever the library's error is named.
func TestNoAnswerInTimeIsSaidInBothLanguages(t *testing.T) {
	for what, said := range map[string]plan.Text{
		"as an argument": plan.Say("ask tokyo: %v", "tokyo への確認：%v", context.DeadlineExceeded),
		"as the cause":   plan.SaidBy(plan.Caused(context.DeadlineExceeded, "ask tokyo", "tokyo への確認")),
		"one of several": plan.SaidBy(errors.Join(plan.Wrong("tokyo is frozen", "tokyo は停止中"), context.DeadlineExceeded)),
	} {
		want := map[string]plan.Text{
			"as an argument": {EN: "ask tokyo: no answer in time", JA: "tokyo への確認：時間内に応答がない"},
			"as the cause":   {EN: "ask tokyo: no answer in time", JA: "tokyo への確認: 時間内に応答がない"},
			"one of several": {EN: "tokyo is frozen; no answer in time", JA: "tokyo は停止中；時間内に応答がない"},
		}[what]
		if said != want {
			t.Errorf("%s: %+v, want %+v", what, said, want)
		}
	}
	// What wraps it is somebody else's text, and stays.
	if said := plan.SaidBy(fmt.Errorf("read: %w", context.DeadlineExceeded)); said.EN != "read: context deadline exceeded" {
		t.Errorf("%+v", said)
	}
}
