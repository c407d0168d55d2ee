package api

import (
	"cmp"
	"context"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/muster-dr/muster/internal/finding"
	"github.com/muster-dr/muster/internal/journal"
	"github.com/muster-dr/muster/internal/nearest"
	"github.com/muster-dr/muster/internal/outcome"
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/report"
	"github.com/muster-dr/muster/internal/run"
)

// Finding is a finding with what can be done about it now.
type Finding struct {
	finding.Finding
	// CreateIssue opens a new issue in the tracker that the settings name, filled in.
	CreateIssue string `json:"create_issue,omitempty" doc:"Address that makes an issue of it in the tracker of the settings."`
	// PlaceGone is told of one finding alone: it takes reading every plan.
	PlaceGone bool `json:"place_gone,omitempty" doc:"It is open, and no plan holds its place any more: no run can close it, a person can. Told of one finding, not in lists."`
}

// FindingRequest is something that somebody does about a finding. Which fields count depends on the act.
type FindingRequest struct {
	By     string `json:"by,omitempty" doc:"Who: an ID of the estate; whoever asks when left out."`
	Reason string `json:"reason,omitempty" maxLength:"4000" doc:"Why, in their words. Required to waive and to confirm."`

	Title  string    `json:"title,omitempty" maxLength:"300" doc:"Of one that is added."`
	System string    `json:"system,omitempty" doc:"Of one that is added: the system that it is about."`
	Step   string    `json:"step,omitempty" doc:"Of one that is added: the step, as RUNBOOK/STEP; a later run that passes the step closes it."`
	Depth  run.Depth `json:"depth,omitempty" enum:"tabletop,walkthrough,isolated,live" doc:"Of one that is added at a step: how deep a run has to go to close it; live when left out."`

	Owner string `json:"owner,omitempty" doc:"Who sees to it: an ID of the estate."`
	Due   string `json:"due,omitempty" doc:"Date by which it should be closed, as 2027-03-31."`
	Link  string `json:"link,omitempty" maxLength:"2000" doc:"Address of the issue in a tracker."`
	Until string `json:"until,omitempty" doc:"The last day of a waiver, as 2027-03-31."`
	Run   string `json:"run,omitempty" doc:"To confirm: the later run in which it was seen to be in order; of break-glass, which is reviewed, none is needed."`
	Gone  bool   `json:"gone,omitempty" doc:"To confirm, in place of a run: no plan holds its place any more, as a step that was renamed or a system that was retired."`
}

// longestWaiver is for how many days at most a finding may be waived at once: what nobody will ever
// look at again is not waived but forgotten.
const longestWaiver = 400

