package redis

import (
	"context"

	"github.com/muster-dr/muster/internal/redislink"
)

// Inspect is the parameters of redis.status.
type Inspect struct {
	Server Target `json:"server" kind:"redis" example:"redis-osaka" help:"Server to look at." ja:"確認するサーバー"`
}

// Status is its result.
type Status struct {
	Server      string    `json:"server" help:"The server." ja:"サーバー"`
	Role        string    `json:"role" help:"master, replica or down." ja:"master、replica、down のいずれか"`
	History     string    `json:"history" help:"Identifier of the history of writes that offset counts in." ja:"offset の数え方の基準となる書き込み履歴の識別子"`
	Offset      int64     `json:"offset" help:"Bytes of it written, or applied on a replica." ja:"その履歴に書き込んだバイト数。レプリカでは適用済みのバイト数"`
	Follows     string    `json:"follows" help:"On a replica: the address that it follows." ja:"レプリカの場合、追随先のアドレス"`
	Link        bool      `json:"link" help:"On a replica: whether its link to its master is up." ja:"レプリカの場合、マスターとの接続が確立しているか"`
	LinkDownS   float64   `json:"link_down_s" help:"On a replica: for how many seconds its link has been down." ja:"レプリカの場合、接続が切れている秒数"`
	Syncing     bool      `json:"syncing" help:"On a replica: whether it is being sent a whole copy now." ja:"レプリカの場合、全体のコピーを受信中か"`
	Replicas    []Replica `json:"replicas" help:"On a master: who follows it." ja:"マスターの場合、追随しているレプリカ"`
	MinReplicas int64     `json:"min_replicas" help:"How many replicas it needs to take a write; without any it goes on taking writes when it is cut off, and those are lost." ja:"書き込みを受け付けるために必要なレプリカ数。0 なら、切り離されても書き込みを受け付け続け、その分が失われる"`
	Fenced      bool      `json:"fenced" help:"Whether muster's fence makes it refuse every write." ja:"musterのフェンスにより全書き込みを拒否しているか"`
	FenceKept   bool      `json:"fence_kept" help:"Whether its configuration file has the fence, so that a restart does too." ja:"フェンスが設定ファイルにも書かれ、再起動後も保たれるか"`
}

// Replica is a server that follows another.
type Replica struct {
	Address  string `json:"address" help:"Where it says that it listens." ja:"レプリカが名乗るアドレス"`
	State    string `json:"state" help:"online, or a stage of being sent a whole copy." ja:"online、または全体のコピーの受信段階"`
	LagBytes int64  `json:"lag_bytes" help:"What it has not confirmed yet." ja:"受信確認のない量"`
}

func status(ctx context.Context, p Inspect) (Status, error) {
	out := Status{Server: p.Server.Name}
	c := redislink.Open(p.Server, answerWithin)
	defer c.Close()
	v, err := see(ctx, c)
	if redislink.Refused(err) {
		out.Role = "down"
		return out, nil
	}
	if err != nil {
		return out, err
	}
	l, err := limitsOf(ctx, c)
	if err != nil {
		return out, err
	}
	out.Role, out.History, out.Offset, out.Follows, out.Link = v.role(), v.ReplID, v.Offset, v.Upstream, v.Link
	out.LinkDownS, out.Syncing, out.Replicas = max(v.LinkDown, 0).Seconds(), v.Syncing, v.Replicas
	out.MinReplicas, out.Fenced, out.FenceKept = l.lowered().replicas, l.fenced(), l.kept()
	return out, nil
}
