package board

import (
	"cmp"
	"context"
	"strings"

	"github.com/muster-dr/muster/internal/api"
	"github.com/muster-dr/muster/internal/programme"
)

// rowHeld records that people held a row of the plan without a run.
func (b *Board) rowHeld(v *visit) error { return b.word(v, (*api.Client).RowHeld, "row-held") }

// rowWithdrawn takes that back.
func (b *Board) rowWithdrawn(v *visit) error {
	return b.word(v, (*api.Client).WithdrawHeld, "row-withdrawn")
}

func (b *Board) word(v *visit, say func(*api.Client, context.Context, string, api.HeldRequest) (programme.Record, error), done string) error {
	const back = "/programme"
	if v.me == "" {
		return v.nobody(back)
	}
	form := v.r.PostForm
	text := func(name string) string { return strings.TrimSpace(form.Get(name)) }
	if _, err := say(v.client(form.Get("key")), v.ctx(), cmp.Or(text("row"), "-"), api.HeldRequest{By: v.me, On: text("on"), For: text("for"), Reason: text("reason")}); err != nil {
		return err
	}
	b.ahead.forget()
	v.redirect(back + "?ok=" + done)
	return nil
}
