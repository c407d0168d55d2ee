package postgres

import (
	"context"

	"github.com/jackc/pgx/v5"

	"github.com/muster-dr/muster/internal/pgcluster"
	"github.com/muster-dr/muster/internal/pglink"
)

// Inspect is the parameters of postgres.status.
type Inspect struct {
	Server Target `json:"server" kind:"postgres" help:"Server to look at." ja:"確認するサーバー"`
}

// Status is its result.
type Status struct {
	Server    string    `json:"server" help:"The server." ja:"サーバー"`
	Role      string    `json:"role" help:"primary, standby or down." ja:"primary、standby、down のいずれか"`
	Timeline  int       `json:"timeline" help:"Timeline it is on." ja:"現在のタイムライン"`
	SystemID  string    `json:"system_id" help:"Identifier that all copies of one database share." ja:"同じデータベースの全コピーに共通の識別子"`
	LSN       string    `json:"lsn" help:"Position written, or received on a standby." ja:"書き込み済みの位置。スタンバイでは受信済みの位置"`
	Replayed  string    `json:"replayed" help:"Position replayed on a standby." ja:"スタンバイの場合、適用済みの位置"`
	Fenced    string    `json:"fenced" help:"Run that fenced it; empty when it is not fenced or not managed here." ja:"フェンスした実施。フェンスされていない、またはここで管理していない場合は空"`
	Streaming bool      `json:"streaming" help:"On a standby: whether it receives from its primary now." ja:"スタンバイの場合、プライマリから受信中か"`
	Standbys  []Standby `json:"standbys" help:"On a primary: who streams from it." ja:"プライマリの場合、複製先のスタンバイ"`
	Slots     []Slot    `json:"slots" help:"Replication slots on it." ja:"レプリケーションスロット"`
}

// Standby is a server that streams from another.
type Standby struct {
	Name     string `json:"name" help:"Its name for itself." ja:"スタンバイ自身が名乗る名前"`
	State    string `json:"state" help:"streaming, catchup, ..." ja:"streaming、catchup など"`
	Sync     string `json:"sync" help:"async, sync or quorum." ja:"async、sync、quorum のいずれか"`
	LagBytes int64  `json:"lag_bytes" help:"What it has not replayed yet." ja:"未適用の量"`
}

// Slot is a physical or logical replication slot.
type Slot struct {
	Name      string `json:"name" help:"Its name." ja:"名前"`
	Active    bool   `json:"active" help:"Whether somebody uses it now." ja:"使用中か"`
	HeldBytes int64  `json:"held_bytes" help:"How much log it holds back from removal." ja:"削除されずに保持しているログの量"`
}

func status(ctx context.Context, p Inspect) (Status, error) {
	out := Status{Server: p.Server.Name}
	i, here, err := pglink.Instance(p.Server)
	if err != nil {
		return out, err
	}
	if here {
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
			return down(ctx, i, out)
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
	out.Role, out.Timeline, out.SystemID = v.role(), v.Timeline, v.SystemID
	out.LSN, out.Replayed = v.Position.String(), v.Replayed.String()
	if err := ask(ctx, c, "SELECT EXISTS (SELECT FROM pg_stat_wal_receiver WHERE status = 'streaming')", nil, &out.Streaming); err != nil {
		return out, err
	}
	ctx, cancel := context.WithTimeout(ctx, answerWithin)
	defer cancel()
	rows, err := c.Query(ctx, `SELECT application_name, coalesce(state, ''), coalesce(sync_state, ''),
		coalesce(greatest(pg_wal_lsn_diff($1::pg_lsn, replay_lsn), 0), 0)::bigint FROM pg_stat_replication ORDER BY 1, pid`, v.Position.String())
	if err != nil {
		return out, err
	}
	if out.Standbys, err = pgx.CollectRows(rows, pgx.RowToStructByPos[Standby]); err != nil {
		return out, err
	}
	out.Slots, err = slots(ctx, c, v.Position)
	return out, err
}

// down is the state of a managed server that does not run, from its control file.
func down(ctx context.Context, i *pgcluster.Instance, out Status) (Status, error) {
	ctl, err := i.Control(ctx)
	if err != nil {
		return out, err
	}
	out.Role, out.Timeline, out.SystemID, out.LSN = "down", int(ctl.Timeline), ctl.SystemID, ctl.Checkpoint.String()
	return out, nil
}

func slots(ctx context.Context, c *pglink.Conn, at pgcluster.LSN) ([]Slot, error) {
	rows, err := c.Query(ctx, `SELECT slot_name, active, coalesce(greatest(pg_wal_lsn_diff($1::pg_lsn, restart_lsn), 0), 0)::bigint
		FROM pg_replication_slots ORDER BY 1`, at.String())
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowToStructByPos[Slot])
}