func (s *Server) findingRoutes(api huma.API) {
	huma.Register(api, route("list-findings", http.MethodGet, "/findings", "What runs and people found, the newest opened first.", 503),
		func(ctx context.Context, in *struct {
			State   string          `query:"state" enum:"open,waived,closed,all" default:"open" doc:"open leaves out what is waived."`
			System  string          `query:"system"`
			Kind    run.FindingKind `query:"kind"`
			Owner   string          `query:"owner" doc:"An ID of the estate; - is nobody."`
			Run     string          `query:"run" doc:"Only what this run opened, saw, or closed."`
			Overdue bool            `query:"overdue" doc:"Only those whose date has passed."`
			Limit   int             `query:"limit" minimum:"0" doc:"At most so many; 0 is all."`
		}) (*answer[[]Finding], error) {
			list, err := s.Findings(ctx)
			if err != nil {
				return nil, err
			}
			out := []Finding{}
			for _, f := range list {
				if in.State != "all" && string(f.State) != in.State || in.System != "" && f.System != in.System || in.Kind != "" && f.Kind != in.Kind ||
					in.Owner != "" && cmp.Or(f.Owner, "-") != in.Owner || in.Overdue && !f.Overdue || in.Run != "" && !f.concerns(in.Run) {
					continue
				}
				if out = append(out, f); len(out) == in.Limit {
					break
				}
			}
			return &answer[[]Finding]{out}, nil
		})
	huma.Register(api, route("get-finding", http.MethodGet, "/findings/{id}", "One finding with its history; the beginning of its ID is enough.", 404, 409, 503),
		func(ctx context.Context, in *struct {
			ID  string `path:"id"`
			Run string `query:"run" doc:"Of a number within a report, as F-001: the run whose report it stands in."`
		}) (*answer[Finding], error) {
			if in.Run != "" && inReport.MatchString(in.ID) {
				f, err := s.findingOf(ctx, in.Run, strings.ToUpper(in.ID))
				return &answer[Finding]{f}, err
			}
			f, err := s.finding(ctx, in.ID)
			if err == nil && f.State != finding.Closed {
				f.PlaceGone, _ = s.placeGone(ctx, f) // plan files with a mistake tell nothing of it
			}
			return &answer[Finding]{f}, err
		})
	huma.Register(api, route("add-finding", http.MethodPost, "/findings", "Add a finding of one's own.", 403, 404, 422, 503), s.addFinding)
	for _, a := range []struct {
		name, summary string
		do            func(context.Context, *OfFinding) (*answer[Finding], error)
	}{
		{"assign", "Say who sees to a finding, and by when.", s.assignFinding},
		{"link", "Link a finding to an issue in a tracker.", s.linkFinding},
		{"waive", "Let a finding be as it is until a day, by name.", s.waiveFinding},
		{"confirm", "Close a finding that no figure can judge, by the run in which it was seen to be in order.", s.confirmFinding},
	} {
		huma.Register(api, route(a.name+"-finding", http.MethodPost, "/findings/{id}/"+a.name, a.summary, 403, 404, 409, 422, 503), a.do)
	}
}

// OfFinding is a request about a finding; huma reads exported types only.
type OfFinding struct {
	ID   string `path:"id" doc:"The finding's ID, or the beginning of it."`
	Key  string `header:"Idempotency-Key" doc:"The same key and body again counts once."`
	Body FindingRequest
}

func (f Finding) concerns(runID string) bool {
	return f.SeenIn == runID || slices.ContainsFunc(f.History, func(c finding.Change) bool { return c.Run == runID })
}

// keepEnded keeps the outcomes of runs that have ended, so that what is asked right after a run's end
// knows of it.
func (s *Server) keepEnded(ctx context.Context) error {
	if err := s.Outcomes.Soon(ctx); err != nil {
		return s.storeProblem(ctx, err)
	}
	return nil
}

// Findings lists all findings as they stand now.
func (s *Server) Findings(ctx context.Context) ([]Finding, error) {
	if err := s.keepEnded(ctx); err != nil {
		return nil, err
	}
	list, err := s.Ledger.List(ctx)
	if err != nil {
		return nil, s.storeProblem(ctx, err)
	}
	zone, days, now, out := s.zone(ctx), s.days(), s.now(), make([]Finding, len(list))
	for i, f := range list {
		out[i] = Finding{Finding: f.On(now, zone, days)}
		if out[i].State != finding.Closed && f.Link == "" && s.Tracker != "" {
			out[i].CreateIssue = s.Tracker.Fill(out[i].Issue(s.PublicURL, string(lang(ctx))))
		}
	}
	return out, nil
}

// zone is the estate's; UTC where that can't be told.
func (s *Server) zone(ctx context.Context) *time.Location {
	if s.Estate != nil {
		if e, err := s.Estate(ctx); err == nil {
			if zone, err := time.LoadLocation(e.Zone); err == nil {
				return zone
			}
		}
	}
	return time.UTC
}

// inReport is how a report numbers what it found.
var inReport = regexp.MustCompile(`^[Ff]-[0-9]{3}$`)

