package postgres

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/muster-dr/muster/activities"
	"github.com/muster-dr/muster/internal/pgcluster"
	"github.com/muster-dr/muster/internal/pglink"
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/proc"
	"github.com/muster-dr/muster/internal/run"
)

// Rejoin is the parameters of postgres.rejoin.
type Rejoin struct {
	Server  Target       `json:"server" kind:"postgres" help:"Server that becomes a standby: one that is down, fenced or a standby. One that takes writes, or runs without a fence and does not say, is refused unless discard is set." ja:"スタンバイにするサーバー。停止中、フェンス済み、またはスタンバイであること。書き込みを受け付けているもの、またはフェンスなしで稼働していて確認できないものは、discard を指定しない限り拒否する"`
	Follow  Target       `json:"follow" kind:"postgres" help:"Primary that it will stream from." ja:"複製元となるプライマリ"`
	Method  string       `json:"method" help:"auto rewinds and, when that fails, rebuilds; rewind and basebackup do only that." ja:"auto は巻き戻し（rewind）を試み、できなければ作り直す。rewind と basebackup はそれだけを行う" default:"auto" enum:"auto,rewind,basebackup"`
	Discard bool         `json:"discard" help:"Allow throwing away a newer timeline than the one it will follow, or one of its own, or what a server wrote that still takes writes." ja:"追随先より新しいタイムラインや独自のタイムラインに書かれたデータ、またはまだ書き込みを受け付けているサーバーに書かれたデータを破棄してよい" default:"false"`
	Wait    run.Duration `json:"wait" help:"How long it may take until it streams." ja:"複製が始まるまで待つ時間" default:"10m"`
}

// Rejoined is its result.
type Rejoined struct {
	Server    string  `json:"server" help:"The new standby." ja:"新しいスタンバイ"`
	Follow    string  `json:"follow" help:"The primary it streams from." ja:"複製元のプライマリ"`
	Method    string  `json:"method" help:"follow (its data fitted), rewind or basebackup." ja:"follow（データがそのまま使えた）、rewind、basebackup のいずれか"`
	Bytes     int64   `json:"bytes" help:"How much was copied." ja:"コピーした大きさ"`
	DurationS float64 `json:"duration_s" help:"From taking it down to streaming, in seconds." ja:"停止から複製開始までの秒数"`
	Slot      string  `json:"slot" help:"Slot that it uses on the primary." ja:"プライマリで使うスロット"`
	Timeline  int     `json:"timeline" help:"Timeline that both are on." ja:"両者のタイムライン"`
}

const (
	byFollowing  = "follow"
	byRewind     = "rewind"
	byBaseBackup = "basebackup"
)

func rejoin(ctx context.Context, p Rejoin) (Rejoined, error) {
	ctx, cancel := context.WithTimeout(ctx, p.Wait.Std())
	defer cancel()
	began := time.Now()
	j := &joining{Rejoin: p, out: Rejoined{Server: p.Server.Name, Follow: p.Follow.Name, Slot: pglink.Slot(p.Server)}}
	if err := j.prepare(ctx); err != nil {
		return Rejoined{}, err
	}
	defer j.primary.Close()
	if err := j.join(ctx); err != nil {
		return Rejoined{}, j.giveUp(ctx, err)
	}
	j.out.DurationS = time.Since(began).Seconds()
	return j.out, nil
}

// rejoinNote lies beside the server while a rejoin is on its way, however that is cut off.
type rejoinNote struct {
	Run  string `json:"run"`
	Step string `json:"step"`
	Slot string `json:"slot,omitempty"` // server on which a rejoin made the slot: until it streams, nobody else has use of that
}

const rejoinFile = "muster-rejoin.json"

// mark is the variable with which the programs are started that work on the server's data:
// a worker that is killed leaves them at work, and they are found by this.
func mark(i *pgcluster.Instance) string { return "MUSTER_REJOINS=" + i.Data }

// dying is how long a killed program has to be gone.
const dying = 10 * time.Second

// joining is one rejoin on its way.
type joining struct {
	Rejoin
	out     Rejoined
	i       *pgcluster.Instance
	primary *pglink.Conn // to the server that is followed
	of      view         // what that server is
}

