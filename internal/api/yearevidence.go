package api

import (
	"context"

	"github.com/muster-dr/muster/internal/evidence"
	"github.com/muster-dr/muster/internal/outcome"
	"github.com/muster-dr/muster/internal/overview"
)

// yearEvidence is how it stands with the evidence of the runs of a year; nil where this server keeps
// none, or can't read its log now: doctor says that.
func (s *Server) yearEvidence(ctx context.Context, runs []outcome.Outcome) *overview.Kept {
	if s.Evidence == nil {
		return nil
	}
	entries, err := s.Evidence.Entries(ctx, "")
	if err != nil {
		return nil
	}
	sealedAt, removed := map[string]uint64{}, map[string]bool{}
	for _, e := range entries {
		removed[e.Run] = removed[e.Run] || e.Kind == evidence.EntryRemoved
		if _, known := sealedAt[e.Run]; !known && e.Kind == evidence.EntrySealed {
			sealedAt[e.Run] = e.Index
		}
	}
	st := s.Evidence.Status()
	out := &overview.Kept{Log: st.Log, Fingerprint: st.Fingerprint, Entries: st.Size, CheckedAt: st.CheckedAt, Altered: st.NotAsSealed(),
		Rows: st.Rows, RowsCheckedAt: st.RowsCheckedAt}
	// Of the log, and not of the settings: stamps of before count when nobody is asked any more.
	for _, e := range entries {
		if e.Kind == evidence.EntryStamped && e.Size > out.Stamped {
			out.Stamped, out.Authority, out.StampedAt = e.Size, e.Place, &e.At
		}
	}
	for _, o := range runs {
		out.Runs++
		if at, sealed := sealedAt[o.Run]; sealed {
			out.Sealed++
			if removed[o.Run] {
				out.Removed++
			}
			if at < out.Stamped {
				out.SealedStamped++
			}
		}
	}
	return out
}
