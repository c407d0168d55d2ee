package etcd

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"github.com/muster-dr/muster/activities"
	"github.com/muster-dr/muster/internal/plan"
)

// Take is the parameters of etcd.snapshot.
type Take struct {
	Cluster   Target    `json:"cluster" kind:"etcd" example:"config" help:"Which cluster; it goes on working." ja:"対象のクラスター。稼働したままでよい"`
	Snapshots Snapshots `json:"snapshots" kind:"etcd_snapshots" example:"config-snapshots" help:"Where the snapshot is put." ja:"スナップショットの保存先"`
}

// stalled is how long a member may send nothing in the middle of a snapshot.
const stalled = 30 * time.Second

var safe = regexp.MustCompile(`[^A-Za-z0-9._-]`)

func snapshot(ctx context.Context, p Take) (Snapshot, error) {
	all, shut, err := open(ctx, p.Cluster)
	if err != nil {
		return Snapshot{}, nothing(err)
	}
	defer shut()
	s, err := stateOf(ctx, p.Cluster, all)
	if err != nil {
		return Snapshot{}, nothing(err)
	}
	e, err := giver(s, all)
	if err != nil {
		return Snapshot{}, err
	}
	if err := fits(p.Snapshots.Spec.Folder, activities.Lacking("a snapshot of %s", "%s のスナップショット", p.Cluster.Name), e.status.DbSize); err != nil {
		return Snapshot{}, err
	}

	// A read that a majority confirmed, answered by this very member: what was acknowledged
	// before it began is in what the member has, and so in its snapshot.
	out := Snapshot{Backup: activities.CallFrom(ctx).ArtifactName(), TakenAt: time.Now().UTC(), ClusterID: s.ClusterID, Listed: true}
	for _, m := range s.Members {
		if m.Endpoint == e.url {
			out.Member = m.Name
		}
	}
	least, err := e.read(ctx, p.Cluster, answerWithin)
	if err != nil {
		return Snapshot{}, nothing(fmt.Errorf("no majority confirms what %s has: %w", out.Member, err))
	}

	to := folder{p.Snapshots}
	part := to.file(out.Backup) + partSuffix
	err = out.save(ctx, p, e, part, least)
	if err == nil {
		err = to.keep(out, part)
	}
	if err != nil {
		for _, half := range []string{part, to.list(out.Backup) + partSuffix} {
			if cleared := os.Remove(half); cleared != nil && !errors.Is(cleared, fs.ErrNotExist) {
				return Snapshot{}, activities.NotCleared(err, cleared)
			}
		}
		if full(err) {
			return Snapshot{}, activities.FindingBoth("the disk of %s filled up on the way (%v); what was written is removed again: make room there",
				"%s のディスクが途中で満杯になった（%v）。書き込んだものは削除済み。空きを増やす", to.Spec.Folder, err)
		}
		return Snapshot{}, err
	}
	return to.named(out.Backup)
}

// giver is the member that is asked: a follower that is up to date, to spare the leader.
func giver(s State, all []*endpoint) (*endpoint, error) {
	var leader *endpoint
	for _, m := range s.Members {
		if !m.Answers || m.Learner || m.Follows != s.Leader || s.Leader == "" || corrupt(m) {
			continue
		}
		for _, e := range all {
			switch {
			case e.url != m.Endpoint:
			case m.Leader:
				leader = e
			case m.Behind <= 100:
				return e, nil
			}
		}
	}
	if leader == nil {
		return nil, activities.RefusedBoth("no member follows a leader and is sound: %d of %d voters answer, %s",
			"リーダーに追従している健全なメンバーがない。応答した投票メンバーは %d/%d、%s", s.Answering, s.Voters, strings.Join(append(s.Alarms, "nothing was begun"), "; "))
	}
	return leader, nil
}

func corrupt(m Member) bool { return strings.Contains(strings.Join(m.Alarms, " "), "CORRUPT") }

// save streams the snapshot into the file, and learns what is in it.
func (s *Snapshot) save(ctx context.Context, p Take, e *endpoint, part string, least int64) error {
	seal, err := stream(ctx, e, part)
	if err != nil {
		return told(ctx, p.Cluster.Name, e.url, err)
	}
	if err := seal.check(); err != nil {
		return fmt.Errorf("%s: what %s sent is no whole snapshot: %w", p.Cluster.Name, e.url, err)
	}
	s.SHA256, s.SizeBytes = seal.digest(), seal.n
	has, err := read(ctx, p.Snapshots, part)
	if err != nil {
		return err
	}
	if s.Revision = has.Revision; s.Revision < least {
		return activities.FindingBoth("the snapshot of %s ends at revision %d, and %d was acknowledged before it began: see what is wrong with that member",
			"%s のスナップショットはリビジョン %d までだが、開始前に %d が確認応答済みである。このメンバーの異常を調べる", s.Member, s.Revision, least)
	}
	within, cancel := context.WithTimeout(ctx, stalled) // it reads every key
	defer cancel()
	if hash, err := e.client.HashKV(within, e.url, s.Revision); err == nil {
		s.HashKV, s.Compacted = hash.Hash, hash.CompactRevision
	}
	return nil
}

