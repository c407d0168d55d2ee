package api

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/muster-dr/muster/internal/breakglass"
	"github.com/muster-dr/muster/internal/evidence"
	"github.com/muster-dr/muster/internal/i18n"
	"github.com/muster-dr/muster/internal/plan"
)

const (
	// mergeWithin is how long what comes back may take to arrive.
	mergeWithin = 10 * time.Minute
	// mergeAnswered is how long until its answer has gone: all of it is made sure of and written in between.
	mergeAnswered = 2 * mergeWithin
)

// opMerge is the route's name.
const opMerge = "merge-bundle"

// noReturn: what was given is longer than anything that comes back.
func noReturn(l i18n.Lang) *Problem {
	return problem(http.StatusRequestEntityTooLarge, CodeBadRequest,
		l.T("The file is longer than %s, which is the most that is taken. Nothing was merged.", "ファイルが上限（%s）を超えています。何も取り込んでいません。", bytesIn(evidence.MostPacked)),
		l.T("Give the file that `muster bundle export FILE` wrote on the laptop", "ノートPCで `muster bundle export ファイル` により書き出したファイルを指定してください"))
}

func atMerge(r *http.Request) bool {
	return r.Method == http.MethodPost && r.URL.Path == "/api/v1/bundles/merge"
}

// mayMerge makes sure of who merges, and why: known by name in this server's estate, and with the right to.
func (s *Server) mayMerge(ctx context.Context, in *EvidenceAct) error {
	if err := s.mayKeep(ctx, plan.MayAdmin); err != nil {
		return err
	}
	if err := sign(ctx, in); err != nil {
		return err
	}
	if _, err := s.actorInEstate(ctx, in.By); err != nil {
		return err
	}
	if strings.TrimSpace(in.Reason) == "" {
		return noReason(lang(ctx))
	}
	return nil
}

// mergeGate lets in what comes back from a bundle. The right is made sure of and the only place is taken before any of it is read: a
// merge is in memory whole.
func (s *Server) mergeGate(w http.ResponseWriter, r *http.Request, next http.Handler) {
	refuse := func(err error) {
		if p := new(Problem); errors.As(err, &p) { // else the caller is gone
			w.Header().Set("Connection", "close") // nobody reads what is still to come
			writeProblem(w, p)
		}
	}
	l := lang(r.Context())
	asked := r.URL.Query()
	if err := s.mayMerge(r.Context(), &EvidenceAct{By: asked.Get("by"), Reason: asked.Get("reason")}); err != nil {
		refuse(err)
		return
	}
	if r.ContentLength > evidence.MostPacked {
		refuse(noReturn(l))
		return
	}
	if r.ContentLength == 0 { // a copy that came to nothing; the routes would ask for a body
		_, err := breakglass.BackID(nil)
		refuse(noExport(l, err))
		return
	}
	select {
	case s.merging <- struct{}{}:
		defer func() { <-s.merging }()
	default:
		refuse(problem(http.StatusConflict, CodeRefused, l.T("Another merge is going on. Nothing of this file was read.", "別の取り込みを処理中です。このファイルは読み込んでいません。"),
			l.T("Give it again when that one has ended", "処理が終わってから、もう一度取り込んでください")))
		return
	}
	_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(mergeAnswered))
	http.MaxBytesHandler(next, evidence.MostPacked+1).ServeHTTP(w, r)
}
