package mysql

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/muster-dr/muster/activities"
	"github.com/muster-dr/muster/internal/mycluster"
	"github.com/muster-dr/muster/internal/mylink"
)

const (
	// connectWithin bounds one attempt to connect, the server's answer included.
	connectWithin = 3 * time.Second
	// answerWithin bounds one question to a server that has let us in.
	answerWithin = 5 * time.Second
	// tick is the time between two looks at a server that is changing.
	tick = 20 * time.Millisecond
)

// managed returns the server's processes and files, or the guard's refusal when they are
// not on this host.
func managed(t Target) (*mycluster.Instance, error) {
	i, ok := mylink.Instance(t)
	switch {
	case t.Spec.Data == "":
		return nil, activities.RefusedBoth("server %s is not managed: the estate names no data directory for it; give data and config of the target, or do this step by hand",
			"サーバー %s は管理対象ではない（構成台帳にデータディレクトリがない）。操作対象に data と config を指定するか、このステップを手作業で行う", t.Name)
	case !ok:
		_, why := mylink.Place(t).Here()
		return nil, activities.Refused("%s", why.Both())
	case t.Spec.Config == "":
		return nil, activities.RefusedBoth("server %s: the estate names no config, an option file that the server reads last; without one nothing keeps it read-only over a restart",
			"サーバー %s：構成台帳に config（サーバーが最後に読み込む設定ファイル）がない。これがないと、再起動後の読み取り専用を保てない", t.Name)
	}
	return i, nil
}

// connect opens a connection within connectWithin.
func connect(ctx context.Context, t Target) (*mylink.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, connectWithin)
	defer cancel()
	return mylink.Connect(ctx, t, "", 0)
}

// reach opens a connection to a server that may be starting, stopping or busy, until within
// is over.
func reach(ctx context.Context, t Target, within time.Duration) (c *mylink.Conn, err error) {
	var never error // wrong password: waiting does not help
	err = activities.Until(ctx, within, 50*time.Millisecond, func(ctx context.Context) (err error) {
		c, err = connect(ctx, t)
		if code := mylink.Code(err); code != 0 && code != mylink.CodeTooMany && code != mylink.CodeShutdown {
			never, err = err, nil
		}
		return err
	})
	return c, cmp.Or(never, err)
}

