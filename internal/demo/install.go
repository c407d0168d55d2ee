package demo

import (
	"context"
	"path/filepath"

	"github.com/muster-dr/muster/internal/api"
	"github.com/muster-dr/muster/internal/i18n"
)

// Installation is another way to run muster than `muster up`, with a worker for tokyo and one for
// osaka, through which the drill goes.
type Installation interface {
	// Client is one of its server.
	Client() *api.Client
	// WhileUp is a context that ends, with the reason, when a part of it is gone for good.
	WhileUp(context.Context) (context.Context, context.CancelFunc)
	// Seal is the folder in which the server keeps the key of the evidence.
	Seal() string
	// Judge says, after the drill, what became of the parts that no report speaks of.
	Judge(context.Context) (lines []string, err error)
	// Stop ends every process of it.
	Stop(context.Context) error
}

// Place is what an installation is made in and for.
type Place struct {
	Dir    string // of the demo; the installation makes folders of its own in it
	Plans  string
	Binary string // muster
	Person string // who commands act as
	Reader string // somebody who may act in nothing, for programs that only read
	RunAs  string // PostgreSQL's service user; "" is this process's
	Lang   i18n.Lang
	Say    func(en, ja string, args ...any)
}

// startMuster brings muster up, in one way or the other.
func (d *demo) startMuster(ctx context.Context) (err error) {
	if d.Install != nil {
		d.muster, err = d.Install(ctx, Place{Dir: d.dir, Plans: d.path(plansDir), Binary: d.Binary, Person: d.person, Reader: d.reader,
			RunAs: d.cluster.pair.Primary.RunAs, Lang: d.Lang, Say: d.say})
		if err == nil {
			d.client = d.muster.Client()
		}
		return err
	}
	d.say("starting muster: engine, server and a worker for each site", "muster（エンジン、サーバー、各拠点のワーカー）を起動しています")
	if d.up, err = d.startServer(ctx); err == nil {
		d.client = d.up.client(d.Lang)
	}
	return err
}

func (d *demo) whileUp(ctx context.Context) (context.Context, context.CancelFunc) {
	if d.muster != nil {
		return d.muster.WhileUp(ctx)
	}
	return d.up.whileUp(ctx)
}

func (d *demo) seal() string {
	if d.muster != nil {
		return d.muster.Seal()
	}
	return filepath.Join(d.dir, "seal")
}
