package api

import (
	"context"

	"github.com/danielgtaylor/huma/v2"

	"github.com/muster-dr/muster/workflows"
)

// formRoutes are the acts by which people hand in what they do and find.
func (s *Server) formRoutes(api huma.API) {
	update[workflows.Prioritize](s, api, workflows.UpdatePrioritize, "Set the order in which damage is looked at.")
}

// Prioritize sets the order in which damage is looked at.
func (c *Client) Prioritize(ctx context.Context, id string, in workflows.Prioritize) (workflows.Done, error) {
	return c.update(ctx, id, workflows.UpdatePrioritize, in)
}
