package api

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/muster-dr/muster/internal/finding"
	"github.com/muster-dr/muster/internal/proof"
)

// ProofFiles is what Plans may do besides: the files as proofs rest on them, of one reading. Plans
// that can't know of no system.
type ProofFiles interface {
	ProofFiles() (proof.Files, error)
}

// Freshness is how long ago each system's objectives were proven, and which have to be again.
type Freshness struct {
	At      time.Time      `json:"at"`
	Systems []proof.System `json:"systems" doc:"Every system of the estate, in its order."`
	Needed  int            `json:"needed" doc:"How many properties have to be proven, for the first time or again."`
	Expired int            `json:"expired" doc:"How many of them are overdue: their proof is too old."`
	Missed  int            `json:"missed" doc:"How many of them a run missed that none as hard has made good."`
}

func (s *Server) freshnessRoutes(api huma.API) {
	huma.Register(api, route("freshness", http.MethodGet, "/freshness", "How long ago each system's RTO, RPO, RLO, restore and failback were proven, and whether that still counts.", 422, 503),
		func(ctx context.Context, in *struct {
			System string `query:"system" doc:"Only this system."`
			Due    bool   `query:"due" doc:"Only what has to be proven."`
		}) (*answer[Freshness], error) {
			out, err := s.Freshness(ctx)
			if err != nil {
				return nil, err
			}
			if in.System != "" {
				var names []string
				for _, x := range out.Systems {
					names = append(names, x.System)
				}
				out.Systems = slices.DeleteFunc(out.Systems, func(x proof.System) bool { return x.System != in.System })
				if len(out.Systems) == 0 {
					return nil, noSystem(ctx, in.System, names)
				}
			}
			if in.Due {
				for i := range out.Systems {
					out.Systems[i].Properties = slices.DeleteFunc(out.Systems[i].Properties, func(p proof.Property) bool { return !p.State.Needs() })
				}
				out.Systems = slices.DeleteFunc(out.Systems, func(x proof.System) bool { return len(x.Properties) == 0 })
			}
			out.count()
			return &answer[Freshness]{out}, nil
		})
}

func (f *Freshness) count() {
	f.Needed, f.Expired, f.Missed = 0, 0, 0
	for _, x := range f.Systems {
		for _, p := range x.Properties {
			if p.State.Needs() {
				f.Needed++
			}
			switch p.State {
			case proof.Expired:
				f.Expired++
			case proof.Missed:
				f.Missed++
			case proof.Fresh, proof.Changed, proof.Never, proof.NotSet:
			}
		}
	}
}

// Freshness says of every system of the estate when it was last proven.
func (s *Server) Freshness(ctx context.Context) (Freshness, error) {
	out := Freshness{At: s.now().UTC(), Systems: []proof.System{}}
	files, ok := s.Plans.(ProofFiles)
	if !ok {
		return out, nil
	}
	now, err := files.ProofFiles()
	if err != nil {
		return out, s.mistakes(ctx, err)
	}
	if err := s.keepEnded(ctx); err != nil {
		return out, err
	}
	if out.Systems, err = proof.Systems(ctx, s.Store, now, s.now()); err != nil {
		return out, s.storeProblem(ctx, err)
	}
	out.count()
	return out, nil
}

// provenAt says of every system when it had last been proven at an earlier moment.
func (s *Server) provenAt(ctx context.Context, moment time.Time) ([]proof.System, error) {
	files, ok := s.Plans.(ProofFiles)
	if !ok {
		return nil, nil
	}
	now, err := files.ProofFiles()
	if err != nil {
		return nil, s.mistakes(ctx, err)
	}
	out, err := proof.SystemsAt(ctx, s.Store, now, moment)
	if err != nil {
		return nil, s.storeProblem(ctx, err)
	}
	return out, nil
}

// proofAge is how long a proof by a run of a scenario counts; the usual time where the files can't say.
func (s *Server) proofAge(scenario string) time.Duration {
	if files, ok := s.Plans.(ProofFiles); ok {
		if now, err := files.ProofFiles(); err == nil {
			return now.MaxAge(scenario)
		}
	}
	return proof.MaxAge
}

// Freshness reads how long ago systems were proven; system "" is all, due only what has to be proven.
func (c *Client) Freshness(ctx context.Context, system string, due bool) (Freshness, error) {
	q := url.Values{}
	if system != "" {
		q.Set("system", system)
	}
	if due {
		q.Set("due", "true")
	}
	return get[Freshness](ctx, c, "/freshness", q)
}

// Proven is Freshness for metrics.
func (s *Server) Proven(ctx context.Context) ([]proof.System, time.Time, error) {
	out, err := s.Freshness(ctx)
	return out.Systems, out.At, err
}

// Standing is Findings for metrics.
func (s *Server) Standing(ctx context.Context) ([]finding.Finding, error) {
	list, err := s.Findings(ctx)
	out := make([]finding.Finding, len(list))
	for i, f := range list {
		out[i] = f.Finding
	}
	return out, err
}
