package mysql

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/muster-dr/muster/activities"
	"github.com/muster-dr/muster/internal/mycluster"
	"github.com/muster-dr/muster/internal/mylink"
	"github.com/muster-dr/muster/internal/plan"
)

func unusable(t Target, err error) plan.Text {
	return activities.Lacking("server %s can't be used now: %v", "サーバー %s を利用できません：%v", t.Name, err)
}

// readyReach: the servers answer our account, which may administer them.
func readyReach(ctx context.Context, servers ...Target) []plan.Text {
	var out []plan.Text
	for _, t := range servers {
		if _, err := visit(ctx, t); err != nil {
			out = append(out, unusable(t, err))
		}
	}
	return out
}

// readyPower is asked of what kills, stops, starts or fences a server: its processes and
// files must be this host's, its options must include muster's file, and it must run, as
// it does while all is well.
func readyPower(ctx context.Context, t Target) ([]plan.Text, error) {
	i, err := managed(t)
	if err != nil {
		return nil, err
	}
	if _, err := i.Find(mycluster.Server); err != nil {
		return nil, fmt.Errorf("server %s: %w", t.Name, err)
	}
	out := readyReach(ctx, t)
	if _, err := i.Processes(); err != nil {
		out = append(out, unusable(t, err))
	}
	if problem := writable(filepath.Dir(i.Config)); problem != nil {
		out = append(out, activities.Lacking("muster can't keep %s read-only over a restart: %v", "再起動後も %s を読み取り専用に保つ設定を書き込めません：%v", t.Name, problem))
	}
	return out, nil
}

// writable reports why no file can be made in dir, by making one that has no name.
func writable(dir string) error {
	f, err := os.CreateTemp(dir, ".muster-check-")
	if err != nil {
		return err
	}
	f.Close()
	return os.Remove(f.Name())
}

// readyFence: a server of another host can be fenced from here only if it keeps read_only
// by itself.
func readyFence(ctx context.Context, p Fence) ([]plan.Text, error) {
	_, err := managed(p.Server)
	if err == nil {
		return readyPower(ctx, p.Server)
	}
	v, verr := visit(ctx, p.Server)
	if verr != nil {
		return []plan.Text{unusable(p.Server, verr)}, nil
	}
	if dialects[v.Flavour].persisted == "" {
		return nil, err
	}
	return nil, nil
}

// readyPromote: the replica is there and replicates by GTID. A server that is primary now
// is not complained of: the runbook that promotes it is for another day.
func readyPromote(ctx context.Context, p Promote) ([]plan.Text, error) {
	if err := notFenced(p.Server); err != nil {
		return nil, err
	}
	v, err := visit(ctx, p.Server)
	switch {
	case err != nil:
		return []plan.Text{unusable(p.Server, err)}, nil
	case v.Replica == nil && v.ReadOnly:
		return []plan.Text{activities.Lacking("server %s is read-only and follows nobody: what is written now would be lost; make it a replica (mysql.rejoin)",
			"サーバー %s は読み取り専用ですが、どのサーバーにも追従していません。今書かれるデータは失われます。mysql.rejoin でレプリカにしてください", p.Server.Name)}, nil
	case v.Replica == nil:
		return nil, nil
	}
	var out []plan.Text
	if !v.Replica.running() {
		out = append(out, activities.Lacking("replica %s does not replicate (receives %s, applies %s): what is written now would be lost; %s",
			"レプリカ %s のレプリケーションが動いていません（受信 %s、適用 %s）。今書かれるデータは失われます。%s", p.Server.Name, v.Replica.Receives, v.Replica.Applies, v.Replica.trouble()))
	}
	if !v.Replica.ByGTID {
		out = append(out, activities.Lacking("replica %s does not replicate by GTID: the old primary could not be brought home; use MASTER_USE_GTID = slave_pos (MySQL: SOURCE_AUTO_POSITION = 1)",
			"レプリカ %s が GTID でレプリケーションしていないため、旧プライマリを戻せません。MASTER_USE_GTID = slave_pos（MySQL では SOURCE_AUTO_POSITION = 1）を設定してください", p.Server.Name))
	}
	return out, nil
}

// readyRejoin: both answer, both write a binary log, and where a rebuild is allowed, its
// programs are there.
func readyRejoin(ctx context.Context, p Rejoin) ([]plan.Text, error) {
	var out []plan.Text
	if _, here := mylink.Instance(p.Server); here {
		problems, err := readyPower(ctx, p.Server)
		if err != nil {
			return nil, err
		}
		out = append(out, problems...)
	} else {
		out = append(out, readyReach(ctx, p.Server)...)
	}
	c, err := connect(ctx, p.Follow)
	if err != nil {
		return append(out, unusable(p.Follow, err)), nil
	}
	defer c.Close()
	logs, err := ask[string](ctx, c, "SELECT @@global.log_bin")
	if err != nil {
		return nil, fmt.Errorf("ask %s for its binary log: %w", p.Follow.Name, err)
	}
	if !truth(logs) {
		out = append(out, activities.Lacking("server %s writes no binary log, so nothing can follow it: set log_bin", "サーバー %s のバイナリログが無効なため、追従できません。log_bin を有効にしてください", p.Follow.Name))
	}
	if p.Rebuild {
		for _, names := range [][]string{dialects[c.Flavour].dump, dialects[c.Flavour].client} {
			if _, err := programsOf(p.Server).Find(names); err != nil {
				out = append(out, activities.Lacking("a rebuild of %s is not possible: %v", "%s を再構築できません：%v", p.Server.Name, err))
			}
		}
	}
	return out, nil
}
