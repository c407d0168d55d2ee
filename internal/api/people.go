package api

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/danielgtaylor/huma/v2"

	"github.com/muster-dr/muster/internal/i18n"
	"github.com/muster-dr/muster/internal/identity"
	"github.com/muster-dr/muster/internal/journal"
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/run"
	"github.com/muster-dr/muster/workflows"
)

// Answers and arrivals go into the record past the engine (docs/decisions.md 43): the server
// holds them against the run's frozen plan, writes them and tells the run in one signal for
// many. They are taken while the engine is away.

func (s *Server) peopleRoutes(api huma.API) {
	huma.Register(api, route("checkin", http.MethodPost, "/runs/{run}/checkin", "Answer the safety check for a person.", 403, 404, 409, 422, 429, 503),
		func(ctx context.Context, in *struct {
			OfRun
			Key  string `header:"Idempotency-Key" doc:"The same key and body again counts once."`
			Body workflows.CheckIn
		}) (*answer[workflows.Done], error) {
			if err := sign(ctx, &in.Body); err != nil {
				return nil, err
			}
			return done(s.checkIn(ctx, in.Run, in.Key, in.Body))
		})
	huma.Register(api, route("arrive", http.MethodPost, "/runs/{run}/arrive", "Say that a person is at the muster.", 403, 404, 409, 422, 429, 503),
		func(ctx context.Context, in *struct {
			OfRun
			Key  string `header:"Idempotency-Key" doc:"The same key and body again counts once."`
			Body workflows.Arrive
		}) (*answer[workflows.Done], error) {
			if err := sign(ctx, &in.Body); err != nil {
				return nil, err
			}
			return done(s.arrive(ctx, in.Run, in.Key, in.Body))
		})
	huma.Register(api, route("run-people", http.MethodGet, "/runs/{run}/people", "Who was called, how they are and who is there, with totals.", 403, 404, 422, 503), s.getPeople)
}

func done(d workflows.Done, err error) (*answer[workflows.Done], error) {
	if err != nil {
		return nil, err
	}
	return &answer[workflows.Done]{d}, nil
}

// private is what an answer holds for those alone who may see it. It is a document of kind
// answer and never an event.
type private struct {
	Person      string     `json:"person"`
	By          string     `json:"by"`
	At          time.Time  `json:"at"`
	Family      run.Family `json:"family,omitempty"`
	Whereabouts string     `json:"whereabouts,omitempty"`
	Phone       string     `json:"phone,omitempty"`
	Note        string     `json:"note,omitempty"`
}

// kindAnswer is the kind of those documents; their ID is RUN/WRITER.
const kindAnswer = "answer"

func (s *Server) checkIn(ctx context.Context, runID, key string, in workflows.CheckIn) (workflows.Done, error) {
	if in.Person == "" {
		in.Person = in.By
	}
	p, err := s.mayBeSaid(ctx, runID, in.By, in.Person)
	if err != nil {
		return workflows.Done{}, err
	}
	if err := s.sane(ctx, p, in); err != nil {
		return workflows.Done{}, err
	}
	kept := private{Person: in.Person, By: in.By, Family: in.Family, Whereabouts: in.Whereabouts, Phone: in.Phone, Note: in.Note}
	a := run.Answer{Safety: in.Safety, CanCome: in.CanCome, Online: in.Online, ComesAt: in.ComesAt,
		Private: kept != private{Person: in.Person, By: in.By}}
	e := run.Event{Run: runID, Writer: writerOf(&key, "checkin", in), Seq: 1, Kind: run.PersonAnswered, Phase: run.SafetyCheck, Person: in.Person, By: in.By, Data: run.Encode(a)}
	if a.Private {
		kept.At = s.now().UTC()
		body, err := json.Marshal(kept)
		if err != nil {
			return workflows.Done{}, err
		}
		// Before the event: what the record says to be kept is there. Of an answer that is sent
		// twice the first is kept.
		_, err = s.Store.PutDocument(ctx, journal.Document{Kind: kindAnswer, ID: runID + "/" + e.Writer, ChangedAt: kept.At, Body: body})
		if err != nil && !errors.Is(err, journal.ErrChanged) {
			return workflows.Done{}, s.storeProblem(ctx, err)
		}
	}
	return s.said(ctx, p, e)
}

func (s *Server) arrive(ctx context.Context, runID, key string, in workflows.Arrive) (workflows.Done, error) {
	if in.Person == "" {
		in.Person = in.By
	}
	p, err := s.mayBeSaid(ctx, runID, in.By, in.Person)
	if err != nil {
		return workflows.Done{}, err
	}
	content := in
	place, err := s.placeOf(ctx, runID, p, in)
	if err != nil {
		return workflows.Done{}, err
	}
	return s.said(ctx, p, run.Event{Run: runID, Writer: writerOf(&key, "arrive", content), Seq: 1, Kind: run.PersonArrived, Phase: run.Muster, Person: in.Person, By: in.By,
		Data: run.Encode(run.Arrival{Place: place.Name, Online: place.Online})})
}

