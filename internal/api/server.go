package api

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"path"
	"reflect"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/converter"

	"github.com/muster-dr/muster/activities"
	"github.com/muster-dr/muster/internal/alarm"
	"github.com/muster-dr/muster/internal/evidence/keep"
	"github.com/muster-dr/muster/internal/finding"
	"github.com/muster-dr/muster/internal/i18n"
	"github.com/muster-dr/muster/internal/identity"
	"github.com/muster-dr/muster/internal/journal"
	"github.com/muster-dr/muster/internal/outcome"
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/report"
	"github.com/muster-dr/muster/internal/run"
	"github.com/muster-dr/muster/internal/sheet"
	"github.com/muster-dr/muster/internal/tracker"
)

// bodyLimit bounds what a request may carry; the largest is a sentence and some IDs.
const bodyLimit = 64 << 10

// Server answers the API. All fields but Identity, Estate,
// PublicURL, Metrics and Now are needed.
type Server struct {
	// Name tells servers of one store apart: no two that run at once have the same.
	Name   string
	Store  journal.Store
	Engine client.Client
	// Data is the converter of Engine; nil is the SDK's default.
	Data converter.DataConverter
	// Namespace is the engine's; "" is default.
	Namespace string
	// Updates is how many the engine takes of one run; 0 is not known, and can be raised.
	Updates int
	Plans   Plans
	// PlansDir is the folder that they come from, as doctor on this machine finds it.
	PlansDir string
	Render   Render
	// RenderFor is Render for a reader who may not see what each of the others said; nil refuses
	// them the report.
	RenderFor func(w io.Writer, p plan.Plan, events []run.Event, earlier []report.Earlier, format, lang, reader string) error
	// SetSheet writes a page over many runs.
	SetSheet func(w io.Writer, d sheet.Sheet, format string, l i18n.Lang) error
	Actions  []activities.Action
	// Token is the server's own: whoever holds it is the console, see identity.Actor.
	Token string
	// Identity makes sure of who asks; nil is one that knows personal tokens and Token.
	Identity *identity.Service
	// Estate is the inventory as it is now, for what belongs to no run: names and rights of
	// people. nil knows nobody, and only the console administers.
	Estate func(context.Context) (plan.Estate, error)
	// PublicURL is how browsers reach the server; "" is not known.
	PublicURL string
	Version   string
	Log       *slog.Logger
	// Metrics counts answered requests; nil does not.
	Metrics interface {
		Request(route, method string, status int, took time.Duration)
	}
	// Trace begins the span of a request, and returns what ends it; nil makes none.
	Trace func(ctx context.Context, method string) (context.Context, func(route string, status int))
	// Sees says who else may see the private part of somebody's answer; nil is nobody.
	Sees func(ctx context.Context, p plan.Plan, reader, about string) bool
	// Channels says how the ways to people are: ok, or what is wrong; nil is none.
	Channels func() map[string]string
	// Alarms is what alarms come to; nil takes none.
	Alarms Alarms
	// Evidence seals runs that have ended; nil seals none.
	Evidence *keep.Keeper
	// Bundled is the break-glass bundle that this server works from; nil is none.
	Bundled *run.Bundled
	// TokenIssued hears of each token, to tell its person; it holds up nobody. nil tells nobody.
	TokenIssued func(ctx context.Context, t identity.Token)
	// Outcomes keeps what ended runs came to, and Ledger follows what they found; nil are ones of Store.
	Outcomes *outcome.Keeper
	Ledger   *finding.Ledger
	// Tracker makes the addresses that open issues of findings; "" makes none.
	Tracker tracker.Template
	// Now is the clock that overviews are computed for; nil is time.Now.
	Now func() time.Time

	recent     recentPlans
	wellness   wellness
	unreadable sync.Map // open runs that could not be read, so that each is told once
	endedDays  endedDays
	forecasts  forecasts
	following  following
	nudges     nudges
	proposals  alarm.Proposals
	pace       pace
	waits      waits
	photos     chan struct{}
	mayYield   chan struct{} // something real, or a drill of muster itself, has begun
	lastSeen   lastSeen
	lastFiles  lastFiles
	merging    chan struct{}
	readApart  atomic.Value // string: servers of which it was told that they read other people
	lastLook   atomic.Value // map[string]sight: what NoteAssigned saw of other servers
}

// Plans is the plans directory as it is now. An error that lists mistakes of files has
// a line each.
type Plans interface {
	Scenarios() ([]Scenario, error)
	Compile(scenario string, depth run.Depth) (plan.Plan, error)
}

// Render writes the report of a run in format text, json, markdown or html; earlier are the runs of its
// scenario that ended before it.
type Render func(w io.Writer, p plan.Plan, events []run.Event, earlier []report.Earlier, format, lang string) error

