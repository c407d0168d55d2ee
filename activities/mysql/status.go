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
	Server    string `json:"server" help:"The server." ja:"サーバー"`
	Flavour   string `json:"flavour" help:"mariadb or mysql; empty when it is down." ja:"mariadb または mysql。停止中は空"`
	Version   string `json:"version" help:"Its version, as it says it." ja:"サーバーが答えるバージョン"`
	Role      string `json:"role" help:"primary, replica, read-only (follows nobody and takes no writes) or down." ja:"primary、replica、read-only（追随先がなく、書き込みを受け付けない）、down のいずれか"`
	ReadOnly  bool   `json:"read_only" help:"Whether ordinary accounts can't write." ja:"通常のアカウントで書き込めない状態か"`
	Kept      bool   `json:"kept" help:"Whether the role outlasts a restart, as far as that is seen from here." ja:"再起動後も役割が変わらないか（接続元からわかる範囲）"`
	GTID      string `json:"gtid" help:"Position: the transactions it has." ja:"位置。適用済みのトランザクション"`
	Fenced    string `json:"fenced" help:"Run that fenced it; empty when it is not fenced or not managed here." ja:"フェンスした実施。フェンスされていない、またはここで管理していない場合は空"`
	Follows   string `json:"follows" help:"On a replica: address of the server it follows." ja:"レプリカの場合、追随先のサーバーのアドレス"`
	Receives  string `json:"receives" help:"On a replica: whether it receives: Yes, No, Connecting." ja:"レプリカの場合、受信しているか。Yes、No、Connecting"`
	Applies   string `json:"applies" help:"On a replica: whether it applies what it received." ja:"レプリカの場合、受信したものを適用しているか"`
	Error     string `json:"error" help:"On a replica: the error that stops either." ja:"レプリカの場合、受信または適用を止めているエラー"`
	Unapplied int64  `json:"unapplied" help:"On a replica: transactions that it received and has not applied." ja:"レプリカの場合、受信済みで未適用のトランザクション数"`
	BehindS   *int   `json:"behind_s" help:"On a replica: seconds behind, by its own word; null when it can't say." ja:"レプリカの場合、サーバーが答える遅れの秒数。答えられなければ null"`
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
