// Package demo is the first thing a newcomer sees: a whole drill on two real PostgreSQL
// servers of its own, with an independent witness, everything in one folder. People
// are simulated, and the report says so.
package demo

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/muster-dr/muster/internal/api"
	"github.com/muster-dr/muster/internal/child"
	"github.com/muster-dr/muster/internal/i18n"
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/run"
	"github.com/muster-dr/muster/internal/watch"
)

// Scenario is the shipped scenario that the demo runs.
const Scenario = "demo-tokyo-loss"

// Folder is where the demo lies unless $MUSTER_DATA or a flag says otherwise.
const Folder = ".muster-demo"

// Names of what a demo leaves in its folder.
const (
	ReportJSON     = "report.json"
	ReportHTML     = "report.html"
	ReportMarkdown = "report.md"
	ReportText     = "report.txt"
	ClientLog      = "client.csv"   // of the witness
	WitnessCheck   = "witness.json" // what the witness found, beside the report's figures
	ServerLog      = "muster.log"
	WitnessLog     = "witness.log"
	Bundle         = "evidence.zip" // of the run, and the key that it is verified with
	BundleKey      = "evidence.pub"
	Settings       = "muster.yaml" // for the commands: MUSTER_CONFIG=<folder>/muster.yaml
)

// Options of a demo.
type Options struct {
	Dir         string // "" is Folder
	Interactive bool   // people are real: everything stays up until ctx ends
	Lang        i18n.Lang
	Out         io.Writer // the verdict and where the report is
	Talk        io.Writer // what goes on meanwhile
	// Screen gives the size of the terminal behind Talk; nil when it is none.
	Screen func() (width, height int)
	Color  bool
	// Install is how muster is installed; nil is `muster up`. What it started it ends itself when
	// it returns an error.
	Install func(context.Context, Place) (Installation, error)
	// Meanwhile is done while the drill runs; its error is the demo's. nil is nothing.
	Meanwhile func(ctx context.Context, c *api.Client, run string) error
	// Binary is muster itself, "" the program that runs now. The witness and the engine
	// lie beside it.
	Binary string
	// Tolerance is how far the report's RTO may be from the longest time in which the witness got nothing
	// written; 0 is half a second.
	Tolerance time.Duration
}

// VerdictError says that the drill ended and its verdict was not "met".
type VerdictError struct{ Verdict run.Verdict }

func (e *VerdictError) Error() string { return fmt.Sprintf("the drill's verdict is %s", e.Verdict) }

// demo is one execution: what runs, and what it is told to say.
type demo struct {
	Options
	layout
	cluster cluster
	up      *server
	muster  Installation // the one that Install made
	witness *child.Process
	client  *api.Client
	person  string // who starts the drill
	reader  string // who may act in nothing
}

// Run makes everything, runs the drill and puts it all away again: no process is left,
// whatever happened. The error is a *VerdictError when the drill was not met. With
// Interactive it returns nil when ctx ends.
func Run(ctx context.Context, o Options) (err error) {
	if o.Dir == "" {
		o.Dir = Folder
	}
	if o.Binary == "" {
		if o.Binary, err = os.Executable(); err != nil {
			return err
		}
	}
	// Whatever asks the demo to end, it puts everything away first.
	ctx, cancel := untilStopped(ctx)
	defer cancel()
	d := &demo{Options: o}
	unlock, err := d.prepare(ctx)
	if err != nil {
		return err
	}
	defer unlock()
	defer func() {
		left := d.stop(context.WithoutCancel(ctx))
		if by := new(StoppedError); err != nil && errors.As(context.Cause(ctx), &by) {
			err = by // what was under way failed for it
		}
		err = errors.Join(err, left)
	}()

	if err := d.start(ctx); err != nil {
		return err
	}
	if o.Interactive {
		return d.play(ctx)
	}
	return d.drill(ctx)
}

// StoppedError says that somebody, or the machine, asked the demo to end before its drill had.
type StoppedError struct{ Signal syscall.Signal }

func (e *StoppedError) Error() string { return e.Said().EN }

// Said is the reason in both languages.
func (e *StoppedError) Said() plan.Text {
	return plan.Say("interrupted (%s)", "中断しました（%s）", unix.SignalName(e.Signal))
}

// untilStopped ends a context at SIGTERM and SIGHUP; its cause is then a *StoppedError.
func untilStopped(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancelCause(ctx)
	asked := make(chan os.Signal, 1)
	signal.Notify(asked, syscall.SIGTERM, syscall.SIGHUP)
	go func() {
		select {
		case s := <-asked:
			cancel(&StoppedError{s.(syscall.Signal)})
		case <-ctx.Done():
		}
	}()
	return ctx, func() { signal.Stop(asked); cancel(nil) }
}

// say tells what goes on.
func (d *demo) say(en, ja string, args ...any) {
	_, _ = fmt.Fprintln(d.Talk, d.Lang.T(en, ja, args...))
}