// Handler returns the API with its guards: token, cross-origin protection, body limit.
func (s *Server) Handler() http.Handler {
	if s.Now == nil {
		s.Now = time.Now
	}
	if s.Data == nil {
		s.Data = converter.GetDefaultDataConverter()
	}
	if s.Identity == nil {
		s.Identity = identity.New(s.Store, identity.Options{Console: s.Token, Log: s.Log, Now: s.Now})
	}
	if s.Outcomes == nil {
		s.Outcomes = &outcome.Keeper{Store: s.Store, Log: s.Log}
	}
	if s.Ledger == nil {
		s.Ledger = &finding.Ledger{Store: s.Store}
	}
	s.photos, s.merging, s.mayYield = make(chan struct{}, photosAtOnce), make(chan struct{}, 1), make(chan struct{}, 1)
	mux := http.NewServeMux()
	cfg := huma.DefaultConfig("muster", s.Version)
	cfg.Info.Description = "Start drills and responses, take part in them, and read their journal and report."
	cfg.OpenAPIPath, cfg.DocsPath, cfg.SchemasPath = "/api/openapi", "", ""
	cfg.CreateHooks = nil // no $schema fields: the description is at one place
	cfg.RejectUnknownQueryParameters = true
	registry := huma.NewMapRegistry("#/components/schemas/", schemaName)
	registry.RegisterTypeAlias(reflect.TypeFor[run.Duration](), reflect.TypeFor[string]())
	registry.RegisterTypeAlias(reflect.TypeFor[run.Bytes](), reflect.TypeFor[string]())
	cfg.Components.Schemas = registry
	cfg.Components.SecuritySchemes = map[string]*huma.SecurityScheme{"token": {Type: "http", Scheme: "bearer"}}
	cfg.Security = []map[string][]string{{"token": {}}}
	api := humago.New(mux, cfg)
	s.readRoutes(api)
	s.startRoutes(api)
	s.actRoutes(api)
	s.peopleRoutes(api)
	s.ackRoutes(api)
	s.photoRoutes(api)
	s.partyRoutes(api)
	s.lockRoutes(api)
	s.checkRoutes(api)
	s.forecastRoutes(api)
	s.proposalRoutes(api)
	s.alarmRoutes(api)
	s.programmeRoutes(api)
	s.scheduleRoutes(api)
	s.goalRoutes(api)
	s.activationRoutes(api)
	s.identityRoutes(api)
	s.evidenceRoutes(api)
	s.bundleRoutes(api)
	s.findingRoutes(api)
	s.freshnessRoutes(api)
	s.deploymentRoutes(api)
	s.historyRoutes(api)
	s.reportRoutes(api)
	s.writtenRoutes(api)
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		writeProblem(w, problem(http.StatusNotFound, CodeNotFound,
			lang(r.Context()).T("There is nothing at %s.", "%s には何もありません。", r.URL.Path),
			lang(r.Context()).T("The API is described at /api/openapi.json", "APIの一覧は /api/openapi.json にあります")))
	})

	protect := http.NewCrossOriginProtection()
	protect.SetDenyHandler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.Identity.CrossSite(r)
		writeProblem(w, problem(http.StatusForbidden, CodeUnauthorized,
			lang(r.Context()).T("A page of another site sent this request.", "別のサイトのページから送られた要求です。"), ""))
	}))
	guarded := s.Identity.Guard(s.noteForbidden(limits(s.bounded(noteRoute(mux)))), identity.Gate{Open: open, Refused: s.unknown})
	return s.observe(Shielded(protect.Handler(wellNamed(guarded)), s.PublicURL))
}

// schemaName keeps types of different packages apart: plan.Step is PlanStep, and the
// API's own types have their bare names.
func schemaName(t reflect.Type, hint string) string {
	name := huma.DefaultSchemaNamer(t, hint)
	for t.Kind() == reflect.Pointer || t.Kind() == reflect.Slice {
		t = t.Elem()
	}
	if pkg := path.Base(t.PkgPath()); t.Name() != "" && pkg != "." && pkg != "api" {
		return strings.ToUpper(pkg[:1]) + pkg[1:] + name
	}
	return name
}

// open is what needs nobody: health and the API's description.
func open(r *http.Request) bool {
	return r.URL.Path == "/api/v1/health" || strings.HasPrefix(r.URL.Path, "/api/openapi")
}

// unknown answers somebody who is not let in.
func (s *Server) unknown(w http.ResponseWriter, r *http.Request, err error) {
	p := new(Problem)
	if !errors.As(s.refusal(r.Context(), err), &p) { // the caller is gone
		return
	}
	if p.Status == http.StatusUnauthorized {
		w.Header().Set("WWW-Authenticate", `Bearer realm="muster"`)
	}
	writeProblem(w, p)
}

// refusal is why somebody is not let in, in words for them.
func (s *Server) refusal(ctx context.Context, err error) error {
	if no := new(identity.Refusal); errors.As(err, &no) {
		what, way := no.In(lang(ctx))
		return problem(http.StatusUnauthorized, CodeUnauthorized, what, way)
	}
	return s.storeProblem(ctx, err)
}

type routeKey struct{}

// noteRoute tells observe which route answered; the request that the mux saw is a copy.
func noteRoute(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		next.ServeHTTP(w, r)
		if to, ok := r.Context().Value(routeKey{}).(*string); ok {
			_, *to, _ = strings.Cut(r.Pattern, " ")
		}
	})
}

// observe reads the caller's language and counts the request by its route, never by
// its path.
func (s *Server) observe(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		begun, route := time.Now(), ""
		ctx := context.WithValue(r.Context(), langKey{}, i18n.Parse(r.Header.Get("Accept-Language")))
		rec := &recorder{ResponseWriter: w, status: http.StatusOK}
		if s.Trace != nil {
			var end func(string, int)
			ctx, end = s.Trace(ctx, r.Method)
			defer func() { end(route, rec.status) }()
		}
		r = r.WithContext(context.WithValue(ctx, routeKey{}, &route))
		next.ServeHTTP(rec, r)
		if s.Metrics != nil {
			s.Metrics.Request(route, r.Method, rec.status, time.Since(begun))
		}
		if rec.status >= 500 && r.Context().Err() == nil { // else the caller went away
			s.Log.Warn("request failed", "method", r.Method, "path", r.URL.Path, "status", rec.status)
		}
	})
}

type recorder struct {
	http.ResponseWriter
	status int
}

func (r *recorder) WriteHeader(status int) {
	r.status = status
	r.ResponseWriter.WriteHeader(status)
}

// Unwrap lets http.ResponseController reach deadlines and flushing.
func (r *recorder) Unwrap() http.ResponseWriter { return r.ResponseWriter }