func stream(ctx context.Context, e *endpoint, part string) (*seal, error) {
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	silence := time.AfterFunc(stalled, func() {
		stop(fmt.Errorf("it sent nothing for %s in the middle of the snapshot", stalled))
	})
	defer silence.Stop()
	from, err := e.client.Snapshot(ctx)
	if err != nil {
		return nil, err
	}
	defer from.Close()
	to, err := os.OpenFile(part, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	seal := newSeal()
	_, err = io.Copy(io.MultiWriter(to, seal), beating{from, silence})
	if err == nil {
		err = to.Sync()
	}
	if cause := context.Cause(ctx); err != nil && cause != nil {
		err = cause
	}
	return seal, errors.Join(err, to.Close())
}

// beating puts off the end of patience with every read.
type beating struct {
	io.Reader
	silence *time.Timer
}

func (b beating) Read(p []byte) (int, error) {
	n, err := b.Reader.Read(p)
	b.silence.Reset(stalled)
	return n, err
}

// keep writes the list and then gives the snapshot its name, which is the moment from
// which it counts.
func (t folder) keep(s Snapshot, part string) error {
	text, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		return err
	}
	list := t.list(s.Backup)
	if err := writeSynced(list+partSuffix, append(text, '\n')); err != nil {
		return err
	}
	if err := errors.Join(os.Rename(list+partSuffix, list), os.Rename(part, t.file(s.Backup))); err != nil {
		return err
	}
	d, err := os.Open(t.Spec.Folder)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}

func writeSynced(path string, text []byte) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	if err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}

func lookSnapshot(ctx context.Context, p Take) (activities.Seen, error) {
	in, name := folder{p.Snapshots}, activities.CallFrom(ctx).ArtifactName()
	s, err := in.named(name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		if _, err := os.Stat(p.Snapshots.Spec.Folder); err != nil {
			return activities.Seen{}, err
		}
		return activities.Seen{Sight: plan.HoldsNot, Detail: activities.Lacking("there is no snapshot %s", "スナップショット %s はない", name).Both()}, nil
	case err != nil:
		return activities.Seen{}, err
	}
	// The name is given last; a glance at the end of the file is enough.
	end := make([]byte, sha256.Size)
	f, err := os.Open(in.file(name))
	if err != nil {
		return activities.Seen{}, err
	}
	defer f.Close()
	if _, err := f.ReadAt(end, max(0, s.SizeBytes-sha256.Size)); err != nil || !s.Listed || fmt.Sprintf("%x", end) != s.SHA256 {
		return activities.Seen{Sight: plan.HoldsNot, Detail: activities.Lacking("%s is not the one of its list", "%s は一覧ファイルのものと異なる", filepath.Base(in.file(name))).Both()}, nil
	}
	of, err := status(ctx, Status{p.Cluster})
	switch {
	case err != nil:
		return activities.Seen{}, err
	case of.ClusterID != s.ClusterID:
		return activities.Seen{Sight: plan.CannotTell, Detail: activities.Lacking("snapshot %s is of cluster %s, and %s is %s: move it away, or correct the estate",
			"スナップショット %s はクラスター %s のもので、%s は %s である。移動するか、構成台帳を修正する", name, s.ClusterID, p.Cluster.Name, of.ClusterID).Both()}, nil
	}
	return activities.Seen{Sight: plan.Holds, Detail: activities.Lacking("snapshot %s is there", "スナップショット %s がある", name).Both(), Output: s}, nil
}

func readySnapshot(ctx context.Context, p Take) ([]plan.Text, error) {
	if _, err := tool(p.Snapshots); err != nil {
		return nil, err
	}
	out, err := readyCluster(ctx, p.Cluster)
	if err != nil {
		return nil, err
	}
	s, err := status(ctx, Status{p.Cluster})
	if err != nil {
		return nil, err
	}
	return out, fits(p.Snapshots.Spec.Folder, activities.Lacking("a snapshot of %s", "%s のスナップショット", p.Cluster.Name), s.DBBytes)
}
