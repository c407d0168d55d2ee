package scenario

import (
	"context"

	"github.com/muster-dr/muster/activities"
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/run"
)

// catalog is a small set of actions of every sort. The shipped files are checked
// against the real one.
func catalog() *activities.Registry {
	r := activities.NewRegistry()
	r.AddTargets(activities.DefineTarget[server]("db", plan.Text{EN: "A database server."}), activities.DefineTarget[site]("web", plan.Text{EN: "A web site."}).OnTheMachine())
	doc := func(effect run.Effect) activities.Doc {
		return activities.Doc{Summary: "For tests.", SummaryJA: "試験用。", Effect: effect}
	}
	human := doc(run.Observe)
	human.Human = true
	fenced := doc(run.Disrupt)
	fenced.After = "db.fence"
	read := doc(run.Observe)
	read.Repeatable = true
	loading := doc(run.Observe)
	loading.Load = true
	r.Add(
		activities.Define("db.kill", doc(run.Disrupt), act[one, moved], look[one]()),
		activities.Define("db.start", doc(run.Disrupt), act[one, moved], look[one]()),
		activities.Define("db.fence", doc(run.Disrupt), act[one, moved], look[one]()),
		activities.Define("db.promote", fenced, act[promote, moved], look[promote]()),
		activities.Define("db.rejoin", doc(run.Destroy), act[rejoin, moved], look[rejoin]()),
		activities.Define("db.clone", doc(run.Isolated), act[one, moved], look[one]()),
		activities.Define("db.status", read, act[one, status]),
		activities.Define("db.one_writer", read, act[many, moved]),
		activities.Define("exec.run", doc(run.Disrupt), act[command, moved]),
		activities.Define("exec.check", read, act[command, given]),
		activities.Define("human.task", human, act[ask, nothing]),
		activities.Define("notify.send", doc(run.Observe), act[message, nothing]),
		activities.Define("web.restart", doc(run.Disrupt), act[restart, nothing], look[restart]()),
		activities.DefineProbe("probe.db", doc(run.Observe), watch[one]),
		activities.DefineProbe("probe.mail", doc(run.Observe), watch[letter]),
		activities.DefineProbe("probe.web", doc(run.Observe), watch[url]),
		activities.DefineProbe("probe.load", loading, watch[load]),
	)
	return r
}

func act[P, R any](context.Context, P) (R, error) { var r R; return r, nil }

func look[P any]() activities.Option[P] {
	return activities.Look(func(context.Context, P) (activities.Seen, error) { return activities.Seen{}, nil })
}

func watch[P any](context.Context, plan.Watch, P) (run.Observations, error) {
	return run.Observations{}, nil
}

type (
	server struct {
		Host     string            `json:"host" help:"Address."`
		Port     int               `json:"port" help:"Port." default:"5432"`
		Password activities.Secret `json:"password" help:"Password." default:""`
		TLS      string            `json:"tls" help:"Encryption." default:"on" enum:"on,off"`
	}
	site struct {
		URL string `json:"url" help:"Address."`
	}
	restart struct {
		Site activities.Target[site] `json:"site" kind:"web" help:"The site."`
	}
	one struct {
		Server activities.Target[server] `json:"server" kind:"db" help:"The server."`
	}
	load struct {
		Rate     int          `json:"rate" help:"Requests a second."`
		Duration run.Duration `json:"duration" help:"How long." default:"1s"`
		Every    run.Duration `json:"every" help:"How often." default:"10s"`
		Baseline *rate        `json:"baseline" help:"Normal." default:""`
	}
	letter struct {
		To string `json:"to" help:"Address." form:"mail"`
	}
	rate struct {
		Rate float64 `json:"rate" help:"Answers a second."`
	}
	many struct {
		Servers []activities.Target[server] `json:"servers" kind:"db" help:"The servers."`
	}
	promote struct {
		Server activities.Target[server] `json:"server" kind:"db" help:"The server."`
		MaxLag run.Bytes                 `json:"max_lag" help:"How far behind it may be." default:"0B"`
		Wait   run.Duration              `json:"wait" help:"How long it may take." default:"60s"`
		Tries  int                       `json:"tries" help:"How often to look." default:"3"`
		Force  bool                      `json:"force" help:"Even when behind." default:"false"`
	}
	rejoin struct {
		Server activities.Target[server] `json:"server" kind:"db" help:"The server."`
		Follow activities.Target[server] `json:"follow" kind:"db" help:"The primary."`
	}
	command struct {
		Command  []string          `json:"command" help:"Program and arguments."`
		Env      map[string]string `json:"env" help:"Environment." default:""`
		Input    any               `json:"input" help:"Given to it as JSON." default:""`
		Password activities.Secret `json:"password" help:"Password." default:""`
		Ratio    float64           `json:"ratio" help:"Share." default:"0.5"`
		Results  map[string]string `json:"results" gives:"json,stdout" help:"Results." default:""`
	}
	given struct {
		Results map[string]any `json:"results" help:"What was asked for."`
	}
	url struct {
		URL    string `json:"url" help:"Address."`
		Expect string `json:"expect" over:"status,json" help:"Condition." default:""`
	}
	ask struct {
		Text any `json:"text" help:"What to do."`
	}
	message struct {
		To   []string `json:"to" help:"Roles."`
		Text string   `json:"text" help:"What to say."`
	}
	moved struct {
		Server   string  `json:"server" help:"The server."`
		Timeline int     `json:"timeline" help:"Timeline."`
		Lag      float64 `json:"lag" help:"In seconds."`
	}
	status struct {
		Role     string   `json:"role" help:"What it is."`
		Standbys []string `json:"standbys" help:"Who follows."`
	}
	tool struct {
		Effect string `json:"effect" help:"What it does." default:"destroy" enum:"observe,isolated,disrupt,destroy"`
	}
	nothing struct{}
)
