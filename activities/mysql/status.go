package mysql

import (
	"context"

	"github.com/muster-dr/muster/internal/mylink"
)

// Inspect is the parameters of mysql.status.
type Inspect struct {
	Server Target `json:"server" kind:"mysql" help:"Server to look at." ja:"確認するサーバー" example:"shop-osaka"`
}

// Status is its result.
type Status struct {
	Server    string `json:"server" help:"The server."`
	Flavour   string `json:"flavour" help:"mariadb or mysql; empty when it is down."`
	Version   string `json:"version" help:"Its version, as it says it."`
	Role      string `json:"role" help:"primary, replica, read-only (follows nobody and takes no writes) or down."`
	ReadOnly  bool   `json:"read_only" help:"Whether ordinary accounts can't write."`
	Kept      bool   `json:"kept" help:"Whether the role outlasts a restart, as far as that is seen from here."`
	GTID      string `json:"gtid" help:"Position: the transactions it has."`
	Fenced    string `json:"fenced" help:"Run that fenced it; empty when it is not fenced or not managed here."`
	Follows   string `json:"follows" help:"On a replica: address of the server it follows."`
	Receives  string `json:"receives" help:"On a replica: whether it receives: Yes, No, Connecting."`
	Applies   string `json:"applies" help:"On a replica: whether it applies what it received."`
	Error     string `json:"error" help:"On a replica: the error that stops either."`
	Unapplied int64  `json:"unapplied" help:"On a replica: transactions that it received and has not applied."`
	BehindS   *int   `json:"behind_s" help:"On a replica: seconds behind, by its own word; null when it can't say."`
}

func status(ctx context.Context, p Inspect) (Status, error) {
	out := Status{Server: p.Server.Name}
	i, here := mylink.Instance(p.Server)
	if here && i.Config != "" {
		f, err := fenceOf(i)
		if err != nil {
			return out, err
		}
		if f != nil {
			out.Fenced = f.Run
		}
		procs, err := i.Processes()
		if err != nil {
			return out, err
		}
		if len(procs) == 0 {
			out.Role = roleDown
			out.ReadOnly, err = i.KeptReadOnly(ctx)
			out.Kept = true
			return out, err
		}
	}
	c, err := connect(ctx, p.Server)
	if err != nil {
		return out, err
	}
	defer c.Close()
	v, err := see(ctx, c)
	if err != nil {
		return out, err
	}
	out.Flavour, out.Version, out.Role, out.ReadOnly, out.GTID = string(v.Flavour), v.Version, v.role(), v.ReadOnly, v.GTID
	if out.Kept, err = kept(ctx, c, p.Server, v); err != nil {
		return out, err
	}
	if r := v.Replica; r != nil {
		out.Follows = mylink.Address(mylink.Server{Host: r.Host, Port: r.Port})
		out.Receives, out.Applies, out.Error, out.BehindS = r.Receives, r.Applies, r.trouble(), r.BehindS
		out.Unapplied = v.Has.Lacks(r.Received)
	}
	return out, nil
}