// finding is the one that somebody means.
func (s *Server) finding(ctx context.Context, typed string) (Finding, error) {
	list, err := s.Findings(ctx)
	if err != nil {
		return Finding{}, err
	}
	l := lang(ctx)
	var meant []Finding
	for _, f := range list {
		if finding.Named(f.ID, typed) {
			meant = append(meant, f)
		}
	}
	switch len(meant) {
	case 1:
		return meant[0], nil
	case 0:
		if inReport.MatchString(typed) {
			return Finding{}, problem(http.StatusNotFound, CodeNotFound,
				l.T("%s is a number within the report of one run, not the ID of a finding that is followed up.", "%s は一つの報告書の中の番号であり、継続管理する指摘事項のIDではありません。", typed),
				l.T("`muster findings show %s --run RUN` shows which it is; objectives that a tabletop or walkthrough did not prove are not followed up", "`muster findings show %s --run RUN` で該当する指摘事項を表示できます。机上・読み合わせの訓練で未立証の目標は継続管理の対象外です", strings.ToUpper(typed)))
		}
		return Finding{}, problem(http.StatusNotFound, CodeNotFound, l.T("There is no finding %q.", "指摘事項 %q はありません。", typed), l.T("`muster findings list --state all` shows all", "`muster findings list --state all` で一覧を表示できます"))
	}
	var ids []string
	for _, f := range meant {
		ids = append(ids, f.ID)
	}
	return Finding{}, problem(http.StatusConflict, CodeBadRequest, l.T("%q may mean any of %s.", "%q に当てはまる指摘事項が複数あります（%s）。", typed, strings.Join(ids, ", ")), l.T("Type more of its ID", "IDをもう少し長く指定してください"))
}

// findingOf is the finding that has a number in the report of a run.
func (s *Server) findingOf(ctx context.Context, runID, number string) (Finding, error) {
	sum, p, err := s.known(ctx, runID)
	if err == nil && !s.sees(ctx, sum, p) {
		err = isWithheld(ctx, runID)
	}
	if err != nil {
		return Finding{}, err
	}
	entries, err := s.Store.Events(ctx, runID, 0, 0) // what people have written since is of no run
	if err != nil {
		return Finding{}, s.storeProblem(ctx, err)
	}
	r, err := report.Build(p, eventsOf(entries))
	if err != nil {
		return Finding{}, s.storeProblem(ctx, err)
	}
	l := lang(ctx)
	at := slices.IndexFunc(r.Findings, func(f report.Finding) bool { return f.ID == number })
	if at < 0 {
		return Finding{}, problem(http.StatusNotFound, CodeNotFound, l.T("The report of %s has no finding %s; it has %d.", "%s の報告書に %s はありません（指摘事項は %d 件です）。", runID, number, len(r.Findings)), l.T("`muster report %s` lists them", "`muster report %s` で一覧を表示できます", runID))
	}
	list, err := s.Findings(ctx)
	if err != nil {
		return Finding{}, err
	}
	var first *Finding // one number may be about several places
	var ids []string
	for _, place := range r.Findings[at].Places() {
		if i := slices.IndexFunc(list, func(f Finding) bool { return f.ID == finding.IDOf(place.Key) }); i >= 0 {
			if first == nil {
				first = &list[i]
			}
			ids = append(ids, list[i].ID)
		}
	}
	switch {
	case first == nil:
		return Finding{}, problem(http.StatusNotFound, CodeNotFound, l.T("%s of %s is not followed up: a tabletop, a walkthrough and a run under way open no findings about objectives.", "%[2]s の %[1]s は継続管理の対象ではありません。机上・読み合わせの訓練で未立証の目標や、進行中の実施の指摘事項は対象外です。", number, runID),
			l.T("`muster findings list --state all --run %s` shows what is", "`muster findings list --state all --run %s` で対象の一覧を表示できます", runID))
	case len(ids) > 1:
		return Finding{}, problem(http.StatusConflict, CodeBadRequest, l.T("%s of %s is about several places, each followed up by itself: %s.", "%[2]s の %[1]s は複数の箇所にわたり、それぞれ個別に管理されています（%[3]s）。", number, runID, strings.Join(ids, ", ")), l.T("Show one of these: `muster findings show %s`", "いずれかを指定してください: `muster findings show %s`", ids[0]))
	}
	return *first, nil
}