// prepare finds out what both servers are and refuses what must not be done.
func (j *joining) prepare(ctx context.Context) (err error) {
	if j.Server.Name == j.Follow.Name {
		return activities.RefusedBoth("server and follow are both %s", "server と follow がどちらも %s である", j.Server.Name)
	}
	if j.i, err = managed(j.Server); err != nil {
		return err
	}
	if j.primary, err = reach(ctx, j.Follow, 30*time.Second); err != nil {
		return err
	}
	if err = refuse(j.unsuited(ctx)); err == nil {
		j.of, err = see(ctx, j.primary)
	}
	if err == nil {
		err = j.guard(ctx)
	}
	if err == nil && j.Method == byBaseBackup { // before anything is stopped
		var why []plan.Text
		if _, why, err = inPlace(j.i); err == nil {
			err = refuse(why)
		}
	}
	if err != nil {
		j.primary.Close()
	}
	return err
}

func (j *joining) guard(ctx context.Context) error {
	if j.of.Recovery {
		return activities.RefusedBoth("server %s is a standby itself; promote it first, or follow its primary",
			"サーバー %s 自体がスタンバイである。先に昇格するか、そのプライマリに追従させる", j.Follow.Name)
	}
	j.out.Timeline = j.of.Timeline
	if err := j.silent(ctx); err != nil {
		return err
	}
	ctl, err := j.i.Control(ctx)
	if err != nil {
		if j.Method == byRewind {
			return activities.RefusedBoth("server %s has no data to rewind (%v); use method basebackup",
				"サーバー %s には巻き戻すデータがない（%v）。method に basebackup を指定する", j.Server.Name, err)
		}
		inside, derr := os.ReadDir(j.i.Data)
		if derr != nil && !errors.Is(derr, os.ErrNotExist) {
			return derr
		}
		if _, verr := os.Stat(filepath.Join(j.i.Data, "PG_VERSION")); len(inside) > 0 && verr != nil {
			return activities.RefusedBoth("%s is not empty and holds no PostgreSQL data, so it is not replaced; correct data of %s in the estate",
				"%s は空ではなく PostgreSQL のデータでもないため、置き換えない。構成台帳の data（%s）を修正する", j.i.Data, j.Server.Name)
		}
		j.Method = byBaseBackup
		return nil
	}
	if err := sameSystem(j.Server.Name, ctl.SystemID, j.Follow.Name, j.of.SystemID); err != nil {
		return err
	}
	known, from, err := historyOf(j.i)
	if err != nil {
		return activities.Saying(err, "read the timelines of %s: %v", "%s のタイムラインを読めない：%v", j.Server.Name, err)
	}
	timeline := int(max(ctl.Timeline, ctl.MinRecoveryTL, known))
	if v, err := visit(ctx, j.Server); err == nil {
		timeline = max(timeline, v.Timeline)
	}
	switch {
	case timeline > j.of.Timeline && !j.Discard:
		return activities.RefusedBoth("server %s is on timeline %d, newer than %d of %s: rejoining it throws away what was written there since its promotion; say discard: true if that is meant",
			"サーバー %s のタイムライン %d は、%d（%s）より新しい。復帰させると、昇格後にそこへ書き込まれたデータは破棄される。意図した操作であれば discard: true を指定する",
			j.Server.Name, timeline, j.of.Timeline, j.Follow.Name)
	case timeline > min(int(known), j.of.Timeline): // newer, or its history is lost and only the numbers can be compared
		return nil
	}
	other, err := apart(ctx, j.primary, j.of.Timeline, known, from)
	if err == nil && !other {
		other, err = another(ctx, j.primary, j.i, ctl, j.of.Timeline)
	}
	switch {
	case err != nil:
		return activities.Saying(err, "read the timelines of %s: %v", "%s のタイムラインを読めない：%v", j.Follow.Name, err)
	case other && !j.Discard:
		return activities.RefusedBoth("server %s was promoted apart from %s: its timeline %d is none that timeline %d of %[2]s goes back to, and rejoining it throws away what was written there; say discard: true if that is meant",
			"サーバー %s は %s とは別に昇格しており、そのタイムライン %d は %[2]s のタイムライン %[4]d の系譜にない。復帰させると、そこへ書き込まれたデータは破棄される。意図した操作であれば discard: true を指定する",
			j.Server.Name, j.Follow.Name, timeline, j.of.Timeline)
	case other && j.Method == byRewind: // it goes by the numbers, finds nothing to do, and the data would differ for good
		return activities.RefusedBoth("server %s was promoted apart from %s, which pg_rewind can't see; use method basebackup",
			"サーバー %s は %s とは別に昇格しており、pg_rewind ではそれを検出できない。method に basebackup を指定する", j.Server.Name, j.Follow.Name)
	case other:
		j.Method = byBaseBackup
	}
	return nil
}

