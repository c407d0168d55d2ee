package app

import (
	"context"
	"net"

	"go.temporal.io/sdk/client"

	"github.com/muster-dr/muster/internal/gateway"
	"github.com/muster-dr/muster/internal/i18n"
)

// gatewayDoor is the gateway of `muster up` before it serves; nil is none.
type gatewayDoor struct {
	ln   net.Listener
	opts gateway.Options
}

// openGateway takes the gateway's address early, so that a mistake is told before
// anything has started.
func openGateway(ctx context.Context, l i18n.Lang, o Options) (*gatewayDoor, error) {
	if o.Config.Gateway.Listen == "" {
		return nil, nil
	}
	a, err := gateway.OpenAuthority(o.Config.GatewayDir())
	if err != nil {
		return nil, &Trouble{What: l.T("the gateway can't be opened", "ゲートウェイを開けません"), Err: spoken{l, err}}
	}
	ln, err := (&net.ListenConfig{}).Listen(ctx, "tcp", o.Config.Gateway.Listen)
	if err != nil {
		return nil, &Trouble{What: l.T("the gateway can't listen at %s", "ゲートウェイが %s で待ち受けできません", o.Config.Gateway.Listen), Err: spoken{l, err},
			WayOut: l.T("End what listens there, or choose another address as gateway.listen", "そのアドレスを使っているプロセスを終了するか、gateway.listenに別のアドレスを指定してください")}
	}
	log := o.Log.With("component", "gateway")
	return &gatewayDoor{ln: ln, opts: gateway.Options{TLS: a.Server(o.Config.GatewayNames(), log), Holds: a.Holds, Key: a.Key, Log: log}}, nil
}

func (d *gatewayDoor) Close() {
	if d != nil {
		d.ln.Close()
	}
}

// serve lets site workers in until ctx ends.
func (d *gatewayDoor) serve(ctx context.Context, c client.Client, namespace string) error {
	o := d.opts
	o.Engine, o.Namespace = c.WorkflowService(), namespace
	return gateway.Serve(ctx, d.ln, o)
}
