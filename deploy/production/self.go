package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/muster-dr/muster/internal/api"
	"github.com/muster-dr/muster/internal/demo"
	"github.com/muster-dr/muster/internal/ownsystemd"
	"github.com/muster-dr/muster/internal/production"
	"github.com/muster-dr/muster/internal/report"
	"github.com/muster-dr/muster/internal/run"
	"github.com/muster-dr/muster/internal/watch"
)

// drillSelf sets an installation up, hands it to a systemd of its own and holds a drill of muster itself on it: its
// own parts are killed, and the report says in what time each was back.
func drillSelf(ctx context.Context, o demo.Options, bin, scenario string) (err error) {
	say := func(en, ja string, args ...any) { _, _ = fmt.Fprintln(o.Talk, o.Lang.T(en, ja, args...)) }
	programs, err := Programs(bin)
	if err != nil {
		return err
	}
	dir, err := filepath.Abs(o.Dir + "-self")
	if err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	say("starting a systemd of its own", "専用のsystemdを起動しています")
	systemd, err := ownsystemd.Start(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, systemd.Close()) }()
	home, err := os.MkdirTemp(dir, "installation-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(home)) }()
	place := demo.Place{Dir: home, Plans: filepath.Join(home, "plans"), Binary: filepath.Join(bin, "muster"), Person: "tanaka", Reader: "suzuki", Lang: o.Lang, Say: say}
	if os.Geteuid() == 0 { // PostgreSQL refuses root, and its user has to pass
		place.RunAs = "postgres"
	}
	if err := os.Chmod(home, 0o711); err != nil {
		return err
	}
	k, err := production.StartKept(ctx, place, programs, systemd, filepath.Dir(bin))
	if err != nil {
		return err
	}
	defer func() {
		last, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Minute)
		defer cancel()
		err = errors.Join(err, k.Stop(last))
	}()
	started, err := k.Client().Start(ctx, api.StartRequest{Scenario: scenario, Kind: run.Drill, By: place.Person, Reason: "make self-drill"})
	if err != nil {
		return err
	}
	if _, err := watch.Run(ctx, k.Client(), started.Run, watch.Options{Out: o.Talk, Lang: o.Lang}); err != nil {
		return err
	}
	var rep report.Report
	for _, f := range []struct{ format, ext string }{{"json", "json"}, {"html", "html"}, {"markdown", "md"}, {"text", "txt"}} {
		b, err := k.Client().Report(ctx, started.Run, f.format, string(o.Lang))
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(dir, "report."+f.ext), b, 0o644); err != nil {
			return err
		}
		if f.format == "json" {
			if err := json.Unmarshal(b, &rep); err != nil {
				return err
			}
		}
	}
	for _, x := range rep.Systems {
		took := "-"
		if x.RTO.ActualS != nil {
			took = o.Lang.Span(*x.RTO.ActualS)
		}
		_, _ = fmt.Fprintf(o.Out, "%-24s RTO %-12s %s\n", x.ID, took, o.Lang.Verdict(x.RTO.Verdict))
	}
	_, _ = fmt.Fprintln(o.Out, o.Lang.T("report: %s", "報告書：%s", filepath.Join(dir, "report.html")))
	if o.Interactive {
		say("it stays up until Ctrl-C; the board is at %s, and plan files lie in %s", "Ctrl-C を押すまで稼働します。ボード：%s、計画ファイル：%s", k.URL(), k.Plans)
		<-ctx.Done()
	}
	if rep.Run.Verdict != run.Met {
		return &demo.VerdictError{Verdict: rep.Run.Verdict}
	}
	return nil
}