// silent refuses a server that takes writes, or may: nobody's write is thrown away unseen.
func (j *joining) silent(ctx context.Context) error {
	procs, err := j.i.Processes()
	if err != nil || len(procs) == 0 || j.Discard {
		return err
	}
	f, err := fenceOf(j.i)
	if err != nil {
		return err
	}
	v, rising, err := standing(ctx, j.Server)
	switch {
	case err == nil && v.Recovery && !rising:
		return nil
	case err == nil:
		return activities.RefusedBoth("server %s takes writes: rejoining it throws away what it wrote and %s does not have; fence it first (postgres.fence), or say discard: true if that is meant",
			"サーバー %s は書き込みを受け付けている。復帰させると、%s にない書き込みは破棄される。先にフェンスする（postgres.fence）。意図した操作であれば discard: true を指定する", j.Server.Name, j.Follow.Name)
	case f != nil, pglink.Code(err) == pglink.CodeCannotConnect: // the latter is on its way up or down
		return nil
	}
	return activities.RefusedBoth("server %s runs and does not say whether it takes writes (%v): rejoining it throws away what it wrote and %s does not have; fence it first (postgres.fence), or say discard: true if that is meant",
		"サーバー %s は稼働しているが、書き込みを受け付けるか確認できない（%v）。復帰させると、%s にない書き込みは破棄される。先にフェンスする（postgres.fence）。意図した操作であれば discard: true を指定する", j.Server.Name, err, j.Follow.Name)
}

// join takes the server down, makes its data fit and starts it as a standby. Each
// step repeats safely after a crash anywhere.
func (j *joining) join(ctx context.Context) error {
	if err := proc.EndCarrying(ctx, mark(j.i), dying); err != nil {
		return err
	}
	if err := j.noteBegun(ctx); err != nil {
		return err
	}
	ctl, controlErr := j.i.Control(ctx)
	if controlErr == nil {
		if err := j.i.SignalStandby(); err != nil { // whoever starts it from here on: read-only
			return err
		}
	}
	if _, err := bringDown(ctx, j.i, j.Server); err != nil {
		return err
	}
	if err := j.reserve(ctx); err != nil {
		return err
	}
	if controlErr == nil && j.Method != byBaseBackup {
		ctl, controlErr = j.i.Control(ctx) // exact, now that it is down
	}
	var why error
	if controlErr == nil && j.Method == "auto" && ctl.State == pgcluster.InArchiveRecovery {
		// It was a standby that died. If it is only behind, it just goes on; and if it
		// has written what the other lacks, it has to be shut down in order to be rewound.
		if why = j.start(ctx, byFollowing); why == nil {
			return nil
		}
		if _, err := bringDown(ctx, j.i, j.Server); err != nil {
			return err
		}
	}
	if j.Method != byBaseBackup {
		method, bytes, err := j.rewind(ctx)
		if err == nil {
			if err = j.start(ctx, method); err == nil {
				j.out.Bytes = bytes
				return nil
			}
		}
		if j.Method == byRewind || ctx.Err() != nil || isRefusal(err) {
			return err
		}
		why = err
		activities.Log(ctx).Warn("rewinding failed, the server is rebuilt", "server", j.Server.Name, "err", err)
		if _, err := bringDown(ctx, j.i, j.Server); err != nil {
			return err
		}
	}
	bytes, err := j.rebuild(ctx)
	if err != nil {
		if why != nil {
			return fmt.Errorf("%w (before that, rewinding failed: %s)", err, text(why))
		}
		return err
	}
	j.out.Bytes = bytes
	return j.start(ctx, byBaseBackup)
}