// mayOnFinding makes sure that whoever asks may do something about findings, by the estate as it is now.
func (s *Server) mayOnFinding(ctx context.Context, body *FindingRequest, p plan.Permission) (plan.Estate, error) {
	if err := sign(ctx, body); err != nil {
		return plan.Estate{}, err
	}
	e, err := s.actorInEstate(ctx, body.By)
	if err != nil {
		return e, err
	}
	return e, mayIn(ctx, e, body.By, p)
}

// act keeps an act and returns the finding as it is then.
func (s *Server) actOnFinding(ctx context.Context, key, act, id string, in FindingRequest, kind run.EventKind, e run.Event, d run.FindingAct) (*answer[Finding], error) {
	content := in
	d.ID = id
	e.Kind, e.By, e.Via, e.Reason, e.At, e.Data = kind, in.By, via(ctx), strings.TrimSpace(in.Reason), s.now().UTC(), run.Encode(d)
	e.Writer = writerOf(&key, act+" "+id, content)
	if err := s.Ledger.Act(ctx, e); err != nil {
		return nil, s.storeProblem(ctx, err)
	}
	f, err := s.finding(ctx, id)
	if err != nil {
		return nil, err
	}
	return &answer[Finding]{f}, nil
}

func (s *Server) addFinding(ctx context.Context, in *struct {
	Key  string `header:"Idempotency-Key" doc:"The same key and body again counts once."`
	Body FindingRequest
}) (*answer[Finding], error) {
	b := &in.Body
	e, err := s.mayOnFinding(ctx, b, plan.MayFindings)
	if err != nil {
		return nil, err
	}
	l := lang(ctx)
	if b.Title = strings.TrimSpace(b.Title); b.Title == "" {
		return nil, problem(http.StatusUnprocessableEntity, CodeBadRequest, l.T("A finding needs a title: what is not as it should be?", "指摘事項には件名が必要です。"), "")
	}
	if err := s.ownerAndDue(ctx, e, *b); err != nil {
		return nil, err
	}
	if err := s.goodLink(ctx, b.Link, false); err != nil {
		return nil, err
	}
	if err := s.knownSystem(ctx, b.System); err != nil {
		return nil, err
	}
	if in.Key == "" {
		in.Key = NewRequestID()
	}
	// A place of its own, which nothing but this request makes.
	d := run.FindingAct{Place: "own/" + digest(in.Key, b.By, b.Title)[:16], Kind: run.FindingRemark, Title: b.Title, Owner: b.Owner, Due: b.Due, Link: b.Link}
	ev := run.Event{System: b.System}
	if b.Step != "" {
		book, step, ok := strings.Cut(b.Step, "/")
		if !ok || b.System == "" || book == "" || step == "" {
			return nil, problem(http.StatusUnprocessableEntity, CodeBadRequest, l.T("A step is named by its system, and by RUNBOOK/STEP; this is system %q, step %q.", "ステップは情報システムと RUNBOOK/STEP で指定します（情報システム %q、ステップ %q）。", b.System, b.Step), "")
		}
		d.Place, d.Kind, d.Depth = "step/"+b.System+"/"+book+"/"+step, run.FindingStep, cmp.Or(b.Depth, run.Live)
		ev.Runbook, ev.Step = book, step
	}
	return s.actOnFinding(ctx, in.Key, "add", finding.IDOf(d.Place), *b, run.FindingAdded, ev, d)
}

// knownSystem refuses a system that the files do not hold.
func (s *Server) knownSystem(ctx context.Context, name string) error {
	files, ok := s.Plans.(ProofFiles)
	if name == "" || !ok {
		return nil
	}
	now, err := files.ProofFiles()
	if err != nil {
		return s.mistakes(ctx, err)
	}
	var names []string
	for _, x := range now.Systems {
		names = append(names, x.Name)
	}
	if !slices.Contains(names, name) {
		return noSystem(ctx, name, names)
	}
	return nil
}

