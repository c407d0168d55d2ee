package postgres

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"github.com/muster-dr/muster/activities"
	"github.com/muster-dr/muster/internal/pglink"
	"github.com/muster-dr/muster/internal/plan"
)

// readyPower is asked of what kills, stops, starts or fences a server: its processes and
// files must be this host's, and it must run, as it does while all is well.
func readyPower(ctx context.Context, t Target) ([]plan.Text, error) {
	i, err := managed(t)
	if err != nil {
		return nil, err
	}
	for _, program := range []string{"postgres", "pg_ctl"} {
		if _, err := os.Stat(filepath.Join(i.Bin, program)); err != nil {
			return nil, activities.Saying(err, "server %s: its program is not here: %v", "サーバー %s のプログラムがここにない：%v", t.Name, err)
		}
	}
	out := append(unsuited(ctx, i), readyReach(ctx, t)...)
	if _, err := i.Processes(); err != nil {
		out = append(out, unusable(t, err))
	}
	return out, nil
}

func unusable(t Target, err error) plan.Text {
	return activities.Lacking("server %s can't be used now: %v", "サーバー %s を利用できません：%v", t.Name, err)
}

// readyPromote: the standby is there, streams, is not too far behind, and may be
// promoted by our user. A server that is primary now is not complained of: the runbook
// that promotes it is for another day.
func readyPromote(ctx context.Context, p Promote) ([]plan.Text, error) {
	c, err := connect(ctx, p.Server)
	if err != nil {
		return []plan.Text{unusable(p.Server, err)}, nil
	}
	defer c.Close()
	var out []plan.Text
	if err := notFenced(ctx, c, p.Server); err != nil {
		out = append(out, unusable(p.Server, err))
	}
	if v, err := see(ctx, c); err == nil && v.Recovery {
		if _, err := upstreams(p.Server, p.Server, v); err != nil {
			out = append(out, unusable(p.Server, err))
		}
	}
	var standby, may, streams bool
	var behind int64
	if err := ask(ctx, c, `SELECT pg_is_in_recovery(), has_function_privilege('pg_promote(boolean, integer)', 'execute'),
		EXISTS (SELECT FROM pg_stat_wal_receiver WHERE status = 'streaming'),
		coalesce((SELECT greatest(0, pg_wal_lsn_diff(latest_end_lsn, pg_last_wal_replay_lsn())) FROM pg_stat_wal_receiver), 0)::bigint`,
		nil, &standby, &may, &streams, &behind); err != nil {
		return nil, activities.Saying(err, "ask %s what it is: %v", "%s の状態を確認できない：%v", p.Server.Name, err)
	}
	if !may {
		out = append(out, activities.Lacking("user %s may not promote %s: GRANT EXECUTE ON FUNCTION pg_promote TO %[1]s",
			"ユーザー %s には %s を昇格する権限がありません：GRANT EXECUTE ON FUNCTION pg_promote TO %[1]s", p.Server.Spec.User, p.Server.Name))
	}
	switch {
	case !standby:
	case !streams:
		out = append(out, activities.Lacking("standby %s does not stream from any primary: what is written now would be lost; see its log and the slot on the primary",
			"スタンバイ %s はどのプライマリからもストリーミングしていません。今書かれるデータは失われます。ログとプライマリのスロットを確認してください", p.Server.Name))
	case p.MaxLag > 0 && behind > int64(p.MaxLag):
		out = append(out, activities.Lacking("standby %s is %d bytes behind, more than max_lag %s: promoting would be refused",
			"スタンバイ %s は %d バイト遅れており、max_lag %s を超えています。昇格は拒否されます", p.Server.Name, behind, p.MaxLag))
	}
	return out, nil
}