// start starts the server as a standby and waits until it streams. While it makes
// headway it has time; a standby that stands still has data that do not fit.
func (j *joining) start(ctx context.Context, method string) error {
	f := j.Follow.Spec
	if err := j.i.Follow(pgcluster.Upstream{Host: f.Host, Port: portOf(f), User: userOf(f), Password: f.Password.Reveal(), Encryption: pglink.Encryption(f), Slot: j.out.Slot}); err != nil {
		return err
	}
	starting, cancel := context.WithTimeout(ctx, stillFor)
	defer cancel()
	if method == byBaseBackup {
		starting = ctx // replays what was written during the copy
	}
	if err := j.i.Start(starting); err != nil {
		return activities.Finding("%v", err)
	}
	still, last := time.Now(), pgcluster.LSN(0)
	for {
		ok, _, err := streams(ctx, j.primary, j.Server)
		if err != nil {
			return activities.Saying(err, "ask %s whether %s streams from it: %v", "%s に、%s がストリーミング受信しているか確認できない：%v", j.Follow.Name, j.Server.Name, err)
		}
		if ok {
			break
		}
		if v, err := visit(ctx, j.Server); err == nil && v.Replayed > last {
			still, last = time.Now(), v.Replayed
		}
		if time.Since(still) > stillFor {
			return activities.FindingBoth("server %s started as a standby and does not stream from %s; its log is %s",
				"サーバー %s はスタンバイとして起動したが、%s からストリーミング受信していない。ログは %s", j.Server.Name, j.Follow.Name, j.i.LogFile())
		}
		if err := wait(ctx, 2*tick); err != nil {
			return activities.Saying(err, "server %s does not stream from %s yet: %v", "サーバー %s はまだ %s からストリーミング受信していない：%v", j.Server.Name, j.Follow.Name, err)
		}
	}
	j.out.Method = method
	for _, note := range []string{fenceFile, rejoinFile} { // it is a standby by its configuration now
		if err := j.i.Drop(note); err != nil {
			return err
		}
	}
	return j.tidy(ctx)
}

// stillFor is how long a standby may make no headway before its data count as unfit.
const stillFor = 15 * time.Second

// tidy drops the slot that the new primary used when this server was primary: on a
// standby it only holds log back.
func (j *joining) tidy(ctx context.Context) error {
	c, err := connect(ctx, j.Server)
	if err != nil {
		return err
	}
	defer c.Close()
	return dropSlot(ctx, c, pglink.Slot(j.Follow))
}

// noteBegun notes the rejoin, and keeps what an earlier one that did not come to its end noted of the slot.
func (j *joining) noteBegun(ctx context.Context) error {
	var n rejoinNote
	if err := kept(j.i, rejoinFile, &n); err != nil {
		return err
	}
	call := activities.CallFrom(ctx)
	n.Run, n.Step = call.Run, call.Step
	return keep(j.i, rejoinFile, n)
}

// reserve makes the server's slot on the primary, unless it is there. That it is the rejoin's is noted before: a worker
// may be killed at any moment.
func (j *joining) reserve(ctx context.Context) error {
	there, err := hasSlot(ctx, j.primary, j.out.Slot)
	if err != nil || there {
		return err
	}
	var n rejoinNote
	if err := kept(j.i, rejoinFile, &n); err != nil {
		return err
	}
	n.Slot = pglink.Address(j.Follow.Spec)
	if err := keep(j.i, rejoinFile, n); err != nil {
		return err
	}
	return makeSlot(ctx, j.primary, j.out.Slot)
}

// giveUp drops the slot that a rejoin made and that came to nothing, by this attempt or an earlier one: it would hold the
// log of the only primary until that fills its disk. A repeated step makes it again. A server that was started, and whose time ran
// out while it replays, may still come to need it.
func (j *joining) giveUp(ctx context.Context, why error) error {
	var n rejoinNote
	if err := kept(j.i, rejoinFile, &n); err != nil || n.Slot != pglink.Address(j.Follow.Spec) {
		return why
	}
	if ctx.Err() != nil && j.runs() {
		return activities.Saying(why, "%s; it runs and goes on replaying, so its slot %s is left on %s, where it holds the log: repeat the step when it streams, or SELECT pg_drop_replication_slot('%[2]s') there if it is given up",
			"%s。サーバーは稼働して再生を続けているため、スロット %s を %s に残している（その間ログを保持する）。ストリーミングが始まったらステップを再実行する。断念する場合は、そこで SELECT pg_drop_replication_slot('%[2]s') を実行する", plan.Apart(text(why)), j.out.Slot, j.Follow.Name)
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), dropWithin)
	defer cancel()
	err := j.dropUnused(ctx)
	if err == nil {
		n.Slot = ""
		if err = keep(j.i, rejoinFile, n); err == nil {
			return why
		}
	}
	left := activities.Lacking("%s; and slot %s is left on %s, where it holds the log until the disk is full (%v): repeat the step, or SELECT pg_drop_replication_slot('%[2]s') there",
		"%s。スロット %s が %s に残っており、ディスクが満杯になるまでログを保持し続ける（%v）。ステップを再実行するか、そこで SELECT pg_drop_replication_slot('%[2]s') を実行する", plan.Apart(text(why)), j.out.Slot, j.Follow.Name, err)
	if isGuard(why) {
		return activities.Finding("%s", left.Both())
	}
	return activities.Saying(why, "%s", "%s", left)
}

