package api_test

import (
	"testing"

	"github.com/muster-dr/muster/internal/api"
	"github.com/muster-dr/muster/internal/run"
	"github.com/muster-dr/muster/workflows"
)

// What the run itself refuses, behind the engine, reaches whoever asked in their language and
// in no other; the record, which people of either read, has both.
func TestRefusalsOfARunAreInTheReadersLanguage(t *testing.T) {
	w := newWorld(t)
	id := w.start(api.StartRequest{Scenario: "tokyo-loss", Kind: run.Drill, Depth: run.Live, By: "sato"}).Run
	en, ja := w.Client, api.Connect(w.url, token, "ja")
	for _, c := range []struct {
		what             string
		act              func(*api.Client) error
		said, inJapanese string
	}{
		{"a pause without a reason", func(c *api.Client) error {
			_, err := c.Pause(t.Context(), id, workflows.Control{By: "sato"})
			return err
		}, "a reason is needed: it stands in the report", "理由を記入してください（報告書に記載されます）"},
		{"an approval that nobody asks for", func(c *api.Client) error {
			_, err := c.Approve(t.Context(), id, workflows.Approve{By: "suzuki"})
			return err
		}, "no approval is being asked for; `muster drill show` says what the run waits for", "現在、承認は求められていません。何を待っているかは `muster drill show` で確認できます"},
		{"damage in another word", func(c *api.Client) error {
			_, err := c.Assess(t.Context(), id, workflows.Assess{By: "sato", System: "orders", Damage: "bad"})
			return err
		}, `damage is none, degraded, stopped, destroyed or unknown, not "bad"`, `被害状況は none・degraded・stopped・destroyed・unknown のいずれかです（"bad" は不可）`},
	} {
		if got := problem(t, c.act(en)); got.Code != api.CodeRefused || got.Detail != c.said {
			t.Errorf("%s: %s %q, want %q", c.what, got.Code, got.Detail, c.said)
		}
		if got := problem(t, c.act(ja)); got.Code != api.CodeRefused || got.Detail != c.inJapanese {
			t.Errorf("%s: %s %q, want %q", c.what, got.Code, got.Detail, c.inJapanese)
		}
	}
	kept := w.until(id, run.ActRefused).Reason
	if want := "no approval is being asked for; `muster drill show` says what the run waits for / 現在、承認は求められていません。何を待っているかは `muster drill show` で確認できます"; kept != want {
		t.Errorf("the record says %q, want %q", kept, want)
	}
	w.abort(id)
}
