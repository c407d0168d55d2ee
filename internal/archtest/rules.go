// Package archtest holds the shape of the code: which package may import which, and why.
// When a rule is in the way, argue with its reason and change the rule; don't go
// around it.
package archtest

import (
	"path"
	"slices"
	"strings"
)

// Module is the path of the root module.
const Module = "github.com/muster-dr/muster"

// Rule says what packages may not import. Patterns are paths below the module, or whole
// import paths for what is outside; a trailing /... also means everything below, and *
// stands for one element.
type Rule struct {
	Packages []string
	Except   []string
	// Only, unless nil, lists the packages of this module that may be imported; the
	// package's own subtree is allowed unless Never says otherwise.
	Only []string
	// Never lists imports that are forbidden, in this module or outside.
	Never []string
	Why   string
	// Tests says that the rule holds for _test.go files too.
	Tests bool
}

// world is what touches the machine, the network or the clock's surroundings.
var world = []string{"net", "net/...", "os", "os/...", "database/...", "syscall", "crypto/rand", "math/rand", "math/rand/v2",
	"log", "log/slog", "path/filepath", "io/ioutil", "sync", "sync/..."}

// Rules is the table of the design: arrows point one way, from cmd to internal/cli and
// internal/app, to everything else, to internal/run.
func Rules() []Rule {
	return []Rule{
		{Packages: []string{"internal/run"}, Only: []string{}, Never: append([]string{"go.temporal.io/...", "github.com/..."}, world...),
			Why: "the words of a run are spoken by every package, so they depend on nothing but the standard library and do nothing"},
		{Packages: []string{"internal/plan"}, Only: []string{"internal/run"}, Never: append([]string{"go.temporal.io/..."}, world...),
			Why: "the frozen plan lies in every history for ever: it is data, and may not drag code along"},
		{Packages: []string{"internal/scheduler", "internal/objective"}, Only: []string{"internal/run", "internal/plan"}, Never: append([]string{"go.temporal.io/..."}, world...),
			Why: "pure functions: what may start, and what was achieved, must come out the same from the same input anywhere"},
		{Packages: []string{"internal/calendar"}, Only: []string{"internal/run", "internal/plan"}, Never: append([]string{"go.temporal.io/..."}, world...),
			Why: "when something is due must come out the same from the same rule anywhere, on any day it is asked"},
		{Packages: []string{"internal/programme"}, Never: append([]string{"workflows/...", "activities/...", "internal/journal", "internal/api", "internal/app", "internal/cli", "go.temporal.io/..."}, world[:5]...),
			Why: "the yearly plan is read and computed with, here and in every copy; starting and asking is for others"},
		{Packages: []string{"internal/expr"}, Only: []string{"internal/run", "internal/plan", "internal/nearest", "internal/i18n"}, Never: append([]string{"go.temporal.io/..."}, world[:5]...),
			Why: "expressions are evaluated on site workers and under replay: no clock, no network, no engine"},

		{Packages: []string{"workflows/..."}, Only: []string{"workflows", "internal/run", "internal/plan", "internal/scheduler", "internal/expr", "internal/objective", "internal/i18n"},
			Never: append([]string{"go.temporal.io/sdk/client", "go.temporal.io/sdk/activity", "go.temporal.io/server/..."}, world...),
			Why:   "what runs under replay touches no clock, network, file or random source; effects are activities, called by name"},

		{Packages: []string{"activities"}, Never: []string{"workflows/...", "activities/...", "internal/cli", "internal/app", "internal/api", "internal/journal", "go.temporal.io/sdk/workflow", "go.temporal.io/sdk/client"},
			Why: "what an action is may not know what runs it, who calls it or which actions there are"},
		{Packages: []string{"activities/*"}, Except: []string{"activities/all", "activities/record", "activities/probe", "activities/temporal"},
			Never: []string{"workflows/...", "activities/*", "internal/cli", "internal/app", "internal/api", "internal/journal", "go.temporal.io/sdk/workflow", "go.temporal.io/sdk/client"},
			Why:   "a family of actions stands alone: it knows its target, never a sibling, the engine's client or the record store"},
		{Packages: []string{"activities/probe"}, Never: []string{"workflows/...", "activities/*", "internal/cli", "internal/app", "internal/api", "internal/journal", "go.temporal.io/sdk/workflow"},
			Why: "a probe is the outside view: it shares nothing with the actions it judges (its one client is for telling the run what changed)"},
		{Packages: []string{"activities/temporal"}, Never: []string{"workflows/...", "activities/*", "internal/cli", "internal/app", "internal/api", "internal/journal", "go.temporal.io/sdk/workflow"},
			Why: "the engine is this family's target, so it has the engine's client; else it stands alone as the others do"},
		{Packages: []string{"..."}, Except: []string{"activities/all", "internal/app", "internal/cli/...", "internal/demo", "internal/api", "bench/...", "internal/scenario", "internal/doctor", "internal/cases"}, Never: []string{"activities/all"},
			Why: "the list of what is compiled in is for those who wire the program together"},

		{Packages: []string{"internal/estate", "internal/runbook", "internal/scenario"},
			Never: []string{"activities/*", "workflows/...", "go.temporal.io/...", "internal/journal", "internal/cli", "internal/app", "internal/api", "net", "net/http", "os/exec", "database/..."},
			Why:   "files are checked and compiled without reaching anything; actions are known through the catalog only"},
		{Packages: []string{"internal/journal"}, Never: []string{"workflows/...", "activities/...", "go.temporal.io/...", "internal/report", "internal/cli", "internal/app", "internal/api"},
			Why: "records outlive the engine: the store knows events and plans and nothing of what made them"},
		{Packages: []string{"internal/report"}, Never: append([]string{"internal/journal", "workflows/...", "activities/...", "go.temporal.io/...", "internal/app", "internal/api"}, world[:5]...),
			Why: "a report is a pure function of a journal and its plan: the same bytes on any copy, without asking anything"},
		{Packages: []string{"internal/outcome"}, Only: []string{"internal/journal", "internal/report", "internal/plan", "internal/run"}, Never: []string{"net", "net/...", "os", "os/..."},
			Why: "what a run came to is made from its record alone, so that it can be made again and comes out the same"},
		{Packages: []string{"internal/evidence"}, Only: []string{"internal/run", "internal/plan", "internal/report", "internal/i18n"},
			Never: []string{"go.temporal.io/...", "github.com/transparency-dev/tessera/...", "net", "net/...", "os", "os/...", "database/..."},
			Why:   "whoever verifies evidence has the bundle and a public key and nothing else: no server, no file beside it, no network"},
		{Packages: []string{"internal/evidence/keep"}, Never: []string{"workflows/...", "activities/...", "go.temporal.io/...", "internal/api", "internal/app", "internal/cli"},
			Why: "evidence outlives the engine and the server that made it; no run waits for it"},
		{Packages: []string{"internal/forecast"}, Only: []string{"internal/run", "internal/plan", "internal/outcome", "internal/journal"},
			Never: []string{"net", "net/...", "os", "os/...", "database/...", "syscall", "crypto/rand", "math/rand", "log", "log/slog", "time", "go.temporal.io/..."},
			Why:   "a forecast follows from the plan and what past runs came to, its dice included: the same question has the same answer anywhere"},
		{Packages: []string{"internal/pdf"}, Only: []string{}, Never: append([]string{"go.temporal.io/..."}, world[:5]...),
			Why: "pages are set from what they are given, in fonts that they are given: the same bytes anywhere"},
		{Packages: []string{"internal/sheet"}, Only: []string{"internal/i18n", "internal/plan", "internal/run", "internal/pdf"}, Never: append([]string{"go.temporal.io/..."}, world[:5]...),
			Why: "how a document is set may not depend on what it says"},
		{Packages: []string{"internal/overview"}, Never: append([]string{"internal/journal", "workflows/...", "go.temporal.io/...", "internal/api", "internal/app", "internal/cli"}, world[:5]...),
			Why: "pages over many runs are pure functions of what the runs came to: the same wherever they are made"},
		{Packages: []string{"internal/intake"}, Only: []string{"internal/run", "internal/plan", "internal/nearest", "internal/yamldoc"}, Never: append([]string{"go.temporal.io/..."}, world[:5]...),
			Why: "a file from outside is read from its bytes alone: what it comes to is written, and checked, by who called for it"},
		{Packages: []string{"..."}, Except: []string{"internal/intake"}, Never: []string{"github.com/xuri/excelize/..."},
			Why: "spreadsheets come in at one door, which bounds what they unpack to"},
		{Packages: []string{"internal/book"}, Never: []string{"workflows/...", "go.temporal.io/...", "internal/journal", "internal/api", "internal/app", "net", "net/http", "database/..."},
			Why: "what is used when all else is dark is made from the plan files alone, without a server or a record"},
		{Packages: []string{"internal/dnsname"}, Only: []string{}, Never: world,
			Why: "the name that an action updates is the one that the book prints, made without asking anybody"},
		{Packages: []string{"internal/alarm/jma"}, Only: []string{"internal/plan"}, Never: append([]string{"go.temporal.io/..."}, world...),
			Why: "a telegram is read without reaching anything: what it means for whom is a rule's"},
		{Packages: []string{"internal/alarm"}, Never: []string{"workflows/...", "activities/...", "go.temporal.io/...", "internal/api", "internal/app", "internal/cli"},
			Why: "an alarm acts through the door that everybody uses, which is given to it; it knows no engine"},
		{Packages: []string{"internal/engine"}, Never: []string{"workflows/...", "activities/...", "internal/journal", "internal/cli", "internal/app"},
			Why: "the engine is a child process to be run and watched; it need not know what runs on it"},
		{Packages: []string{"internal/keyring"}, Only: []string{"internal/plan"}, Never: []string{"os", "os/...", "net", "net/...", "go.temporal.io/sdk/client"},
			Why: "what encrypts is given its keys and what it encrypts; where they are kept and who asks is for others"},
		{Packages: []string{"internal/watch"}, Never: []string{"go.temporal.io/...", "activities/..."},
			Why: "what a person sees comes from the server's API, as everybody else gets it"},

		{Packages: []string{"..."}, Except: []string{"cmd/muster"}, Never: []string{"internal/cli"}, Tests: true,
			Why: "the command line is the outermost layer"},
		{Packages: []string{"..."}, Except: []string{"internal/cli/...", "internal/demo", "bench/..."}, Never: []string{"internal/app"},
			Why: "processes are put together in one place, by the commands"},
		{Packages: []string{"cmd/muster"}, Only: []string{"internal/cli"}, Never: []string{"github.com/...", "go.uber.org/..."},
			Why: "main is one line, so that everything else can be tested"},
		{Packages: []string{"cmd/muster-witness"}, Only: []string{}, Never: []string{"github.com/jackc/..."},
			Why: "a witness that shared code or a driver with the probes could only repeat their mistakes"},
		{Packages: []string{"scenarios", "runbooks"}, Only: []string{}, Never: []string{"os", "net/..."},
			Why: "shipped plan files are data"},

		{Packages: []string{"..."}, Never: []string{"go.temporal.io/server/...", "github.com/temporalio/ui-server/..."}, Tests: true,
			Why: "the engine is built from its own module, so that the production binary carries the SDK only"},
		{Packages: []string{"..."}, Never: []string{"github.com/aws/...", "cloud.google.com/...", "google.golang.org/api/...", "github.com/Azure/..."}, Tests: true,
			Why: "the clouds' libraries are in a module and a program of their own, which ends when it has answered; what stays carries none of them"},
		{Packages: []string{"..."}, Except: []string{"internal/pgtest", "internal/*/*test", "internal/*test", "activities/*test"},
			Never: []string{"testing", "internal/pgtest", "internal/temporaltest", "internal/*/*test", "pgregory.net/rapid", "go.uber.org/goleak", "github.com/rogpeppe/go-internal/testscript"},
			Why:   "test support is not shipped"},
		{Packages: []string{"..."}, Never: []string{"github.com/pkg/errors", "github.com/sirupsen/logrus", "io/ioutil"}, Tests: true,
			Why: "the standard library does this: errors, log/slog, io and os"},
		{Packages: []string{"..."}, Except: []string{"activities/etcd", "internal/etcdtest"}, Never: []string{"go.uber.org/zap"}, Tests: true,
			Why: "log/slog does this; etcd's client takes its logger in no other form, and is told to be quiet"},
	}
}

