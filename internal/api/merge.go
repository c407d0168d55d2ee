package api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/muster-dr/muster/internal/breakglass"
	"github.com/muster-dr/muster/internal/evidence"
	"github.com/muster-dr/muster/internal/i18n"
	"github.com/muster-dr/muster/internal/identity"
	"github.com/muster-dr/muster/internal/journal"
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/run"
)

// BundleMerged is what became of what came back.
type BundleMerged struct {
	Bundle  string   `json:"bundle"`
	Merged  []string `json:"merged" doc:"Runs of which something was new."`
	Same    []string `json:"same" doc:"Runs that were here already, to the event."`
	Open    []string `json:"open" doc:"Runs that had not ended when the file was made; they come with a later one."`
	Removed []string `json:"removed,omitempty" doc:"Runs whose record was removed on the laptop after its time, as its log says; they can't come."`
	// Begun is the first thing in the bundle's own log: who began to work from it, and why.
	BegunBy string `json:"begun_by"`
	Reason  string `json:"reason"`
}

// mergeWriter writes what a merge says of a run: no writer of a run has this name.
const mergeWriter = "merge"

func noReason(l i18n.Lang) *Problem {
	return problem(http.StatusUnprocessableEntity, CodeBadRequest, l.T("A reason is needed.", "理由が必要です。"), l.T("Say it with --reason", "--reason で理由を示してください"))
}

// mergeBundle makes sure of everything first and changes nothing until then. What a killed server left half done is done by the same file
// again: events are written once, and the entry of the log comes last. mergeGate lets in one at a time.
func (s *Server) mergeBundle(ctx context.Context, in EvidenceAct, file []byte) (BundleMerged, error) {
	out := BundleMerged{Merged: []string{}, Same: []string{}, Open: []string{}}
	l := lang(ctx)
	if err := s.mayMerge(ctx, &in); err != nil {
		return out, err
	}
	of, doc, err := s.bundleOf(ctx, file)
	if err != nil {
		return out, err
	}
	// Before anything is written: the log is this server's, and says which files were merged.
	entered, err := s.enteredMerges(ctx)
	if err != nil {
		return out, err
	}
	known := breakglass.Known{ID: of.ID, Key: of.Key}
	if n := len(of.Merges); n > 0 {
		known.Size, known.Root = of.Merges[n-1].Size, of.Merges[n-1].Root
	}
	back, err := breakglass.Open(file, known, s.Version)
	if bad := new(breakglass.Rejected); errors.As(err, &bad) {
		p := problem(http.StatusConflict, CodeRefused, l.T("It is not what the bundle's log sealed (%d finding(s)); nothing was merged.", "パッケージの台帳が封印した内容と一致しません（%d 件）。何も取り込んでいません。", len(bad.Findings)),
			l.T("Keep this file and the laptop as they are, and make the export again there: `muster bundle export`", "このファイルとノートPCをそのまま保全し、ノートPCで `muster bundle export` を実行して書き出し直してください"))
		for _, f := range bad.Findings {
			p.Lines = append(p.Lines, f.In(string(l)))
		}
		return out, p
	}
	if err != nil {
		return out, err
	}
	out.Bundle, out.BegunBy, out.Reason = of.ID, back.Begun.By, back.Begun.Reason
	out.Open, out.Removed = append(out.Open, back.Open...), back.Removed
	sum := evidence.Sum(file)
	noted := slices.ContainsFunc(of.Merges, func(m BundleMerge) bool { return m.SHA256 == sum })
	here := map[string]merging{}
	for _, r := range back.Runs {
		m, err := s.freshOf(ctx, r)
		if err != nil {
			return out, err
		}
		here[r.Run] = m
		// A merge that was cut off before its entry, or before its note, has yet to count.
		if len(m.fresh) > 0 || m.last != "" && !entered[m.last] || m.last == sum && !noted {
			out.Merged = append(out.Merged, r.Run)
		} else {
			out.Same = append(out.Same, r.Run)
		}
	}
	if len(back.Runs) == 0 || len(out.Merged) == 0 && len(of.Merges) > 0 && known.Size == back.Size {
		if of.Use != nil {
			return out, nil
		}
		return out, s.putUsed(ctx, of, doc, back.Begun)
	}
	a, _ := identity.From(ctx)
	if err := s.Evidence.KeepMerged(of.ID+"-"+sum[:12]+".zip", file); err != nil {
		return out, s.evidenceProblem(ctx, "", err)
	}
	wrote := false
	for _, r := range back.Runs {
		m := here[r.Run]
		if len(m.fresh) == 0 && (m.last == sum || !slices.Contains(out.Merged, r.Run)) {
			continue
		}
		mark := run.Event{Run: r.Run, Writer: mergeWriter, Seq: m.marks + 1, At: s.now(), Kind: run.RunMerged, By: in.By, Via: a.Via, Reason: in.Reason,
			Data: run.Encode(run.Merged{Bundle: of.ID, Log: breakglass.LogName(of.ID), Key: of.Key, Size: back.Size, SHA256: sum})}
		if err := s.mergeRun(ctx, r, append(m.fresh, mark)); err != nil {
			return out, s.storeProblem(ctx, err)
		}
		wrote = true
	}
	if wrote || !entered[sum] {
		if err := s.Evidence.Enter(ctx, evidence.Entry{Kind: evidence.EntryMerged, By: in.By, Via: a.Via, Reason: in.Reason, Bundle: of.ID, Key: of.Key, Items: first(out.Merged, 20), Count: len(out.Merged), SHA256: sum}); err != nil {
			return out, s.evidenceProblem(ctx, "", err)
		}
	}
	of.Merges = append(of.Merges, BundleMerge{At: s.now(), By: in.By, Reason: in.Reason, Runs: out.Merged, SHA256: sum, Size: back.Size, Root: back.Root})
	if err := s.putUsed(ctx, of, doc, back.Begun); err != nil {
		return out, err
	}
	s.Evidence.Wake()
	return out, nil
}