// noSystem is the problem of a system that the estate does not have.
func noSystem(ctx context.Context, name string, known []string) error {
	l := lang(ctx)
	way := l.T("`muster freshness` lists all", "`muster freshness` で一覧を表示できます")
	if near := nearest.Word(name, known); near != "" {
		way = l.T("Did you mean %q?", "%q の間違いではありませんか。", near)
	}
	return problem(http.StatusNotFound, CodeNotFound, l.T("The estate has no system %q.", "構成台帳に情報システム %q はありません。", name), way)
}

// ownerAndDue refuses an owner whom the estate does not know and a date that is none.
func (s *Server) ownerAndDue(ctx context.Context, e plan.Estate, in FindingRequest) error {
	if in.Owner != "" {
		if err := knownPerson(ctx, plan.Plan{Estate: e}, in.Owner); err != nil {
			return err
		}
		if p, _ := e.Person(in.Owner); len(p.Roles) == 0 {
			l := lang(ctx)
			return problem(http.StatusUnprocessableEntity, CodeRefused, l.T("%s holds no role in the estate, so nothing can be theirs to see to.", "%s は構成台帳で役割を担っていないため、担当にできません。", in.Owner), l.T("Name somebody with a role", "役割のある人を指定してください"))
		}
	}
	if in.Due != "" {
		return s.goodDate(ctx, in.Due)
	}
	return nil
}

func (s *Server) goodDate(ctx context.Context, date string) error {
	if _, err := time.Parse(time.DateOnly, date); err != nil {
		l := lang(ctx)
		return problem(http.StatusUnprocessableEntity, CodeBadRequest, l.T("%q is no date.", "%q は日付ではありません。", date), l.T("Write it as 2027-03-31", "2027-03-31 の形で指定してください"))
	}
	return nil
}

func (s *Server) goodLink(ctx context.Context, link string, needed bool) error {
	u, err := url.Parse(link)
	if link == "" && !needed || err == nil && u.Host != "" && u.User == nil && (u.Scheme == "http" || u.Scheme == "https") {
		return nil
	}
	l := lang(ctx)
	return problem(http.StatusUnprocessableEntity, CodeBadRequest, l.T("%q is no address of an issue.", "%q は課題のURLではありません。", link), l.T("Write it as https://tracker.example.org/DR-12", "https://tracker.example.org/DR-12 の形で指定してください"))
}

func (s *Server) assignFinding(ctx context.Context, in *OfFinding) (*answer[Finding], error) {
	e, err := s.mayOnFinding(ctx, &in.Body, plan.MayFindings)
	if err != nil {
		return nil, err
	}
	if in.Body.Owner == "" && in.Body.Due == "" {
		l := lang(ctx)
		return nil, problem(http.StatusUnprocessableEntity, CodeBadRequest, l.T("Say who sees to it, by when, or both.", "担当者または期限を指定してください。"), "")
	}
	if err := s.ownerAndDue(ctx, e, in.Body); err != nil {
		return nil, err
	}
	f, err := s.finding(ctx, in.ID)
	if err == nil {
		err = s.stillOpen(ctx, f)
	}
	if err != nil {
		return nil, err
	}
	return s.actOnFinding(ctx, in.Key, "assign", f.ID, in.Body, run.FindingAssigned, run.Event{}, run.FindingAct{Owner: in.Body.Owner, Due: in.Body.Due})
}