// runs reports whether the server has processes.
func (j *joining) runs() bool {
	procs, err := j.i.Processes()
	return err == nil && len(procs) > 0
}

// dropWithin bounds how long a slot is waited for that a copy used which was ended, or a server that went down.
const dropWithin = 10 * time.Second

// dropUnused drops the server's slot on the primary, over a connection of its own: the rejoin's may have been cut off in
// the middle of a question. One by which the server streams after all is left alone.
func (j *joining) dropUnused(ctx context.Context) error {
	c, err := reach(ctx, j.Follow, dropWithin)
	if err != nil {
		return err
	}
	defer c.Close()
	for {
		if err := dropSlot(ctx, c, j.out.Slot); err != nil {
			return err
		}
		there, err := hasSlot(ctx, c, j.out.Slot)
		if err != nil || !there {
			return err
		}
		if ok, _, err := streams(ctx, c, j.Server); err != nil || ok {
			return err
		}
		if wait(ctx, 10*tick) != nil {
			return plan.Wrong("it is in use", "使用中である")
		}
	}
}

func hasSlot(ctx context.Context, c *pglink.Conn, name string) (there bool, err error) {
	err = ask(ctx, c, "SELECT EXISTS (SELECT FROM pg_replication_slots WHERE slot_name = $1)", []any{name}, &there)
	return there, err
}

// makeSlot makes a slot that holds the log from now on, unless it is there.
func makeSlot(ctx context.Context, c *pglink.Conn, name string) error {
	err := tell(ctx, c, answerWithin, "SELECT pg_create_physical_replication_slot($1, true)", name)
	if err != nil && pglink.Code(err) != pglink.CodeDuplicateObject {
		return activities.Saying(err, "create slot %s: %v", "スロット %s の作成：%v", name, err)
	}
	return nil
}

func dropSlot(ctx context.Context, c *pglink.Conn, name string) error {
	err := tell(ctx, c, answerWithin, "SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE slot_name = $1 AND NOT active", name)
	if err != nil && pglink.Code(err) != pglink.CodeUndefinedObject {
		return activities.Saying(err, "drop slot %s: %v", "スロット %s の削除：%v", name, err)
	}
	return nil
}

func lookRejoined(ctx context.Context, p Rejoin) (activities.Seen, error) {
	c, err := connect(ctx, p.Follow)
	if err != nil {
		return activities.Seen{}, err
	}
	defer c.Close()
	v, err := see(ctx, c)
	if err != nil {
		return activities.Seen{}, err
	}
	ok, _, err := streams(ctx, c, p.Server)
	if err != nil {
		return activities.Seen{}, err
	}
	i, here, err := pglink.Instance(p.Server)
	if err != nil {
		return activities.Seen{}, err
	}
	begun := false
	if here {
		var note rejoinNote
		if err := kept(i, rejoinFile, &note); err != nil {
			return activities.Seen{}, err
		}
		call := activities.CallFrom(ctx)
		begun = note.Run == call.Run && note.Step == call.Step
		if at := proc.Carrying(mark(i)); len(at) > 0 {
			// The action ends it first, and does what it left half-way.
			return activities.Seen{Sight: plan.HoldsNot, Partial: true, Detail: activities.Lacking("process %d of an attempt that was cut off still works on the data of %s", "中断された試行のプロセス %d が %s のデータをまだ処理している", at[0], p.Server.Name).Both()}, nil
		}
	}
	if !ok {
		return activities.Seen{Sight: plan.HoldsNot, Partial: begun, Detail: activities.Lacking("%s does not stream from %s", "%s は %s からストリーミング受信していない", p.Server.Name, p.Follow.Name).Both()}, nil
	}
	if here {
		if f, err := fenceOf(i); err != nil || f != nil {
			return activities.Seen{Sight: plan.HoldsNot, Partial: begun, Detail: activities.Lacking("%s streams, but its fence is still there", "%s はストリーミング受信しているが、フェンスが残っている", p.Server.Name).Both()}, err
		}
	}
	return activities.Seen{Sight: plan.Holds, Detail: activities.Lacking("%s streams from %s", "%s は %s からストリーミング受信している", p.Server.Name, p.Follow.Name).Both(),
		Output: Rejoined{Server: p.Server.Name, Follow: p.Follow.Name, Method: byFollowing, Slot: pglink.Slot(p.Server), Timeline: v.Timeline}}, nil
}
