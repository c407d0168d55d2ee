package postgres

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/muster-dr/muster/activities"
	"github.com/muster-dr/muster/internal/pgcluster"
	"github.com/muster-dr/muster/internal/pglink"
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/proc"
	"github.com/muster-dr/muster/internal/run"
)

// Kill is the parameters of postgres.kill.
type Kill struct {
	Server Target `json:"server" kind:"postgres" help:"Server to kill." ja:"強制停止するサーバー"`
}

// Killed is its result.
type Killed struct {
	Server    string    `json:"server" help:"The server that was killed." ja:"強制停止したサーバー"`
	At        time.Time `json:"at" help:"When the first process was killed, on the worker's clock." ja:"最初のプロセスを強制停止した時刻（ワーカーの時計）"`
	Processes int       `json:"processes" help:"How many processes ran before." ja:"直前に動いていたプロセスの数"`
}

// killNote stays beside the server, so that a look after this worker's death still
// knows when it was.
type killNote struct {
	Run    string `json:"run"`
	Step   string `json:"step"`
	Killed Killed `json:"killed"`
	// Process is the main one that was meant: a server of another is one that was started since.
	Process string `json:"process,omitempty"`
}

const killFile = "muster-kill.json"

func kill(ctx context.Context, p Kill) (Killed, error) {
	i, err := managed(p.Server)
	if err != nil {
		return Killed{}, err
	}
	procs, err := i.Processes()
	if err != nil {
		return Killed{}, err
	}
	if len(procs) == 0 {
		return Killed{}, activities.RefusedBoth("server %s does not run, there is nothing to kill; start it first",
			"サーバー %s は稼働しておらず、強制終了する対象がない。先に起動する", p.Server.Name)
	}
	call := activities.CallFrom(ctx)
	note := killNote{Run: call.Run, Step: call.Step, Killed: Killed{Server: p.Server.Name, At: micro(time.Now()), Processes: len(procs)}, Process: proc.Identity(procs[0].PID)}
	if err := keep(i, killFile, note); err != nil {
		return Killed{}, activities.RefusedBoth("nothing was killed: %v", "何も強制終了していない：%v", err)
	}
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	at, err := i.Kill(ctx)
	if err != nil {
		return Killed{}, err
	}
	if !at.IsZero() {
		note.Killed.At = micro(at)
	}
	if err := keep(i, killFile, note); err != nil {
		activities.Log(ctx).Warn("the time of the kill could not be kept", "err", err)
	}
	return note.Killed, nil
}

func lookKilled(ctx context.Context, p Kill) (activities.Seen, error) {
	i, err := managed(p.Server)
	if err != nil {
		return activities.Seen{}, err
	}
	procs, err := i.Processes()
	if err != nil {
		return activities.Seen{}, err
	}
	var note killNote
	call := activities.CallFrom(ctx)
	if err := kept(i, killFile, &note); err != nil {
		return activities.Seen{}, err
	}
	ours := note.Run == call.Run && note.Step == call.Step && note.Killed.Server != ""
	if len(procs) > 0 {
		main, alive, err := i.Postmaster()
		if err != nil {
			return activities.Seen{}, err
		}
		if is := proc.Identity(main.PID); ours && alive && note.Process != "" && is != "" && is != note.Process { // a service manager's doing
			return activities.Seen{Sight: plan.Holds, Detail: activities.Lacking("%s was killed by this step, and was started again since", "%s はこのステップが強制終了し、その後再び起動された", p.Server.Name).Both(), Output: note.Killed}, nil
		}
		return activities.Seen{Sight: plan.HoldsNot, Detail: activities.Lacking("%s runs with %d processes", "%s は %d 個のプロセスで稼働している", p.Server.Name, len(procs)).Both()}, nil
	}
	if ours {
		return activities.Seen{Sight: plan.Holds, Detail: activities.Lacking("%s was killed by this step", "%s はこのステップが強制終了した", p.Server.Name).Both(), Output: note.Killed}, nil
	}
	return activities.Seen{Sight: plan.HoldsNot, Detail: activities.Lacking("%s is down, but this step did not kill it", "%s は停止しているが、このステップが強制終了したものではない", p.Server.Name).Both()}, nil
}

// Stop is the parameters of postgres.stop.
type Stop struct {
	Server Target       `json:"server" kind:"postgres" help:"Server to stop." ja:"停止するサーバー"`
	Mode   string       `json:"mode" help:"fast ends sessions and ships all WAL first; immediate ends at once and recovers at the next start." ja:"fast はセッションを終了させ、先に全WALを送る。immediate は直ちに終了し、次の起動時にリカバリーする" default:"fast" enum:"fast,immediate"`
	Wait   run.Duration `json:"wait" help:"How long it may take." ja:"待つ時間" default:"1m"`
}

// Stopped is its result.
type Stopped struct {
	Server string    `json:"server" help:"The server that was stopped." ja:"停止したサーバー"`
	At     time.Time `json:"at" help:"When it was told to stop, on the worker's clock." ja:"停止を指示した時刻（ワーカーの時計）"`
}