// writerOf names the writer of an act by its key and content: sent again it is the same.
func writerOf(key *string, act string, body any) string {
	if *key == "" {
		*key = NewRequestID()
	}
	content, err := json.Marshal(body)
	if err != nil { // the structs here always marshal
		panic(err)
	}
	return run.PeopleWriter + digest(*key, act, string(content))
}

// said writes what somebody said to the record, and has the run hear of it.
func (s *Server) said(ctx context.Context, p plan.Plan, e run.Event) (workflows.Done, error) {
	done, err := s.kept(ctx, e)
	if err == nil {
		s.nudges.heard(s, e.Run, len(p.Estate.People), s.isKeyNow(ctx, e.Run, p, e.Person))
	}
	return done, err
}

// kept writes what somebody said to the record.
func (s *Server) kept(ctx context.Context, e run.Event) (workflows.Done, error) {
	e.At = s.now().UTC()
	if a, ok := identity.From(ctx); ok {
		e.Via = a.Via
	}
	who := e.By + " of " + e.Person
	if !s.nudges.mayStillSay(e.Run, who, e.Writer) {
		l := lang(ctx)
		return workflows.Done{}, problem(http.StatusTooManyRequests, CodeRefused, l.T("%s has answered %d times in this run.", "%s はこの実施で %d 回回答しています。", e.Person, mostSaid),
			l.T("The newest answer counts; tell the secretariat what has changed", "最新の回答が有効です。変更は事務局に連絡してください"))
	}
	// Of a request that is sent twice the first is in the record, of a moment earlier.
	if err := s.Store.Append(ctx, []run.Event{e}); err != nil && !errors.Is(err, journal.ErrTaken) {
		s.nudges.notSaid(e.Run, who, e.Writer)
		return workflows.Done{}, s.storeProblem(ctx, err)
	}
	return workflows.Done{Seq: e.Seq, Writer: e.Writer}, nil
}

// mostKey is up to how many people a run is told at once of each: more would be a crowd.
const mostKey = 200

// isKeyNow is isKey by the roles of the run as they are now: those of its frozen plan, and after
// handovers. Files that were edited since change nothing.
func (s *Server) isKeyNow(ctx context.Context, runID string, p plan.Plan, person string) bool {
	if isKey(p, person) {
		return true
	}
	t, err := s.follow(ctx, runID, p)
	if err != nil {
		return false // the run hears of it a little later
	}
	p.Estate = t.Estate()
	return isKey(p, person)
}

// isKey reports whether somebody's word may be what a run waits for: they hold a role of the
// quorum, lead or decide, and are not one of a crowd who do.
func isKey(p plan.Plan, person string) bool {
	key, found := 0, false
	for _, m := range p.Estate.People {
		if slices.ContainsFunc(m.Roles, func(role string) bool {
			return role == p.Scenario.Decision.By || role == p.Scenario.Lead ||
				slices.ContainsFunc(p.Scenario.Quorum, func(q plan.RoleCount) bool { return q.Role == role })
		}) {
			key++
			found = found || m.ID == person
		}
	}
	return found && key <= mostKey
}

// mayBeSaid refuses what is said of a run that has ended, and by or about strangers. That by is
// who signed in, and that a link is for this act in this run, sign and limits have made sure of.
func (s *Server) mayBeSaid(ctx context.Context, runID, by, about string) (plan.Plan, error) {
	l := lang(ctx)
	sum, p, err := s.known(ctx, runID)
	if err != nil {
		return plan.Plan{}, err
	}
	if sum.State.Ended() {
		return plan.Plan{}, problem(http.StatusConflict, CodeEnded, l.T("Run %s has ended.", "実施 %s は終了しています。", runID),
			l.T("`muster report %s` shows how", "`muster report %s` で結果を確認できます", runID))
	}
	for _, id := range []string{by, about} {
		if err := knownPerson(ctx, p, id); err != nil {
			return plan.Plan{}, err
		}
	}
	if by != about {
		t, err := s.follow(ctx, runID, p)
		if err != nil {
			return plan.Plan{}, err
		}
		if err := mayIn(ctx, t.Estate(), by, plan.MayProxy); err != nil {
			return plan.Plan{}, err
		}
	}
	absent := p.Absent(runID, sum.By)
	for _, id := range []string{by, about} {
		if slices.Contains(absent, id) {
			return plan.Plan{}, outOfDrill(l, id)
		}
	}
	return p, nil
}