// putUsed keeps what is known of a bundle that was taken into use: its file was in place, whoever said so or not.
func (s *Server) putUsed(ctx context.Context, of Bundle, doc journal.Document, begun evidence.Entry) error {
	of.Begun, of.Use = false, &BundleUse{At: begun.At, By: begun.By, Reason: begun.Reason}
	doc.Body = run.Encode(of)
	if _, err := s.Store.PutDocument(ctx, doc); err != nil {
		return s.storeProblem(ctx, err)
	}
	return nil
}

// noExport: what was given is something else.
func noExport(l i18n.Lang, err error) *Problem {
	return problem(http.StatusUnprocessableEntity, CodeBadRequest, plan.SaidBy(err).In(string(l)), l.T("Give the file that `muster bundle export FILE` wrote on the laptop", "ノートPCで `muster bundle export ファイル` により書き出したファイルを指定してください"))
}

// bundleOf is the bundle, made here, that something came back from.
func (s *Server) bundleOf(ctx context.Context, file []byte) (of Bundle, doc journal.Document, err error) {
	l := lang(ctx)
	id, err := breakglass.BackID(file)
	if err != nil {
		return of, doc, noExport(l, err)
	}
	if s.Bundled != nil {
		return of, doc, problem(http.StatusConflict, CodeRefused, l.T("This server works from a bundle itself.", "このサーバー自体が非常時持出パッケージで動いています。"), l.T("Merge at the main installation", "本来のサーバーで取り込んでください"))
	}
	doc, err = s.Store.Document(ctx, kindBundle, id)
	if errors.Is(err, journal.ErrNotFound) {
		return of, doc, problem(http.StatusConflict, CodeRefused, l.T("No bundle %s was made here, so nothing shows who signed this.", "パッケージ %s はここで作成されたものではないため、署名者を確認できません。", id),
			l.T("Merge it at the installation that made it; `muster bundle` lists those of this one", "作成元のサーバーで取り込んでください。このサーバーで作成したものは `muster bundle` で一覧できます"))
	}
	if err == nil {
		err = json.Unmarshal(doc.Body, &of)
	}
	if err != nil {
		return of, doc, s.storeProblem(ctx, err)
	}
	return of, doc, nil
}

// enteredMerges are the files of which the log says that they were merged.
func (s *Server) enteredMerges(ctx context.Context) (map[string]bool, error) {
	list, err := s.Evidence.Entries(ctx, "")
	if err != nil {
		return nil, s.evidenceProblem(ctx, "", err)
	}
	out := map[string]bool{}
	for _, e := range list {
		if e.Kind == evidence.EntryMerged {
			out[e.SHA256] = true
		}
	}
	return out, nil
}