func stop(ctx context.Context, p Stop) (Stopped, error) {
	i, err := managed(p.Server)
	if err != nil {
		return Stopped{}, err
	}
	if pm, alive, err := i.Postmaster(); err != nil {
		return Stopped{}, err
	} else if alive && pm.Frozen {
		return Stopped{}, activities.RefusedBoth("server %s is frozen and can't stop by itself; use postgres.fence or postgres.kill",
			"サーバー %s は凍結しており自力で停止できない。postgres.fence か postgres.kill を使う", p.Server.Name)
	}
	ctx, cancel := context.WithTimeout(ctx, p.Wait.Std())
	defer cancel()
	at := micro(time.Now())
	mode := pgcluster.Fast
	if p.Mode == string(pgcluster.Immediate) {
		mode = pgcluster.Immediate
	}
	if err := i.Stop(ctx, mode); err != nil {
		if errors.Is(err, context.DeadlineExceeded) {
			return Stopped{}, activities.FindingBoth("%s did not stop within %s; its log is %s", "%s は %s以内に停止しなかった。ログは %s", p.Server.Name, p.Wait, i.LogFile())
		}
		return Stopped{}, err
	}
	return Stopped{Server: p.Server.Name, At: at}, nil
}

func lookStopped(_ context.Context, p Stop) (activities.Seen, error) {
	i, err := managed(p.Server)
	if err != nil {
		return activities.Seen{}, err
	}
	procs, err := i.Processes()
	switch {
	case err != nil:
		return activities.Seen{}, err
	case len(procs) == 0:
		return activities.Seen{Sight: plan.Holds, Detail: activities.Lacking("%s does not run", "%s は稼働していない", p.Server.Name).Both(), Output: Stopped{Server: p.Server.Name, At: micro(time.Now())}}, nil
	case i.Stopping():
		return activities.Seen{Sight: plan.CannotTell, Detail: activities.Lacking("%s is stopping", "%s は停止中である", p.Server.Name).Both()}, nil
	}
	return activities.Seen{Sight: plan.HoldsNot, Detail: activities.Lacking("%s runs", "%s は稼働している", p.Server.Name).Both()}, nil
}

// Start is the parameters of postgres.start.
type Start struct {
	Server Target       `json:"server" kind:"postgres" help:"Server to start." ja:"起動するサーバー"`
	Wait   run.Duration `json:"wait" help:"How long it may take until it accepts connections." ja:"接続を受け付けるまで待つ時間" default:"1m"`
}

// Started is its result.
type Started struct {
	Server   string `json:"server" help:"The server that was started." ja:"起動したサーバー"`
	Role     string `json:"role" help:"primary or standby." ja:"primary または standby"`
	Timeline int    `json:"timeline" help:"Timeline it is on." ja:"現在のタイムライン"`
}

func start(ctx context.Context, p Start) (Started, error) {
	i, err := managed(p.Server)
	if err != nil {
		return Started{}, err
	}
	f, err := fenceOf(i)
	if err != nil {
		return Started{}, err
	}
	if f != nil {
		return Started{}, activities.RefusedBoth("server %s was fenced by run %s at %s; rejoin it as a standby (postgres.rejoin) or take the fence off (postgres.unfence)",
			"サーバー %s は実施 %s により %s にフェンスされている。スタンバイとして復帰させる（postgres.rejoin）か、フェンスを外す（postgres.unfence）",
			p.Server.Name, f.Run, f.At.Format(time.RFC3339))
	}
	if err := suited(ctx, i); err != nil {
		return Started{}, err
	}
	return startAndSee(ctx, i, p.Server, p.Wait.Std())
}

// startAndSee starts a server and says what it came up as.
func startAndSee(ctx context.Context, i *pgcluster.Instance, t Target, within time.Duration) (Started, error) {
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	if err := i.Start(ctx); err != nil {
		return Started{}, activities.Finding("%v", err)
	}
	c, err := reach(ctx, t, within)
	if err != nil {
		return Started{}, err
	}
	defer c.Close()
	v, err := see(ctx, c)
	if err != nil {
		return Started{}, err
	}
	return Started{Server: t.Name, Role: v.role(), Timeline: v.Timeline}, nil
}

func (v view) role() string {
	if v.Recovery {
		return "standby"
	}
	return "primary"
}

func lookStarted(ctx context.Context, p Start) (activities.Seen, error) {
	i, err := managed(p.Server)
	if err != nil {
		return activities.Seen{}, err
	}
	procs, err := i.Processes()
	if err != nil {
		return activities.Seen{}, err
	}
	if len(procs) == 0 {
		return activities.Seen{Sight: plan.HoldsNot, Detail: activities.Lacking("%s does not run", "%s は稼働していない", p.Server.Name).Both()}, nil
	}
	v, err := visit(ctx, p.Server)
	switch {
	case err == nil:
		return activities.Seen{Sight: plan.Holds, Detail: activities.Lacking("%s accepts connections", "%s は接続を受け付けている", p.Server.Name).Both(),
			Output: Started{Server: p.Server.Name, Role: v.role(), Timeline: v.Timeline}}, nil
	case pglink.Code(err) == pglink.CodeCannotConnect:
		return activities.Seen{Sight: plan.HoldsNot, Detail: activities.Lacking("%s is starting or stopping", "%s は起動中または停止中である", p.Server.Name).Both()}, nil
	}
	return activities.Seen{Sight: plan.CannotTell, Detail: err.Error()}, nil
}

// micro is a time as results carry it.
func micro(t time.Time) time.Time { return t.UTC().Truncate(time.Microsecond) }

func keep(i *pgcluster.Instance, name string, v any) error {
	b, err := json.Marshal(v)
	if err != nil {
		return err
	}
	return i.Keep(name, append(b, '\n'))
}

// kept reads a note into v and leaves v as it is when there is none.
func kept(i *pgcluster.Instance, name string, v any) error {
	b, err := i.Kept(name)
	if err != nil || b == nil {
		return err
	}
	if err := json.Unmarshal(b, v); err != nil {
		return activities.Saying(err, "%s beside the configuration of %s is damaged (%v); look at it and remove it", "%s（%s の設定と同じ場所）が破損している（%v）。内容を確認して削除する", name, i.Name, err)
	}
	return nil
}
