package workflows

import (
	"errors"
	"fmt"
	"slices"

	"go.temporal.io/sdk/workflow"

	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/run"
)

// Take enters in the custody register that a medium or another thing leaves its place; with
// ReceivedBy it has arrived already (requirement P-CUST).
type Take struct {
	By         string `json:"by,omitempty"`
	Via        string `json:"via,omitempty"`
	What       string `json:"what"`
	From       string `json:"from"`
	To         string `json:"to"`
	TakenBy    string `json:"taken_by,omitempty"` // By, unless said
	ReceivedBy string `json:"received_by,omitempty"`
	Note       string `json:"note,omitempty"`
	At         string `json:"at,omitempty"`
}

// Receive says that it has arrived.
type Receive struct {
	Custody    string `json:"custody"` // as in custody-1
	By         string `json:"by,omitempty"`
	Via        string `json:"via,omitempty"`
	ReceivedBy string `json:"received_by,omitempty"` // By, unless said
	Note       string `json:"note,omitempty"`
	At         string `json:"at,omitempty"`
}

func (r *response) mayTake(ctx workflow.Context, t Take) error {
	if err := errors.Join(r.mayAct(t.By, plan.MayReport), r.late(ctx, t.At)); err != nil {
		return err
	}
	if t.What == "" || t.From == "" || t.To == "" {
		return refuse("say what is taken, from where and to where", "搬出する物、搬出元、搬出先をすべて記入してください")
	}
	return nil
}

func (r *response) onTake(ctx workflow.Context, t Take) (Done, error) {
	c := run.Custody{ID: fmt.Sprintf("custody-%d", r.moved+1), What: t.What, From: t.From, To: t.To, TakenBy: t.TakenBy, ReceivedBy: t.ReceivedBy}
	if c.TakenBy == "" {
		c.TakenBy = t.By
	}
	r.moved++
	if c.ReceivedBy == "" {
		r.onTheWay = append(r.onTheWay, c.ID)
	}
	done, err := r.log.record(ctx, run.Event{Kind: run.CustodyMoved, Phase: r.phase, By: t.By, Via: t.Via, Reason: t.Note, Happened: r.happened(ctx, t.At), Data: run.Encode(c)})
	done.ID = c.ID
	return done, err
}

func (r *response) mayReceive(ctx workflow.Context, c Receive) error {
	if err := errors.Join(r.mayAct(c.By, plan.MayReport), r.late(ctx, c.At)); err != nil {
		return err
	}
	if !slices.Contains(r.onTheWay, c.Custody) {
		return unknownName("thing on its way", "搬送中の物", c.Custody, r.onTheWay)
	}
	return nil
}

func (r *response) onReceive(ctx workflow.Context, c Receive) (Done, error) {
	r.onTheWay = slices.DeleteFunc(r.onTheWay, func(id string) bool { return id == c.Custody })
	if c.ReceivedBy == "" {
		c.ReceivedBy = c.By
	}
	return r.log.record(ctx, run.Event{Kind: run.CustodyReceived, Phase: r.phase, By: c.By, Via: c.Via, Reason: c.Note, Happened: r.happened(ctx, c.At),
		Data: run.Encode(run.CustodyReceipt{ID: c.Custody, ReceivedBy: c.ReceivedBy})})
}
