package redis

import (
	"context"
	"errors"
	"os"

	"github.com/muster-dr/muster/activities"
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/redislink"
)

func unusable(t Target, err error) plan.Text {
	return activities.Lacking("server %s can't be used now: %v", "サーバー %s を利用できません：%v", t.Name, err)
}

// readyReach: the servers answer, and muster's user may ask what the actions ask.
func readyReach(ctx context.Context, servers ...Target) []plan.Text {
	var out []plan.Text
	for _, t := range servers {
		if _, err := visit(ctx, t); err != nil {
			out = append(out, unusable(t, err))
		}
	}
	return out
}

// readyFence: the server answers, its settings can be read, and a fence would outlast a
// restart; on its own host the file can be written.
func readyFence(ctx context.Context, p Fence) ([]plan.Text, error) {
	c := redislink.Open(p.Server, answerWithin)
	defer c.Close()
	v, err := see(ctx, c)
	if err != nil {
		return []plan.Text{unusable(p.Server, err)}, nil
	}
	if _, err := limitsOf(ctx, c); err != nil {
		return []plan.Text{unusable(p.Server, err)}, nil
	}
	var out []plan.Text
	if v.Config == "" && p.Restart {
		out = append(out, activities.Lacking("server %s was started without a configuration file: a restart would undo the fence; start it with one that it may write, or say restart: false",
			"サーバー %s は設定ファイルなしで起動されており、再起動するとフェンスが外れます。書き込み可能な設定ファイルを指定して起動するか、restart: false を指定してください", p.Server.Name))
	}
	if redislink.Here(p.Server) {
		if _, err := fileLimits(p.Server); err != nil {
			out = append(out, unusable(p.Server, errors.New(text(err))))
		} else if f, err := os.OpenFile(p.Server.Spec.Config, os.O_WRONLY|os.O_APPEND, 0); err != nil {
			out = append(out, unusable(p.Server, err))
		} else if err := f.Close(); err != nil {
			return nil, err
		}
		if _, err := listener(ctx, p.Server); err != nil {
			out = append(out, unusable(p.Server, errors.New(text(err))))
		}
	}
	return out, nil
}

// readyPromote: the replica is there, follows, is not too far behind, and would take
// writes alone. A server that is master now is not complained of: the runbook that
// promotes it is for another day.
func readyPromote(ctx context.Context, p Promote) ([]plan.Text, error) {
	c := redislink.Open(p.Server, answerWithin)
	defer c.Close()
	v, err := see(ctx, c)
	if err != nil {
		return []plan.Text{unusable(p.Server, err)}, nil
	}
	l, err := limitsOf(ctx, c)
	if err != nil {
		return []plan.Text{unusable(p.Server, err)}, nil
	}
	if v.Master {
		return nil, nil
	}
	var out []plan.Text
	switch {
	case l.fenced():
		out = append(out, activities.Lacking("replica %s is fenced: take the fence off (redis.unfence)", "レプリカ %s はフェンスされています。redis.unfence で外してください", p.Server.Name))
	case l.replicas > 0 && l.lag > 0:
		out = append(out, activities.Lacking("replica %s needs %d replicas to take a write (min-replicas-to-write), and as the last one would have none", "レプリカ %s は min-replicas-to-write が %d のため、単独で昇格すると書き込みを受け付けません", p.Server.Name, l.replicas))
	}
	if v.Config == "" {
		out = append(out, activities.Lacking("replica %s was started without a configuration file: a restart would make it a replica again", "レプリカ %s は設定ファイルなしで起動されており、昇格後に再起動するとレプリカに戻ります", p.Server.Name))
	}
	if !v.Link || v.Syncing {
		return append(out, activities.Lacking("replica %s has no link to its master, or is being sent a whole copy: what is written now would be lost; see its log", "レプリカ %s はマスターと接続していないか全体を同期中です。今書かれるデータは失われます。ログを確認してください", p.Server.Name)), nil
	}
	old, err := upstreamOf(p.Server, v)
	if err != nil {
		return nil, err
	}
	if err := activities.MayReach(ctx, redislink.Address(old.Spec)); err != nil {
		return nil, err
	}
	from := redislink.Open(old, answerWithin)
	defer from.Close()
	lag, err := lagOf(ctx, p.Server, c, old, from)
	switch {
	case err != nil:
		out = append(out, unusable(p.Server, errors.New(text(err))))
	case p.MaxLag > 0 && lag > int64(p.MaxLag):
		out = append(out, activities.Lacking("replica %s is %d bytes behind, more than max_lag %s: promoting would be refused", "レプリカ %s は %d バイト遅れており、max_lag %s を超えています。昇格は拒否されます", p.Server.Name, lag, p.MaxLag))
	}
	return out, nil
}