// tell runs one statement within d.
func tell(ctx context.Context, c *mylink.Conn, d time.Duration, sql string, args ...any) error {
	ctx, cancel := context.WithTimeout(ctx, d)
	defer cancel()
	_, err := c.ExecContext(ctx, sql, args...)
	return err
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

// view is what a server says of itself at one moment.
type view struct {
	Flavour  mylink.Flavour
	Version  string
	ServerID string
	ReadOnly bool // ordinary accounts can't write
	Bound    bool // nor can administrators, where the server can bind them: MySQL's super_read_only
	GTID     string
	Has      mylink.Position
	Writers  string   // GTIDs with the IDs of servers whose transactions it has; "" where a position's sources tell
	Replica  *replica // nil when it follows nobody
}

// replica is what a server that follows another says of that.
type replica struct {
	Host, ServerID     string
	Port               int
	Receives, Applies  string // Yes, No, Connecting, Preparing
	ReceiveNo, ApplyNo int    // error numbers
	ReceiveErr         string
	ApplyErr           string
	ReceivedGTID       string
	Received           mylink.Position
	ByGTID             bool
	BehindS            *int // what the server itself says; nil when it can't
}

func (r replica) running() bool { return r.Receives == "Yes" && r.Applies == "Yes" }

// trouble is the error that keeps a replica from replicating, or "".
func (r replica) trouble() string {
	switch {
	case r.ApplyNo != 0:
		return fmt.Sprintf("error %d: %s", r.ApplyNo, r.ApplyErr)
	case r.ReceiveNo != 0:
		return fmt.Sprintf("error %d: %s", r.ReceiveNo, r.ReceiveErr)
	}
	return ""
}

// turnedAway reports whether the primary refused to send its log: trying again by itself
// does not help.
func (r replica) turnedAway() bool {
	return r.ReceiveNo == mylink.CodeNoLog || r.ReceiveNo == mylink.CodeNoLogMySQL
}

// unfit reports whether replicating has proven that the replica's data can't go on from
// where they are: they differ from the primary's, or what they lack is not in its log any
// more. Nothing else counts. The primary's one error number stands for a dozen things (a
// server_id used twice, a packet too large, a damaged log), so its words decide, which
// both flavours always say in English; words we don't know prove nothing.
func (r replica) unfit() bool {
	switch r.ApplyNo {
	case mylink.CodeDuplicate, mylink.CodeNoRecord, mylink.CodeOutOfOrder:
		return true
	}
	return r.turnedAway() && slices.ContainsFunc([]string{
		"which is not in the master's binlog",                                // MariaDB: diverged
		"Could not find GTID state requested by slave in any binlog",         // MariaDB: purged
		"more GTIDs than the",                                                // MySQL: diverged
		"purged required binary logs", "purged binary logs containing GTIDs", // MySQL: purged, new words and old
	}, func(words string) bool { return strings.Contains(r.ReceiveErr, words) })
}

// see asks a server what it is.
func see(ctx context.Context, c *mylink.Conn) (view, error) {
	ctx, cancel := context.WithTimeout(ctx, answerWithin)
	defer cancel()
	d := dialects[c.Flavour]
	v := view{Flavour: c.Flavour, Version: c.Version}
	var readOnly, bound string
	if err := c.QueryRowContext(ctx, d.identity).Scan(&v.ServerID, &readOnly, &bound, &v.GTID, &v.Writers); err != nil {
		return v, err
	}
	v.ReadOnly, v.Bound = truth(readOnly), truth(bound)
	var err error
	if v.Has, err = mylink.ParsePosition(c.Flavour, v.GTID); err != nil {
		return v, err
	}
	rows, err := mylink.Rows(ctx, c, d.replica)
	if err != nil || len(rows) == 0 {
		return v, err
	}
	if len(rows) > 1 {
		return v, fmt.Errorf("it follows %d servers at once, which muster does not lead", len(rows))
	}
	v.Replica, err = replicaOf(c.Flavour, rows[0])
	return v, err
}

func replicaOf(of mylink.Flavour, row map[string]string) (*replica, error) {
	n := dialects[of].columns
	r := &replica{Host: row[n.host], Port: number(row[n.port]), ServerID: row[n.serverID], Receives: row[n.ioRunning], Applies: row[n.sqlRunning],
		ReceiveNo: number(row["Last_IO_Errno"]), ReceiveErr: row["Last_IO_Error"], ApplyNo: number(row["Last_SQL_Errno"]), ApplyErr: row["Last_SQL_Error"],
		ReceivedGTID: row[n.received], ByGTID: row[n.gtid] != "No" && row[n.gtid] != "0"}
	if s := row[n.behind]; s != "" {
		behind := number(s)
		r.BehindS = &behind
	}
	var err error
	r.Received, err = mylink.ParsePosition(of, r.ReceivedGTID)
	return r, err
}

// kin reports whether two servers may be copies of one database, of which the second follows a third. MariaDB's sources are
// domains, of which nearly every server has the same one: there both have transactions of the same writer, or the first
// has some of the one that the second follows.
func (v view) kin(of view) bool {
	if v.Flavour != mycluster.MariaDB {
		return v.Has.Meets(of.Has)
	}
	known := of.writers()
	if of.Replica != nil {
		known = append(known, of.Replica.ServerID)
	}
	return slices.ContainsFunc(v.writers(), func(id string) bool { return slices.Contains(known, id) })
}

// writers are the server IDs in Writers.
func (v view) writers() (ids []string) {
	for gtid := range strings.SplitSeq(v.Writers, ",") { // domain-server-number
		if part := strings.Split(strings.TrimSpace(gtid), "-"); len(part) == 3 {
			ids = append(ids, part[1])
		}
	}
	return ids
}

// visit connects and sees.
func visit(ctx context.Context, t Target) (view, error) {
	c, err := connect(ctx, t)
	if err != nil {
		return view{}, err
	}
	defer c.Close()
	v, err := see(ctx, c)
	if err != nil {
		return view{}, activities.Saying(err, "ask %s what it is: %v", "%s の状態を確認できない：%v", t.Name, err)
	}
	return v, nil
}

// role is one word for what a server is.
func (v view) role() string {
	switch {
	case v.Replica != nil:
		return roleReplica
	case v.ReadOnly:
		return roleReadOnly
	}
	return rolePrimary
}

const (
	rolePrimary  = "primary"
	roleReplica  = "replica"
	roleReadOnly = "read-only"
	roleDown     = "down"
)

// follows reports whether v is a replica of t. The address that a replica was given decides,
// or the ID of the server that it found there.
func (v view) follows(t Target, of view) bool {
	return v.Replica != nil && (v.Replica.Host == t.Spec.Host && v.Replica.Port == mylink.Port(t.Spec) || v.Replica.ServerID == of.ServerID && of.ServerID != "0")
}

// session is one line of a server's list of sessions.
type session struct{ id, user, command, info string }

// sessions lists those of clients: neither this one, nor the server's own threads, nor
// replicas that read from it.
func sessions(ctx context.Context, c *mylink.Conn) ([]session, error) {
	ctx, cancel := context.WithTimeout(ctx, answerWithin)
	defer cancel()
	own, err := mylink.One[string](ctx, c, "SELECT CONNECTION_ID()")
	if err != nil {
		return nil, err
	}
	rows, err := mylink.Rows(ctx, c, "SHOW FULL PROCESSLIST")
	if err != nil {
		return nil, err
	}
	var out []session
	for _, r := range rows {
		s := session{r["Id"], r["User"], r["Command"], r["Info"]}
		if s.id == own || s.user == "system user" || s.user == "event_scheduler" || s.command == "Daemon" || strings.HasPrefix(s.command, "Binlog Dump") || strings.HasPrefix(s.command, "Slave_") {
			continue
		}
		out = append(out, s)
	}
	return out, nil
}

// underWay is a statement of muster's, of an attempt that nobody hears any more, that still
// runs in the server; "" when none does.
func underWay(ctx context.Context, c *mylink.Conn) (string, error) {
	all, err := sessions(ctx, c)
	if err != nil {
		return "", err
	}
	for _, s := range all {
		if what, ok := strings.CutPrefix(s.info, mark); ok {
			what, _, _ = strings.Cut(what, "=") // a statement's values may hold a secret
			return what, nil
		}
	}
	return "", nil
}

// told is what a look saw, in both languages.
func told(en, ja string, args ...any) string { return activities.Lacking(en, ja, args...).Both() }

// isGuard reports whether err already says what kind it is.
func isGuard(err error) bool {
	var typed interface{ Type() string }
	return errors.As(err, &typed) && typed.Type() != ""
}

func text(err error) string {
	var m interface{ Message() string }
	if errors.As(err, &m) {
		return m.Message()
	}
	return err.Error()
}
