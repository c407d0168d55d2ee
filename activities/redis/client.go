package redis

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/muster-dr/muster/activities"
	"github.com/muster-dr/muster/internal/redislink"
)

const (
	// answerWithin bounds one command, connecting included.
	answerWithin = 3 * time.Second
	// tick is the time between two looks at a server that is changing.
	tick = 20 * time.Millisecond
)

// Target is a parameter that names a server.
type Target = redislink.Target

// view is what a server says of itself at one moment.
type view struct {
	RunID    string // of this process: another after each restart
	Config   string // its configuration file; "" when it was started without one
	Master   bool
	ReplID   string        // names the history of writes that Offset counts in
	Offset   int64         // bytes of that history written, or, on a replica, applied
	Upstream string        // address that a replica follows
	Link     bool          // a replica's link to it is up
	LinkDown time.Duration // negative: it was never up since the server started
	Syncing  bool          // a replica is being sent a whole copy
	Loading  bool          // it starts, and reads its data
	Priority int64
	Replicas []Replica // that a master has
	Failover string    // what a master says of its handing over: "no-failover", or a stage of it
	FullSync int64     // whole copies that it has sent
	Keys     int64     // of all its databases
}

func (v view) role() string {
	if v.Master {
		return "master"
	}
	return "replica"
}

// see asks a server what it is.
func see(ctx context.Context, c *redislink.Conn) (view, error) {
	answer, err := c.Do(ctx, "INFO")
	if err != nil {
		return view{}, err
	}
	text, _ := answer.(string)
	f := fields(text)
	v := view{RunID: f["run_id"], Config: f["config_file"], Master: f["role"] == "master", ReplID: f["master_replid"],
		Offset: number(f["master_repl_offset"]), Loading: f["loading"] == "1", Failover: f["master_failover_state"], FullSync: number(f["sync_full"])}
	if v.RunID == "" || f["role"] != "master" && f["role"] != "slave" {
		return view{}, errors.New("its answer to INFO is not that of a Redis server: " + clip(text))
	}
	if !v.Master {
		v.Offset = number(f["slave_repl_offset"])
		v.Upstream = f["master_host"] + ":" + f["master_port"]
		v.Link, v.Syncing = f["master_link_status"] == "up", f["master_sync_in_progress"] == "1"
		v.LinkDown = time.Duration(number(f["master_link_down_since_seconds"])) * time.Second
		v.Priority = number(f["slave_priority"])
	}
	for name, value := range f {
		if keys, ok := strings.CutPrefix(value, "keys="); ok && strings.HasPrefix(name, "db") {
			keys, _, _ = strings.Cut(keys, ",")
			v.Keys += number(keys)
		}
	}
	for n := range number(f["connected_slaves"]) {
		r := map[string]string{}
		for _, pair := range strings.Split(f["slave"+strconv.FormatInt(n, 10)], ",") {
			name, value, _ := strings.Cut(pair, "=")
			r[name] = value
		}
		if r["ip"] == "" {
			continue
		}
		v.Replicas = append(v.Replicas, Replica{Address: r["ip"] + ":" + r["port"], State: r["state"], LagBytes: max(v.Offset-number(r["offset"]), 0)})
	}
	return v, nil
}

// fields reads "name:value" lines.
func fields(text string) map[string]string {
	out := map[string]string{}
	for s := bufio.NewScanner(strings.NewReader(text)); s.Scan(); {
		if name, value, ok := strings.Cut(s.Text(), ":"); ok {
			out[name] = value
		}
	}
	return out
}

// number is s as a number; 0 when it is none.
func number(s string) int64 {
	n, _ := strconv.ParseInt(s, 10, 64)
	return n
}

// pairs reads the answer of a command that gives names and values in turn.
func pairs(answer any) map[string]string {
	list, _ := answer.([]any)
	out := map[string]string{}
	for n := 0; n+1 < len(list); n += 2 {
		out[fmt.Sprint(list[n])] = fmt.Sprint(list[n+1])
	}
	return out
}

// visit connects and sees.
func visit(ctx context.Context, t Target) (view, error) {
	c := redislink.Open(t, answerWithin)
	defer c.Close()
	v, err := see(ctx, c)
	if err != nil {
		return view{}, activities.Saying(err, "ask %s what it is: %v", "%s の状態を確認できない：%v", t.Name, err)
	}
	return v, nil
}

// wait lets d pass, or less when ctx ends.
func wait(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-t.C:
		return nil
	}
}

// isGuard reports whether err already says what kind it is.
func isGuard(err error) bool {
	var typed interface{ Type() string }
	return errors.As(err, &typed) && typed.Type() != ""
}

// text is what an error says to people.
func text(err error) string {
	var m interface{ Message() string }
	if errors.As(err, &m) {
		return m.Message()
	}
	return err.Error()
}

func clip(s string) string {
	s = strings.Join(strings.Fields(s), " ")
	return s[:min(len(s), 100)]
}

// sameData refuses servers whose histories of writes have nothing in common, as far as
// both can say.
func sameData(a string, va view, b string, vb view) error {
	if va.ReplID != vb.ReplID {
		return activities.RefusedBoth("%s (history %.8s) and %s (history %.8s) do not hold one history of writes, so which is ahead can't be told; let the replica follow and catch up first",
			"%s（履歴 %.8s）と %s（履歴 %.8s）は同じ書き込み履歴を持たず、どちらが進んでいるか判断できない。先にレプリカを追従させ、追いつくのを待つ", a, va.ReplID, b, vb.ReplID)
	}
	return nil
}
