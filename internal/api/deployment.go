package api

import (
	"cmp"
	"context"
	"net/http"
	"slices"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"go.temporal.io/api/enums/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"

	"github.com/muster-dr/muster/internal/plan"
)

// Deployment is what a server knows of the parts that it works with, for `muster doctor`.
type Deployment struct {
	Version   string     `json:"version" doc:"Of this server."`
	Now       time.Time  `json:"now" doc:"The server's clock."`
	Namespace string     `json:"namespace" doc:"The engine's, in which runs live."`
	KeepsS    float64    `json:"retention_s" doc:"How long the engine keeps runs that have ended; 0 when it does not say."`
	Sites     []SiteSeen `json:"sites" doc:"Every site of the estate."`
	Apart     []string   `json:"apart,omitempty" doc:"Other servers on the same record store, as host and data directory, that read other people or roles from their plan files."`
}

// SiteSeen is what the engine knows of a site's workers.
type SiteSeen struct {
	Site     string   `json:"site"`
	Workers  int      `json:"workers" doc:"That ask for work now."`
	Versions []string `json:"versions" doc:"Of these workers."`
}

func (s *Server) deploymentRoutes(api huma.API) {
	huma.Register(api, route("deployment", http.MethodGet, "/deployment", "The versions of the parts, which sites have workers, and how long the engine keeps runs.", 503),
		func(ctx context.Context, _ *struct{}) (*answer[Deployment], error) {
			out, err := s.deployment(ctx)
			if err != nil {
				return nil, s.engineAway(ctx, err)
			}
			return &answer[Deployment]{out}, nil
		})
}

func (s *Server) deployment(ctx context.Context) (Deployment, error) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	out := Deployment{Version: s.Version, Now: time.Now().UTC(), Namespace: cmp.Or(s.Namespace, client.DefaultNamespace), Sites: []SiteSeen{}}
	d, err := s.Engine.WorkflowService().DescribeNamespace(ctx, &workflowservice.DescribeNamespaceRequest{Namespace: out.Namespace})
	if err != nil {
		return out, err
	}
	out.KeepsS = d.GetConfig().GetWorkflowExecutionRetentionTtl().AsDuration().Seconds()
	if all, err := s.readings(ctx); err == nil { // a store that is away is told elsewhere
		out.Apart = s.apart(all)
	}
	if s.Estate == nil {
		return out, nil
	}
	e, err := s.Estate(ctx)
	if err != nil { // the files have mistakes, which is told elsewhere
		return out, nil
	}
	for _, site := range e.Sites {
		pollers, err := s.pollers(ctx, plan.SiteQueue(site.Name), enums.TASK_QUEUE_TYPE_ACTIVITY)
		if err != nil {
			return out, err
		}
		one := SiteSeen{Site: site.Name, Versions: []string{}}
		for _, p := range pollers {
			if time.Since(p.GetLastAccessTime().AsTime()) >= asksFor {
				continue
			}
			one.Workers++
			//lint:ignore SA1019 the build ID is told here, by workers of every version of the SDK
			if v := p.GetWorkerVersionCapabilities().GetBuildId(); v != "" && !slices.Contains(one.Versions, v) {
				one.Versions = append(one.Versions, v)
			}
		}
		slices.Sort(one.Versions)
		out.Sites = append(out.Sites, one)
	}
	return out, nil
}

// Deployment reads what the server knows of the parts that it works with.
func (c *Client) Deployment(ctx context.Context) (Deployment, error) {
	return get[Deployment](ctx, c, "/deployment", nil)
}