// readyRejoin: the server answers, may log in where it will follow, and can keep that.
func readyRejoin(ctx context.Context, p Rejoin) ([]plan.Text, error) {
	out := readyReach(ctx, p.Server, p.Follow)
	c := redislink.Open(p.Server, answerWithin)
	defer c.Close()
	if v, err := see(ctx, c); err == nil {
		if why := forgets(p.Server, v, p.Restart); why.EN != "" {
			out = append(out, why)
		}
	}
	answer, err := c.Do(ctx, "CONFIG", "GET", "masterauth")
	if err == nil && pairs(answer)["masterauth"] == "" && p.Follow.Spec.Password.Reveal() != "" {
		out = append(out, activities.Lacking("server %s has no masterauth, and %s asks for a password: set masterauth (and masteruser) in its configuration", "サーバー %s に masterauth がありませんが、%s はパスワードを要求します。設定に masterauth（と masteruser）を追加してください", p.Server.Name, p.Follow.Name))
	}
	return out, nil
}

// readyFailover: the sentinels agree and could replace one of their own number, and every
// server answers.
func readyFailover(ctx context.Context, s redislink.SentinelTarget, servers ...Target) ([]plan.Text, error) {
	out := readyReach(ctx, servers...)
	heard := hear(ctx, s)
	if _, err := agreeing(s, heard); err != nil {
		out = append(out, activities.Lacking("sentinels %s: %s", "Sentinel %s: %s", s.Name, plan.Apart(text(err))))
	}
	for _, one := range heard {
		switch {
		case one.err != nil:
			out = append(out, activities.Lacking("a sentinel can't be used now: %v", "Sentinel を利用できません：%v", one.err))
		case one.others+1 < 3:
			out = append(out, activities.Lacking("sentinel %s knows %d others: with fewer than three in all, the loss of one keeps the rest from failing over", "Sentinel %s が把握している他の Sentinel は %d 台です。全体で3台未満だと、1台の停止でフェイルオーバーできなくなります", one.sentinel, one.others))
		case one.others+1 > int64(len(s.Spec.Addresses)):
			out = append(out, activities.Lacking("sentinel %s knows of %d sentinels, and the estate names %d: name them all, or reset those that are gone", "Sentinel %s は %d 台の Sentinel を把握していますが、構成台帳には %d 台しかありません。すべて記載するか、廃止したものを SENTINEL RESET してください", one.sentinel, one.others+1, len(s.Spec.Addresses)))
		}
	}
	return out, nil
}

// isolatedMaster warns of a master that would go on taking writes when it is cut off.
func isolatedMaster(ctx context.Context, servers ...Target) []plan.Text {
	var out []plan.Text
	for _, t := range servers {
		st, err := status(ctx, Inspect{Server: t})
		if err == nil && st.Role == "master" && st.MinReplicas == 0 {
			out = append(out, activities.Lacking("master %s has min-replicas-to-write 0: cut off, or waking up late, it goes on taking writes that are lost when the sentinels find it; set it to 1 on all servers", "マスター %s は min-replicas-to-write が 0 です。切り離された場合や遅れて復帰した場合に、失われる書き込みを受け付け続けます。全サーバーで 1 に設定してください", t.Name))
		}
	}
	return out
}
