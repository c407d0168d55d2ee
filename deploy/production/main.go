// Command production sets up a whole installation as in production on this one machine, runs the
// demo's drill through it, shows the report and ends everything: `make production`. With -self it is
// kept by a systemd and drills itself: `make self-drill`.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"

	"github.com/muster-dr/muster/internal/demo"
	"github.com/muster-dr/muster/internal/i18n"
	"github.com/muster-dr/muster/internal/production"
)

func main() {
	lang := os.Getenv("MUSTER_LANG")
	if lang == "" {
		lang = os.Getenv("LANG")
	}
	o := demo.Options{Out: os.Stdout, Talk: os.Stderr}
	dir := ".muster-production"
	if os.Geteuid() == 0 { // its users have to pass
		dir = "/var/tmp/muster-production"
	}
	bin := flag.String("bin", "bin", "folder of muster, muster-witness and reference/temporal-server")
	flag.StringVar(&o.Dir, "dir", dir, "folder of the installation")
	flag.BoolVar(&o.Interactive, "keep", false, "leave it up, for people to play the roles, until Ctrl-C")
	flag.StringVar(&lang, "lang", lang, "en or ja")
	self := flag.String("self", "", "instead, a drill of muster itself, whose own parts are killed under a systemd of its own: self-drill or self-site-loss")
	flag.Parse()
	o.Lang = i18n.Parse(lang)
	if err := start(o, *bin, *self); err != nil {
		fmt.Fprintln(os.Stderr, "production:", err)
		os.Exit(1)
	}
}

func start(o demo.Options, bin, self string) error {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	bin, err := filepath.Abs(bin)
	if err != nil {
		return err
	}
	if self != "" {
		return drillSelf(ctx, o, bin, self)
	}
	programs, err := Programs(bin)
	if err != nil {
		return err
	}
	o.Binary = filepath.Join(bin, "muster")
	o.Install = func(ctx context.Context, p demo.Place) (demo.Installation, error) {
		i, err := production.Start(ctx, p, programs)
		if err != nil {
			return nil, err
		}
		return i, nil
	}
	return demo.Run(ctx, o)
}

// Programs finds what is not muster's own.
func Programs(bin string) (production.Binaries, error) {
	p := production.Binaries{Temporal: filepath.Join(bin, "reference", "temporal-server"), SchemaTool: filepath.Join(bin, "reference", "temporal-sql-tool"),
		Alerts: filepath.Join(bin, "..", "deploy", "prometheus", "alerts.yaml")}
	for _, f := range []string{p.Temporal, p.SchemaTool} {
		if _, err := os.Stat(f); err != nil {
			return p, fmt.Errorf("%s is not there: make temporal", f)
		}
	}
	var err error
	if p.Prometheus, err = exec.LookPath("prometheus"); err != nil {
		return p, errors.New("prometheus is not in PATH: make servers, or install the package prometheus")
	}
	return p, nil
}
