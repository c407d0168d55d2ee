package exec

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"syscall"
	"time"

	"github.com/muster-dr/muster/activities"
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/proc"
)

// grace is how long a program has to end after it was told to, and after it was killed.
const grace = 5 * time.Second

// work is what the site's ledger keeps of a program that an effect started, by which a look
// finds it when its worker is gone: it has a session of its own, which whatever it becomes
// stays in, also as another user (sudo) and with another environment.
type work struct {
	Effect  string `json:"effect"`
	Session int    `json:"session"`         // 0 until it is started
	Process string `json:"process"`         // proc.Identity of the session's first process; of the worker until it is started
	Init    bool   `json:"init"`            // the worker was its container's first process, whose end is the container's
	Gated   bool   `json:"gated,omitempty"` // nothing is begun before the session is kept
}

// keep keeps what is known of an effect's program; a program that only looks is not kept.
func keep(ctx context.Context, session int, gated bool) error {
	w := work{Effect: activities.CallFrom(ctx).EffectKey, Session: session, Process: proc.Identity(os.Getpid()), Init: os.Getpid() == 1, Gated: gated}
	if w.Effect == "" {
		return nil
	}
	if session != 0 {
		w.Process = proc.Identity(session)
	}
	return activities.Keep(ctx, w)
}

// atWork says what of an effect's program may still be under way; empty is nothing.
func atWork(ctx context.Context) (plan.Text, error) {
	key := activities.CallFrom(ctx).EffectKey
	if key == "" {
		return plan.Text{}, nil
	}
	for _, pid := range proc.Carrying(effectVar + "=" + key) { // of this worker's user
		return running(pid), nil
	}
	var w work
	if kept, err := activities.Kept(ctx, &w); err != nil || !kept || w.Effect != key {
		return plan.Text{}, err
	}
	if w.Session == 0 && w.Gated {
		return plan.Text{}, nil // its worker ended before it was let begin
	}
	boot, space, _ := proc.CutIdentity(w.Process)
	now, mine, _ := proc.CutIdentity(proc.Identity(os.Getpid()))
	switch {
	case now == "":
		if w.Session != 0 && !errors.Is(syscall.Kill(-w.Session, 0), syscall.ESRCH) {
			return running(w.Session), nil
		}
		return activities.Lacking("this machine has no /proc, so whether the program still runs can't be told", "このマシンには /proc がないため、プログラムがまだ動いているか判断できない"), nil
	case boot != "" && boot != now:
		return plan.Text{}, nil // the machine was restarted since
	case boot != "" && space != mine && w.Init:
		return plan.Text{}, nil // its container has ended, and everything in it
	case boot != "" && space != mine:
		return activities.Lacking("the program was started in another container, so whether it still runs can't be told", "プログラムは別のコンテナーで起動されたため、まだ動いているか判断できない"), nil
	case w.Session == 0:
		return activities.Lacking("the worker ended just as it started the program, so whether that runs can't be told", "ワーカーがプログラムを起動する瞬間に終了したため、プログラムが動いているか判断できない"), nil
	}
	if first := proc.Identity(w.Session); first != "" && boot != "" && first != w.Process {
		return plan.Text{}, nil // another process has the number, so nothing of the session is left
	}
	if pid := proc.InSession(w.Session); pid != 0 {
		return running(pid), nil
	}
	return plan.Text{}, nil
}

func running(pid int) plan.Text {
	return activities.Lacking("the program still runs, as process %d", "プログラムはプロセス %d としてまだ動いている", pid)
}

// stop ends a program and what it started: first by a word, then by force. One that belongs
// to another user can't be ended by this worker, and may run for ever: that is told, and not
// waited for.
func stop(ctx context.Context, cmd *exec.Cmd, ended <-chan error) error {
	session, over := cmd.Process.Pid, false
	for _, signal := range []syscall.Signal{syscall.SIGTERM, syscall.SIGKILL} {
		_ = syscall.Kill(-session, signal) // what refuses it is still there afterwards
		select {
		case <-ended:
			over = true
		case <-time.After(grace):
			continue
		}
		break
	}
	_ = syscall.Kill(-session, syscall.SIGKILL) // whoever of the group ignored the first word
	left := 0
	for until := time.Now().Add(grace); ; time.Sleep(20 * time.Millisecond) {
		if left = proc.InSession(session); left == 0 || !over || time.Now().After(until) {
			break
		}
	}
	if left != 0 {
		return plan.Caused(context.Cause(ctx), "%s was told to end and runs on, as process %d: this worker may not end what runs as another user (sudo); end it by hand", "%s に終了を指示したが、プロセス %d として動き続けている。このワーカーは別のユーザーで動くプログラム（sudo）を終了できない。手作業で終了する", cmd.Args[0], left)
	}
	return plan.Caused(context.Cause(ctx), "%s was ended", "%s を終了させた", cmd.Args[0])
}