// readyRejoin: what a rewind or a rebuild needs on the host of the server, and that the
// server it will follow can be reached.
func readyRejoin(ctx context.Context, p Rejoin) ([]plan.Text, error) {
	i, err := managed(p.Server)
	if err != nil {
		return nil, err
	}
	var out []plan.Text
	for _, program := range []string{"pg_rewind", "pg_basebackup"} {
		if _, err := os.Stat(filepath.Join(i.Bin, program)); err != nil {
			out = append(out, activities.Lacking("%s is not in %s: install the server's programs there", "%s が %s にありません。サーバーのプログラムを導入してください", program, i.Bin))
		}
	}
	var left rejoinNote
	if err := kept(i, rejoinFile, &left); err != nil {
		return nil, err
	}
	j := joining{Rejoin: p, i: i}
	c, err := connect(ctx, p.Follow)
	if err != nil {
		return append(out, unusable(p.Follow, err)), nil
	}
	defer c.Close()
	j.primary = c
	if inUse, _, err := streams(ctx, c, p.Server); left.Slot != "" && (err != nil || !inUse || left.Slot != pglink.Address(p.Follow.Spec)) {
		out = append(out, activities.Lacking("a rejoin of %s was cut off, and its slot %s may be left on the server at %s, where it holds the log until the disk is full: rejoin it, or SELECT pg_drop_replication_slot('%[2]s') there",
			"%s の復帰が途中で止まっています。%[3]s のサーバーにスロット %[2]s が残っていると、ディスクが満杯になるまでログを保持し続けます。復帰させるか、そこで SELECT pg_drop_replication_slot('%[2]s') を実行してください", p.Server.Name, pglink.Slot(p.Server), left.Slot))
	}
	out = append(out, j.unsuited(ctx)...)
	var super, rewinds bool
	if err := ask(ctx, c, `SELECT (SELECT rolsuper OR rolreplication FROM pg_roles WHERE rolname = current_user),
		current_setting('wal_log_hints')::bool OR current_setting('data_checksums')::bool`, nil, &super, &rewinds); err != nil {
		return nil, activities.Saying(err, "ask %s what it allows: %v", "%s の許可設定を確認できない：%v", p.Follow.Name, err)
	}
	if !super {
		out = append(out, activities.Lacking("user %s may not replicate from %s: ALTER ROLE %[1]s REPLICATION", "ユーザー %s には %s からのレプリケーション権限がありません：ALTER ROLE %[1]s REPLICATION", p.Follow.Spec.User, p.Follow.Name))
	}
	if !rewinds && p.Method == "rewind" {
		out = append(out, activities.Lacking("%s has neither wal_log_hints nor data checksums: pg_rewind will refuse; switch one on, or use method auto", "%s では wal_log_hints もデータチェックサムも無効のため、pg_rewind を使えません。どちらかを有効にするか、method を auto にしてください", p.Follow.Name))
	}
	data, why, err := inPlace(i)
	if err != nil {
		return nil, err
	}
	if data == "" || p.Method == byBaseBackup {
		out = append(out, why...)
	}
	if data == "" {
		return out, nil
	}
	return append(out, room(data)...), nil
}

// room says whether the data would fit beside itself, which a rebuild needs.
func room(data string) []plan.Text {
	var used uint64
	if err := filepath.WalkDir(data, func(_ string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return nil // files come and go while a server runs
		}
		if info, err := d.Info(); err == nil {
			used += uint64(info.Size())
		}
		return nil
	}); err != nil {
		return nil
	}
	var st unix.Statfs_t
	if err := unix.Statfs(filepath.Dir(data), &st); err != nil {
		return []plan.Text{activities.Lacking("the disk of %s can't be read: %v", "%s のディスクを確認できません：%v", data, err)}
	}
	if free := st.Bavail * uint64(st.Bsize); free < used {
		return []plan.Text{activities.Lacking("%d MB are free where %s lies, and a rebuild needs %d MB: make room", "%[2]s のあるディスクの空きは %[1]d MB で、再構築に必要な %[3]d MB に足りません。空きを増やしてください", free>>20, data, used>>20)}
	}
	return nil
}

// readyReach: the servers answer our user.
func readyReach(ctx context.Context, servers ...Target) []plan.Text {
	var out []plan.Text
	for _, t := range servers {
		if _, err := visit(ctx, t); err != nil {
			out = append(out, unusable(t, err))
		}
	}
	return out
}

// readySwitchover: both sides answer, and the one that is stopped for good is this host's
// where it is managed.
func readySwitchover(ctx context.Context, p Switchover) ([]plan.Text, error) {
	out := readyReach(ctx, p.From, p.To)
	i, err := managed(p.From)
	if err != nil || len(out) > 0 {
		return out, nil //nolint:nilerr // of another machine
	}
	c, err := connect(ctx, p.To)
	if err != nil {
		return append(out, unusable(p.To, err)), nil
	}
	defer c.Close()
	j := joining{Rejoin: Rejoin{Server: p.From, Follow: p.To}, i: i, primary: c}
	out = j.unsuited(ctx)
	from, err := connect(ctx, p.From)
	if err != nil {
		return append(out, unusable(p.From, err)), nil
	}
	defer from.Close()
	was, werr := see(ctx, from)
	is, err := see(ctx, c)
	if err = errors.Join(werr, err); err != nil {
		return nil, err
	}
	if is.Recovery && !was.Recovery { // else the runbook is for another day
		if err := heir(ctx, from, c, p.To); err != nil {
			out = append(out, unusable(p.To, err))
		}
	}
	return out, nil
}