// start brings up the servers, muster and the witness, in this order: the witness sees
// a system that has been in service for a while.
func (d *demo) start(ctx context.Context) (err error) {
	d.say("making two PostgreSQL servers, tokyo and osaka, in %s", "PostgreSQLサーバー2台（tokyo・osaka）を %s に作成しています", d.dir)
	if d.cluster, err = d.createCluster(ctx); err != nil {
		return err
	}
	if d.person, err = d.writePlans(); err != nil {
		return err
	}
	if err := d.startMuster(ctx); err != nil {
		return err
	}
	d.say("starting the witness, who writes to the database every 50 ms and logs it", "立会い用の書き込みクライアント（50ミリ秒ごとに書き込み、記録）を起動しています")
	d.witness, err = d.startWitness(ctx)
	return err
}

// drill starts the scenario, shows it, writes the reports and compares them with what
// the witness saw.
func (d *demo) drill(ctx context.Context) error {
	ctx, done := d.whileUp(ctx)
	defer done()
	started, err := d.client.Start(ctx, api.StartRequest{Scenario: Scenario, Kind: run.Drill, By: d.person, Reason: "demonstration"})
	if err != nil {
		return explain(ctx, d.Lang.T("start the drill", "訓練の開始"), err)
	}
	meanwhile := make(chan error, 1)
	go func() {
		if d.Meanwhile == nil {
			meanwhile <- nil
			return
		}
		meanwhile <- d.Meanwhile(ctx, d.client, started.Run)
	}()
	if _, err := watch.Run(ctx, d.client, started.Run, watch.Options{Out: d.Talk, Lang: d.Lang, Screen: d.Screen, Color: d.Color}); err != nil {
		return explain(ctx, d.Lang.T("watch the drill", "訓練の観察"), err)
	}
	if err := <-meanwhile; err != nil {
		return err
	}
	rep, err := d.writeReports(ctx, started.Run)
	if err != nil {
		return err
	}
	seen, err := d.closeWitness(ctx)
	if err != nil {
		return err
	}
	found, err := compare(d.Lang, rep, seen, cmp.Or(d.Tolerance, tolerance))
	if err != nil {
		return err
	}
	if err := found.write(d.path(WitnessCheck)); err != nil {
		return err
	}
	if err := d.writeEvidence(ctx, started.Run); err != nil {
		return err
	}
	_, err = fmt.Fprintf(d.Out, "\n%s\n%s\n\n%s\n%s\n", verdicts(d.Lang, rep), found.describe(d.Lang), d.Lang.T(
		"report: %s (beside it report.txt, report.json, report.md and client.csv)", "報告書: %s（同じ場所に report.txt、report.json、report.md、client.csv）", d.path(ReportHTML)),
		d.Lang.T("evidence, which verifies anywhere without a server: muster verify %[1]s --key %[2]s", "証拠（サーバーなしでどこでも検証可能）: muster verify %[1]s --key %[2]s", d.path(Bundle), d.path(BundleKey)))
	if err != nil {
		return err
	}
	if d.muster != nil {
		lines, err := d.muster.Judge(ctx)
		for _, line := range lines {
			_, _ = fmt.Fprintln(d.Out, line)
		}
		if err != nil {
			return err
		}
	}
	switch {
	case rep.Run.Verdict != run.Met:
		return &VerdictError{rep.Run.Verdict}
	case len(found.Disagreements) > 0:
		return errors.New(d.Lang.T("the report and the witness disagree: %s; %s holds both", "報告書と立会いの記録が一致しません：%s。両方の内容は %s にあります", strings.Join(found.Disagreements, "; "), d.path(WitnessCheck)))
	}
	return nil
}

// stop ends what was started, in the reverse order, and looks that nothing is left.
func (d *demo) stop(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 60*time.Second)
	defer cancel()
	var errs []error
	if d.client != nil {
		d.client.Close()
	}
	if d.witness != nil {
		errs = append(errs, d.witness.End(ctx))
	}
	if d.up != nil {
		errs = append(errs, d.up.stop(ctx))
	}
	if d.muster != nil {
		errs = append(errs, d.muster.Stop(ctx))
	}
	if d.cluster.pair != nil {
		errs = append(errs, d.cluster.pair.Stop(ctx))
	}
	errs = append(errs, endAll(ctx, d.dir, d.cluster.dir))
	return errors.Join(errs...)
}

// explain adds what was tried. What ended ctx says more than that it has ended.
func explain(ctx context.Context, doing string, err error) error {
	if cause := context.Cause(ctx); cause != nil {
		err = cause
	}
	return fmt.Errorf("%s: %w", doing, err)
}

func (d *demo) beside(name string) (string, error) {
	p := filepath.Join(filepath.Dir(d.Binary), name)
	if _, err := os.Stat(p); err != nil {
		return "", errors.New(d.Lang.T("%[1]s is not beside %[2]s: run `make build`", "%[2]s と同じフォルダーに %[1]s がありません。`make build` を実行してください", name, d.Binary))
	}
	return p, nil
}
