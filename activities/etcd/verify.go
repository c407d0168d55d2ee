package etcd

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"

	"github.com/muster-dr/muster/activities"
	"github.com/muster-dr/muster/internal/plan"
)

// verify reads everything at the snapshot's own revision: leases that run out meanwhile
// take keys away only after it.
func (r *Restored) verify(ctx context.Context, p Restore, e *endpoint, s Snapshot) error {
	target := Target{Name: "the isolated cluster of " + p.Snapshots.Name}
	at := clientv3.WithRev(r.Revision)
	get := func(key string, opts ...clientv3.OpOption) (*clientv3.GetResponse, error) {
		within, cancel := context.WithTimeout(ctx, answerWithin)
		defer cancel()
		got, err := e.client.Get(within, key, append(opts, at)...)
		if err != nil {
			return nil, told(ctx, target.Name, e.url, err)
		}
		return got, nil
	}
	if now := e.status.Header.Revision; now < r.Revision {
		return activities.FindingBoth("snapshot %s ends at revision %d, and only %d came back",
			"スナップショット %s はリビジョン %d までだが、復元されたのは %d までである", s.Backup, r.Revision, now)
	}
	r.ClusterID = fmt.Sprintf("%x", e.status.Header.ClusterId)
	if r.ClusterID == s.ClusterID {
		return activities.FindingBoth("what came back calls itself the live cluster, %s: it must not run",
			"復元したものが稼働中のクラスター %s を名乗っている。動かしてはならない", r.ClusterID)
	}
	if err := r.hash(ctx, target, e, s); err != nil {
		return err
	}
	every, err := get("\x00", clientv3.WithFromKey(), clientv3.WithCountOnly())
	if err != nil {
		return err
	}
	r.Keys = every.Count
	for _, want := range p.Prefixes {
		got, err := get(want.Prefix, clientv3.WithPrefix(), clientv3.WithCountOnly())
		if err != nil {
			return err
		}
		r.Counts[want.Prefix] = got.Count
		if got.Count < int64(want.AtLeast) {
			return activities.FindingBoth("%d keys begin with %s, and at least %d must",
				"該当するキーは %d 個（接頭辞 %s）で、必要な %d 個に満たない", got.Count, want.Prefix, want.AtLeast)
		}
	}
	r.RecoveryPoint = s.TakenAt
	if p.Newest != "" {
		got, err := get(p.Newest)
		if err != nil {
			return err
		}
		if len(got.Kvs) == 0 {
			return activities.FindingBoth("%s did not come back: the restored data has no newest time",
				"%s が復元されていない。復元したデータに最新の時刻がない", p.Newest)
		}
		if r.RecoveryPoint, err = timeOf(string(got.Kvs[0].Value)); err != nil {
			return activities.FindingBoth("%s: %v", "%s：%v", p.Newest, err)
		}
	}
	r.BehindS, err = activities.Behind(r.RecoveryPoint, r.BegunAt, r.BegunAt, plan.Say("correct what writes %s", "%s に書き込む側を直す", p.Newest))
	return err
}

// hash lets the isolated member compute its hash, by which it reads every key, and holds
// it against the one that the live member had.
func (r *Restored) hash(ctx context.Context, t Target, e *endpoint, s Snapshot) error {
	got, err := e.client.HashKV(ctx, e.url, r.Revision) // reads everything: as long as the step has
	if err != nil {
		return told(ctx, t.Name, e.url, err)
	}
	r.HashKV, r.Hash = got.Hash, "not known then"
	if s.HashKV == 0 || s.Revision != r.Revision || s.Compacted != got.CompactRevision {
		return nil
	}
	if r.Hash = "same"; got.Hash != s.HashKV {
		return activities.FindingBoth("the keys of %s up to revision %d give the hash %d, and gave %d on %s when it was taken",
			"%s のキー（リビジョン %d まで）のハッシュは %d だが、取得時は %d だった（メンバー %s）", s.Backup, r.Revision, got.Hash, s.HashKV, s.Member)
	}
	return nil
}

// timeOf reads a time as programs write it into a key.
func timeOf(text string) (time.Time, error) {
	text = strings.TrimSpace(text)
	if at, err := time.Parse(time.RFC3339Nano, text); err == nil {
		return at.UTC(), nil
	}
	s, err := strconv.ParseFloat(text, 64)
	if err != nil || s < 1e9 || s > 1e10 {
		return time.Time{}, fmt.Errorf("%.60q is no time: RFC 3339 or seconds since 1970", text)
	}
	return time.UnixMicro(int64(s * 1e6)).UTC(), nil
}