func outOfDrill(l i18n.Lang, person string) error {
	return problem(http.StatusConflict, CodeRefused, l.T("%s is absent in this drill.", "%s はこの訓練では不在の想定です。", person),
		l.T("The scenario takes people out (absent); their deputies act in their place", "シナリオの absent による想定です。代行者が対応してください"))
}

// latest is how far ahead an expected arrival may lie: transport may be down for a month
// (requirement A-MUS-11).
const latest = 60 * 24 * time.Hour

// sane refuses answers that can't be meant.
func (s *Server) sane(ctx context.Context, p plan.Plan, in workflows.CheckIn) error {
	l := lang(ctx)
	bad := func(detail, way string) error {
		return problem(http.StatusUnprocessableEntity, CodeBadRequest, detail, way)
	}
	asked := run.QuestionsOf(p.Scenario.Hazard)
	if !asked.Takes(in.Safety) {
		if len(asked.Safety) == 0 {
			return bad(l.T("Nobody is asked for their safety in this run.", "この実施では安否を確認していません。"), l.T("Leave safety out; say whether you can come", "safetyを指定せず、参集の可否を回答してください"))
		}
		var words []string
		for _, w := range asked.Safety {
			words = append(words, string(w))
		}
		return bad(l.T("safety is %q.", "safetyが %q です。", in.Safety), l.T("Answer one of %s", "%s のいずれかで回答してください", strings.Join(words, ", ")))
	}
	if in.Family != "" && (len(asked.Family) == 0 || !slices.Contains(asked.Family, in.Family)) {
		return bad(l.T("family is %q.", "familyが %q です。", in.Family), l.T("Leave it out, or answer safe, hurt, unknown or none", "省略するか、safe、hurt、unknown、noneのいずれかで回答してください"))
	}
	for _, t := range []struct {
		name, text string
		most       int
		lines      bool
	}{{"whereabouts", in.Whereabouts, 200, false}, {"phone", in.Phone, 40, false}, {"note", in.Note, 1000, true}} {
		unfit := func(r rune) bool { return unicode.IsControl(r) && !(t.lines && (r == '\n' || r == '\r' || r == '\t')) }
		switch {
		case utf8.RuneCountInString(t.text) > t.most:
			return bad(l.T("%s has more than %d characters.", "%s が %d 文字を超えています。", t.name, t.most), l.T("Say it shorter", "短くしてください"))
		case !utf8.ValidString(t.text) || strings.ContainsFunc(t.text, unfit):
			return bad(l.T("%s holds characters that are no text.", "%s に文字以外が含まれています。", t.name), "")
		}
	}
	if in.ComesAt != nil {
		if now := s.now(); in.ComesAt.Before(now.Add(-24*time.Hour)) || in.ComesAt.After(now.Add(latest)) {
			return bad(l.T("comes_at is %s.", "comes_atが %s です。", in.ComesAt.Format(time.RFC3339)), l.T("Give the time at which they expect to be there", "到着見込みの時刻を指定してください"))
		}
	}
	return nil
}

// placeOf is where somebody arrived: the place they name, the first one online, or where
// people muster now.
func (s *Server) placeOf(ctx context.Context, runID string, p plan.Plan, in workflows.Arrive) (plan.Place, error) {
	l := lang(ctx)
	if in.Place == "" && in.Online {
		for _, place := range p.Estate.Places {
			if place.Online {
				return place, nil
			}
		}
		return plan.Place{}, problem(http.StatusUnprocessableEntity, CodeBadRequest, l.T("The estate has no muster place online.", "オンラインの参集場所が登録されていません。"), l.T("Name the place", "場所を指定してください"))
	}
	if in.Place == "" {
		t, err := s.follow(ctx, runID, p)
		if err != nil {
			return plan.Place{}, err
		}
		in.Place = t.MusterPlace(in.Person)
		if in.Place == "" {
			return plan.Place{}, nil
		}
	}
	place, ok := p.Estate.Place(in.Place)
	if !ok {
		var names []string
		for _, x := range p.Estate.Places {
			names = append(names, x.Name)
		}
		return plan.Place{}, problem(http.StatusUnprocessableEntity, CodeBadRequest, l.T("%q is not a muster place of the estate.", "%q という参集場所はありません。", in.Place),
			l.T("There are: %s", "登録されている場所: %s", strings.Join(names, ", ")))
	}
	if in.Online && !place.Online {
		return plan.Place{}, problem(http.StatusUnprocessableEntity, CodeBadRequest, l.T("%s is not online.", "%s はオンラインの場所ではありません。", in.Place), l.T("Leave one of the two out", "どちらか一方を省いてください"))
	}
	return place, nil
}