// merging is what a merge finds here of a run.
type merging struct {
	fresh []run.Event // not here yet
	marks int64       // of merges before
	last  string      // the file of the newest of them
}

// freshOf says what of a run is not here yet. What is here and says something else is refused.
func (s *Server) freshOf(ctx context.Context, r breakglass.ReturnedRun) (out merging, err error) {
	l := lang(ctx)
	entries, err := s.Store.Events(ctx, r.Run, 0, 0)
	if err != nil {
		return out, s.storeProblem(ctx, err)
	}
	key := func(e run.Event) string { return fmt.Sprintf("%s/%d", e.Writer, e.Seq) }
	here := map[string]string{}
	for _, e := range entries {
		if e.Event.Writer == mergeWriter {
			var m run.Merged
			if err := e.Event.Decode(&m); err != nil {
				return out, s.storeProblem(ctx, err)
			}
			if e.Event.Seq > out.marks {
				out.marks, out.last = e.Event.Seq, m.SHA256
			}
			continue
		}
		here[key(e.Event)] = string(run.Encode(e.Event))
	}
	writers := map[string]bool{}
	for _, e := range r.Events {
		writers[e.Writer] = true
		was, ok := here[key(e)]
		if ok && was != string(run.Encode(e)) {
			return out, problem(http.StatusConflict, CodeRefused, l.T("Run %s is here already, and its event %s says something else. Nothing was merged.", "%s はすでにここにあり、イベント %s の内容が異なります。何も取り込んでいません。", r.Run, key(e)),
				l.T("One of the two records was altered: keep both, and `muster verify` the evidence of each", "どちらかの記録が改変されています。両方を保全し、それぞれの証拠を `muster verify` で検証してください"))
		}
		delete(here, key(e))
		if !ok {
			if err := s.tokenFits(ctx, e); err != nil {
				return out, err
			}
			out.fresh = append(out.fresh, e)
		}
	}
	for k := range here {
		if !writers[k[:strings.LastIndexByte(k, '/')]] {
			continue // entered here since
		}
		return out, problem(http.StatusConflict, CodeRefused, l.T("Run %s is here already with the event %s, which did not come back. Nothing was merged.", "%s はすでにここにあり、持ち帰った記録にないイベント %s を含んでいます。何も取り込んでいません。", r.Run, k),
			l.T("Merge the newest export; what was entered here after a merge stays", "最新の書き出しファイルを取り込んでください"))
	}
	return out, nil
}

// tokenFits refuses a token that no laptop gives: it would leave none above it for the runs to come.
func (s *Server) tokenFits(ctx context.Context, e run.Event) error {
	if e.Kind != run.LockTaken {
		return nil
	}
	var lock run.Lock
	if err := e.Decode(&lock); err != nil {
		return s.storeProblem(ctx, err)
	}
	last, err := s.Store.LastToken(ctx, e.System)
	if err != nil {
		return s.storeProblem(ctx, err)
	}
	if most := last + 2*breakglass.TokensAhead; lock.Token < 1 || lock.Token > most {
		l := lang(ctx)
		return problem(http.StatusConflict, CodeRefused, l.T("Run %s has the fencing token %d for %s, and at most %d can be. Nothing was merged.", "%[1]s における %[3]s のフェンシングトークンが %[2]d で、あり得る上限（%[4]d）を超えるか不正です。何も取り込んでいません。", e.Run, lock.Token, e.System, most),
			l.T("No laptop gives such a token: keep the file and the laptop as they are, and find out what wrote it", "ノートPCが発行する番号ではありません。ファイルとノートPCをそのまま保全し、書き込んだものを調べてください"))
	}
	return nil
}

// mergeRun writes a run's events at once, so that nobody sees half of it.
func (s *Server) mergeRun(ctx context.Context, r breakglass.ReturnedRun, events []run.Event) error {
	if err := s.Store.PutPlan(ctx, r.Plan); err != nil {
		return err
	}
	for _, e := range events {
		if e.Kind != run.LockTaken {
			continue
		}
		var lock run.Lock
		if err := e.Decode(&lock); err != nil {
			return err
		}
		// The site's ledger has seen this token: later ones are above it.
		if err := s.Store.RaiseToken(ctx, e.System, r.Run, lock.Token); err != nil {
			return err
		}
	}
	return s.Store.Append(ctx, events)
}

func first(list []string, n int) []string { return list[:min(n, len(list))] }
