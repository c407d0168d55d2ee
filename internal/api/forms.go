package api

import (
	"context"

	"github.com/danielgtaylor/huma/v2"

	"github.com/muster-dr/muster/workflows"
)

// formRoutes are the acts by which people hand in what they do and find.
func (s *Server) formRoutes(api huma.API) {
	update[workflows.Prioritize](s, api, workflows.UpdatePrioritize, "Set the order in which damage is looked at.")
	update[workflows.Reach](s, api, workflows.UpdateReach, "Enter a try to reach a party, and what came of it.")
	update[workflows.Order](s, api, workflows.UpdateOrder, "Ask a party, a person or a role to do something.")
	update[workflows.FollowUp](s, api, workflows.UpdateFollowUp, "Say how far an order has come.")
	update[workflows.Take](s, api, workflows.UpdateTake, "Enter in the custody register that something leaves its place.")
	update[workflows.Receive](s, api, workflows.UpdateReceive, "Enter in the custody register that it has arrived.")
	update[workflows.Draft](s, api, workflows.UpdateDraft, "Propose the recovery decision for a system.")
	update[workflows.Notice](s, api, workflows.UpdateNotice, "Enter what was told to somebody outside, or an instruction that came in.")
	update[workflows.Control](s, api, workflows.UpdateSituation, "Send a situation report now.")
	update[workflows.Remark](s, api, workflows.UpdateRemark, "Say what was hard, or that nothing was.")
	update[workflows.Consult](s, api, workflows.UpdateConsult, "Say whom somebody consults before the decision, and when that is over.")
}

// Prioritize sets the order in which damage is looked at.
func (c *Client) Prioritize(ctx context.Context, id string, in workflows.Prioritize) (workflows.Done, error) {
	return c.update(ctx, id, workflows.UpdatePrioritize, in)
}

// Reach enters a try to reach a party.
func (c *Client) Reach(ctx context.Context, id string, in workflows.Reach) (workflows.Done, error) {
	return c.update(ctx, id, workflows.UpdateReach, in)
}

// Order asks somebody to do something; the answer's ID names the order.
func (c *Client) Order(ctx context.Context, id string, in workflows.Order) (workflows.Done, error) {
	return c.update(ctx, id, workflows.UpdateOrder, in)
}

// FollowUp says how far an order has come.
func (c *Client) FollowUp(ctx context.Context, id string, in workflows.FollowUp) (workflows.Done, error) {
	return c.update(ctx, id, workflows.UpdateFollowUp, in)
}

// Take enters that something leaves its place; the answer's ID names the register's line.
func (c *Client) Take(ctx context.Context, id string, in workflows.Take) (workflows.Done, error) {
	return c.update(ctx, id, workflows.UpdateTake, in)
}

// Receive enters that it has arrived.
func (c *Client) Receive(ctx context.Context, id string, in workflows.Receive) (workflows.Done, error) {
	return c.update(ctx, id, workflows.UpdateReceive, in)
}

// Draft proposes the recovery decision for a system.
func (c *Client) Draft(ctx context.Context, id string, in workflows.Draft) (workflows.Done, error) {
	return c.update(ctx, id, workflows.UpdateDraft, in)
}

// Consult says whom somebody consults before the decision, and when that is over.
func (c *Client) Consult(ctx context.Context, id string, in workflows.Consult) (workflows.Done, error) {
	return c.update(ctx, id, workflows.UpdateConsult, in)
}

// Notice enters what was told to somebody outside, or an instruction that came in.
func (c *Client) Notice(ctx context.Context, id string, in workflows.Notice) (workflows.Done, error) {
	return c.update(ctx, id, workflows.UpdateNotice, in)
}

// Situation sends a situation report now; the answer's ID has its number.
func (c *Client) Situation(ctx context.Context, id string, in workflows.Control) (workflows.Done, error) {
	return c.update(ctx, id, workflows.UpdateSituation, in)
}

// Remark says what was hard for a person, or that nothing was.
func (c *Client) Remark(ctx context.Context, id string, in workflows.Remark) (workflows.Done, error) {
	return c.update(ctx, id, workflows.UpdateRemark, in)
}
