package probe

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/muster-dr/muster/activities"
	"github.com/muster-dr/muster/internal/mylink"
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/run"
)

// MySQLMarkers is the parameters of probe.mysql_markers.
type MySQLMarkers struct {
	Servers  []activities.Target[mylink.Server] `json:"servers" kind:"mysql" help:"All copies of the database; markers go to the one that takes writes." ja:"データベースの全コピー。マーカーは書き込みを受け付ける側に書く"`
	Database string                             `json:"database" help:"Database in which the table muster_markers is made, and kept; it is made too where it is missing." ja:"表 muster_markers を作り、残しておくデータベース。なければデータベースも作る" default:"muster"`
}

// lookMySQLMarkers plants a numbered row a sample and later reads back which survived.
func lookMySQLMarkers(w plan.Watch, p MySQLMarkers) (looker, error) {
	f, err := newMySQLFleet(w, p)
	if err != nil {
		return looker{}, err
	}
	return looker{
		look: func(ctx context.Context, n int64) (fate, string) {
			err := f.use(ctx, func(ctx context.Context, c *mylink.Conn) error { return p.plant(ctx, c, w, n) })
			switch {
			case err == nil:
				return ok, ""
			case mylink.Code(err) == mylink.CodeDuplicateKey:
				return taken, err.Error()
			case sentToMySQL(err):
				return unknown, err.Error()
			}
			return failed, err.Error()
		},
		glance:    func(ctx context.Context) error { return f.use(ctx, f.serves) },
		survivors: func(ctx context.Context) ([]int64, error) { return p.survivors(ctx, w) },
		close:     f.close,
	}, nil
}

// newMySQLFleet is a client of MariaDB or MySQL servers that wants the one that takes writes.
func newMySQLFleet(w plan.Watch, p MySQLMarkers) (*fleet[*mylink.Conn], error) {
	if len(p.Servers) == 0 {
		return nil, activities.RefusedBoth("servers is empty: name every copy of the database", "servers が空：データベースの複製をすべて指定する")
	}
	f := &fleet[*mylink.Conn]{}
	f.patience(w)
	for _, h := range p.Servers {
		f.hosts = append(f.hosts, h.Name)
	}
	f.dial = func(ctx context.Context, n int) (*mylink.Conn, error) {
		return mylink.Connect(ctx, p.Servers[n], "", f.timeout)
	}
	f.serves = func(ctx context.Context, c *mylink.Conn) error {
		readOnly, err := mylink.One[string](ctx, c, "SELECT @@global.read_only")
		if err == nil && readOnly != "0" && readOnly != "OFF" {
			err = refusal("read-only")
		}
		return err
	}
	return f, nil
}

func (p MySQLMarkers) table() string {
	return "`" + strings.ReplaceAll(p.Database, "`", "``") + "`.muster_markers"
}

// plant inserts a marker, unless the server is read-only: an administrator's account would
// write all the same, into a server that is fenced. The server itself looks, under the lock
// that becoming read-only waits for.
func (p MySQLMarkers) plant(ctx context.Context, c *mylink.Conn, w plan.Watch, n int64) error {
	insert := func() error {
		done, err := c.ExecContext(ctx, "INSERT INTO "+p.table()+" (run, probe, seq, at) SELECT ?, ?, ?, ? FROM DUAL WHERE @@global.read_only = 0",
			w.Run, w.Probe.Name, n, time.Now().UTC())
		if err != nil {
			return err
		}
		if rows, err := done.RowsAffected(); err == nil && rows == 0 {
			return notSent{refusal("read-only")}
		}
		return nil
	}
	err := insert()
	if code := mylink.Code(err); code != mylink.CodeNoSuchTable && code != mylink.CodeNoSuchDatabase {
		return err
	}
	for _, sql := range []string{"CREATE DATABASE IF NOT EXISTS `" + strings.ReplaceAll(p.Database, "`", "``") + "`",
		"CREATE TABLE IF NOT EXISTS " + p.table() + ` (run varchar(190) NOT NULL, probe varchar(190) NOT NULL, seq bigint NOT NULL, at datetime(6) NOT NULL,
			PRIMARY KEY (run, probe, seq)) ENGINE = InnoDB`} {
		if _, err := c.ExecContext(ctx, sql); err != nil {
			return notSent{fmt.Errorf("create table muster_markers: %w", err)}
		}
	}
	return insert()
}

// survivors reads the markers back from the host that takes writes.
func (p MySQLMarkers) survivors(ctx context.Context, w plan.Watch) ([]int64, error) {
	one, err := newMySQLFleet(readingBack, p)
	if err != nil {
		return nil, err
	}
	found, err := one.await(ctx)
	defer one.close()
	if err != nil {
		return nil, err
	}
	defer found.conn.Close()
	rows, err := mylink.Rows(ctx, found.conn, "SELECT seq FROM "+p.table()+" WHERE run = ? AND probe = ? ORDER BY seq", w.Run, w.Probe.Name)
	if err != nil {
		return nil, err
	}
	out := make([]int64, 0, len(rows))
	for _, r := range rows {
		n, err := strconv.ParseInt(r["seq"], 10, 64)
		if err != nil {
			return nil, err
		}
		out = append(out, n)
	}
	return out, nil
}

// readyMySQLMarkers looks, without planting one, whether markers could be planted now.
func readyMySQLMarkers(ctx context.Context, p MySQLMarkers) ([]plan.Text, error) {
	const within = 5 * time.Second
	f, err := newMySQLFleet(plan.Watch{Probe: plan.Probe{Timeout: run.Duration(within)}}, p)
	if err != nil {
		return nil, err
	}
	defer f.close()
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	if err := f.use(ctx, func(ctx context.Context, c *mylink.Conn) error {
		_, err := mylink.One[int](ctx, c, "SELECT COUNT(*) FROM information_schema.tables WHERE table_schema = ? AND table_name = 'muster_markers'", p.Database)
		return err
	}); err != nil {
		return []plan.Text{activities.Lacking("none of the servers takes writes from here: %v", "ここから書き込めるサーバーがありません：%v", err)}, nil
	}
	return nil, nil
}

// sentToMySQL reports whether a statement that ended with err may have reached the server
// and taken effect there.
func sentToMySQL(err error) bool {
	var none notSent
	switch {
	case err == nil:
		return true
	case errors.As(err, &none), errors.Is(err, driver.ErrBadConn): // the driver's word for nothing written
		return false
	}
	switch mylink.Code(err) {
	case 0: // no answer
		return true
	case 1053, 1317, 1927, 1969, 3024: // shutdown, interrupted, killed, out of time: also after a commit that waited for a replica
		return true
	}
	return false
}