// Import is one import of one package, with the place it is written at.
type Import struct {
	Package string // below the module; "." is its root
	Path    string // as written
	Place   string // file:line
	Test    bool   // in a _test.go file
}

// Broken is an import that a rule forbids.
type Broken struct {
	Import
	Why string
}

// Check returns the imports that break a rule, in order of the imports.
func Check(imports []Import, rules []Rule) []Broken {
	var out []Broken
	for _, imp := range imports {
		for _, r := range rules {
			if imp.Test && !r.Tests || !matchesAny(r.Packages, imp.Package) || matchesAny(r.Except, imp.Package) {
				continue
			}
			if r.forbids(imp) {
				out = append(out, Broken{imp, r.Why})
			}
		}
	}
	return out
}

func (r Rule) forbids(imp Import) bool {
	target, own := imp.Path, false
	if rest, ok := strings.CutPrefix(imp.Path, Module+"/"); ok {
		target, own = rest, true
	}
	if target == imp.Package { // an external test of it
		return false
	}
	below := strings.HasPrefix(target, imp.Package+"/")
	if own && r.Only != nil && !below && !matchesAny(r.Only, target) {
		return true
	}
	return matchesAny(r.Never, target)
}

func matchesAny(patterns []string, name string) bool {
	return slices.ContainsFunc(patterns, func(p string) bool { return matches(p, name) })
}

func matches(pattern, name string) bool {
	if pattern == "..." {
		return true
	}
	tree, below := strings.CutSuffix(pattern, "/...")
	if ok, err := path.Match(tree, name); err != nil || ok {
		return ok // a malformed pattern matches nothing; the test of the patterns finds it
	}
	if !below {
		return false
	}
	depth := strings.Count(tree, "/") + 1
	parts := strings.Split(name, "/")
	if len(parts) <= depth {
		return false
	}
	ok, err := path.Match(tree, strings.Join(parts[:depth], "/"))
	return err == nil && ok
}