func (s *Server) linkFinding(ctx context.Context, in *OfFinding) (*answer[Finding], error) {
	if _, err := s.mayOnFinding(ctx, &in.Body, plan.MayFindings); err != nil {
		return nil, err
	}
	if err := s.goodLink(ctx, in.Body.Link, true); err != nil {
		return nil, err
	}
	f, err := s.finding(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	return s.actOnFinding(ctx, in.Key, "link", f.ID, in.Body, run.FindingLinked, run.Event{}, run.FindingAct{Link: in.Body.Link})
}

func (s *Server) waiveFinding(ctx context.Context, in *OfFinding) (*answer[Finding], error) {
	if _, err := s.mayOnFinding(ctx, &in.Body, plan.MayWaive); err != nil {
		return nil, err
	}
	l := lang(ctx)
	if strings.TrimSpace(in.Body.Reason) == "" {
		return nil, problem(http.StatusUnprocessableEntity, CodeBadRequest, l.T("To waive a finding needs a reason.", "指摘事項を容認するには理由が必要です。"), l.T("Say why with --reason", "--reason で理由を示してください"))
	}
	if err := s.goodDate(ctx, in.Body.Until); err != nil {
		return nil, err
	}
	now := s.now().In(s.zone(ctx))
	if today, last := now.Format(time.DateOnly), now.AddDate(0, 0, longestWaiver).Format(time.DateOnly); in.Body.Until < today || in.Body.Until > last {
		return nil, problem(http.StatusUnprocessableEntity, CodeBadRequest, l.T("A waiver ends between today and %s; %s is not.", "容認の期限は今日から %s までの間で指定します（%s は範囲外です）。", last, in.Body.Until),
			l.T("Waive it again when the day has come and it still holds", "期限が来ても状況が変わらなければ、改めて容認してください"))
	}
	f, err := s.finding(ctx, in.ID)
	if err == nil {
		err = s.stillOpen(ctx, f)
	}
	if err == nil {
		err = s.notInvolved(ctx, f, in.Body.By)
	}
	if err != nil {
		return nil, err
	}
	return s.actOnFinding(ctx, in.Key, "waive", f.ID, in.Body, run.FindingWaived, run.Event{}, run.FindingAct{Until: in.Body.Until})
}

func (s *Server) stillOpen(ctx context.Context, f Finding) error {
	if f.State != finding.Closed {
		return nil
	}
	l := lang(ctx)
	switch reviewed := slices.ContainsFunc(f.History, func(c finding.Change) bool { return c.What == finding.WasReviewed }); {
	case reviewed:
		return problem(http.StatusConflict, CodeRefused, l.T("%s has been reviewed.", "%s は事後確認済みです。", f.ID), "")
	case f.ClosedIn == "":
		return problem(http.StatusConflict, CodeRefused, l.T("%s is closed: no plan held its place any more.", "%s は、計画から廃止された箇所として終了しています。", f.ID), l.T("It opens again by itself when a run finds it again", "再び検出されれば自動で再開されます"))
	}
	return problem(http.StatusConflict, CodeRefused, l.T("%s is closed: run %s passed its place.", "%s は解消済みです（実施 %s で合格）。", f.ID, f.ClosedIn), l.T("It opens again by itself when a run finds it again", "再び検出されれば自動で再開されます"))
}

// passes says which run would close a finding.
func passes(ctx context.Context, f Finding) string {
	l, depth := lang(ctx), cmp.Or(f.Needs, run.Tabletop)
	if in := strings.Join(f.Scenarios(), ", "); in != "" {
		return l.T("Hold %s again, or what loses at least the same sites, at depth %s or deeper; or waive it until a day", "%s、または少なくとも同じ拠点を失うシナリオの訓練を深さ %s 以上で実施するか、期限付きで容認してください", in, depth)
	}
	return l.T("Hold the drill again, at depth %s or deeper; or waive it until a day", "深さ %s 以上で訓練を実施するか、期限付きで容認してください", depth)
}

func (s *Server) confirmFinding(ctx context.Context, in *OfFinding) (*answer[Finding], error) {
	if _, err := s.mayOnFinding(ctx, &in.Body, plan.MayWaive); err != nil {
		return nil, err
	}
	l := lang(ctx)
	if strings.TrimSpace(in.Body.Reason) == "" {
		return nil, problem(http.StatusUnprocessableEntity, CodeBadRequest, l.T("Say what was seen.", "確認できたことを理由に記してください。"), l.T("Write it with --reason", "--reason で示してください"))
	}
	f, err := s.finding(ctx, in.ID)
	if err == nil {
		err = s.stillOpen(ctx, f)
	}
	if err == nil {
		err = s.notInvolved(ctx, f, in.Body.By)
	}
	if err != nil {
		return nil, err
	}
	gone := false
	if f.Judged || in.Body.Gone { // else the plan files have no say in it
		if gone, err = s.placeGone(ctx, f); err != nil {
			return nil, err
		}
	}
	switch {
	case in.Body.Gone && gone:
		return s.actOnFinding(ctx, in.Key, "confirm", f.ID, in.Body, run.FindingConfirmed, run.Event{}, run.FindingAct{Gone: true})
	case in.Body.Gone && !f.Judged:
		return nil, problem(http.StatusConflict, CodeRefused, l.T("%s is of no place in the plan files: a person closes it.", "%s は計画ファイルの箇所に関するものではないため、人の確認で解消します。", f.ID),
			l.T("Leave out --gone: `muster findings show %s` says what closes it", "--gone を付けずに確認してください。解消の条件は `muster findings show %s` で表示できます", f.ID))
	case in.Body.Gone:
		return nil, problem(http.StatusConflict, CodeRefused, l.T("A run can still pass %s: the plan files hold it.", "%s は計画ファイルにあり、実施で合格できます。", f.Place), passes(ctx, f))
	case f.Judged && gone:
		return nil, problem(http.StatusConflict, CodeRefused, l.T("No run can pass %s any more: the plan files hold nothing of it.", "%s は計画ファイルになく、実施で合格できません。", f.Place),
			l.T("`muster findings confirm %s --gone --reason ...` closes it, and so does its page on the board", "`muster findings confirm %s --gone --reason ...`、またはボードの指摘事項のページで終了できます", f.ID))
	case f.Judged:
		return nil, problem(http.StatusConflict, CodeRefused, l.T("%s is closed by nobody's word: a later run that passes %s closes it.", "%s は個人の確認では解消できません。後の実施が %s に合格すると解消されます。", f.ID, f.Place),
			passes(ctx, f))
	case f.Glass() != "" && in.Body.Run == "":
		return s.actOnFinding(ctx, in.Key, "confirm", f.ID, in.Body, run.FindingConfirmed, run.Event{}, run.FindingAct{})
	}
	if in.Body.Run == "" {
		return nil, problem(http.StatusUnprocessableEntity, CodeBadRequest, l.T("%s is closed by a later run in which it was seen to be in order.", "%s は、問題がないことを確認した後の実施を示して解消します。", f.ID), l.T("Name the run with --run", "--run で実施を指定してください"))
	}
	list, err := outcome.List(ctx, s.Store, journal.OutcomeFilter{Run: in.Body.Run})
	if err != nil {
		return nil, s.storeProblem(ctx, err)
	}
	if len(list) == 0 {
		return nil, problem(http.StatusNotFound, CodeUnknownRun, l.T("No run %q has ended.", "終了した実施 %q はありません。", in.Body.Run), l.T("`muster drill list` shows the runs", "`muster drill list` で実施の一覧を表示できます"))
	}
	if o := list[0]; !o.Whole() || !o.EndedAt.After(f.SeenAt) {
		return nil, problem(http.StatusConflict, CodeRefused, l.T("Run %s shows nothing of it: it was broken off, or ended before the finding was seen.", "実施 %s では確認できません（中止されたか、検出より前に終了しています）。", o.Run),
			l.T("Name a later run that went to its end", "検出より後に最後まで行われた実施を指定してください"))
	} else if f.System != "" && !o.Has(f.System) {
		return nil, problem(http.StatusConflict, CodeRefused, l.T("Run %s shows nothing of it: %s had no part in it.", "実施 %s は %s を対象にしていないため、確認できません。", o.Run, f.System),
			l.T("Name a later run of %s", "%s を対象とした後の実施を指定してください", f.System))
	}
	return s.actOnFinding(ctx, in.Key, "confirm", f.ID, in.Body, run.FindingConfirmed, run.Event{}, run.FindingAct{Proof: in.Body.Run})
}
