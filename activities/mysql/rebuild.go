package mysql

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/muster-dr/muster/activities"
	"github.com/muster-dr/muster/internal/mycluster"
	"github.com/muster-dr/muster/internal/mylink"
)

// rebuilding is an empty database that a server has while it is rebuilt. Whoever finds it
// knows that what else is there is half of something.
const rebuilding = "muster_rebuilding"

// rebuild throws the server's databases away and loads the primary's. The dump goes through
// this host from one server to the other and is kept nowhere.
func (j *joining) rebuild(ctx context.Context) error {
	d := dialects[j.server.Flavour]
	if j.server.Flavour != j.primary.Flavour {
		return activities.RefusedBoth("%s is %s and %s is %s: one can't be rebuilt from the other",
			"%s は %s、%s は %s のため、一方から他方を再構築できない", j.Server.Name, j.server.Flavour, j.Follow.Name, j.primary.Flavour)
	}
	host := programsOf(j.Server)
	for _, names := range [][]string{d.dump, d.client} { // before anything is thrown away
		if _, err := host.Find(names); err != nil {
			return activities.RefusedBoth("%v", "%v", err)
		}
	}
	if _, err := j.beat(ctx); err != nil { // at least its database is there
		return err
	}
	wanted, err := databases(ctx, j.primary)
	if err != nil {
		return err
	}
	if err := j.clear(ctx, d); err != nil {
		return err
	}
	at, err := j.load(ctx, host, d, wanted)
	if err != nil {
		return err
	}
	after := []string{"SET SESSION sql_log_bin = 0", "DROP DATABASE " + rebuilding}
	if d.adoptOwn != "" { // MySQL's dump says itself where it stands
		after = append([]string{"SET GLOBAL gtid_slave_pos = ?"}, after...)
	}
	for n, sql := range after {
		var args []any
		if n == 0 && d.adoptOwn != "" {
			args = []any{at}
		}
		if err := tell(ctx, j.server, answerWithin, mark+sql, args...); err != nil {
			return err
		}
	}
	return quiet(ctx, j.server)
}

// clear empties the server. It stays closed to ordinary accounts.
func (j *joining) clear(ctx context.Context, d dialect) error {
	if err := quiet(ctx, j.server); err != nil {
		return err
	}
	there, err := databases(ctx, j.server)
	if err != nil {
		return err
	}
	statements := []string{d.stop, d.forget}
	if j.server.Flavour == mycluster.MySQL {
		statements = append(statements, "SET GLOBAL super_read_only = OFF") // ours has to write, nobody else
	}
	statements = append(statements, "SET SESSION sql_log_bin = 0", "SET SESSION foreign_key_checks = 0", "CREATE DATABASE IF NOT EXISTS "+rebuilding)
	for _, name := range there {
		statements = append(statements, "DROP DATABASE IF EXISTS "+quoted(name))
	}
	statements = append(statements, emptyLog(j.server.Flavour, j.server.Version))
	for _, sql := range statements {
		if _, err := j.server.ExecContext(ctx, mark+sql); err != nil { // only ctx bounds it: there may be much to drop
			return fmt.Errorf("%s: %w", sql, err)
		}
	}
	return nil
}

// load pipes a dump of the primary into the server.
func (j *joining) load(ctx context.Context, host *mycluster.Instance, d dialect, names []string) (at string, err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	read, write := io.Pipe()
	loaded := make(chan error, 1)
	go func() {
		s := j.Server.Spec
		args := append(reaching(s, j.server.Flavour), "--connect-timeout=10", "--init-command=SET SESSION sql_log_bin = 0", "--default-character-set=utf8mb4")
		err := host.Pipe(ctx, password(s), sandboxed(read), io.Discard, d.client, args...)
		read.CloseWithError(errors.Join(err, io.ErrClosedPipe)) // the dump ends when nobody reads it
		loaded <- err
	}()
	watched := &edges{to: write}
	err = dumpOut(ctx, host, j.Follow, d, j.primary.Flavour, names, watched)
	write.CloseWithError(err) // with nil it is the end of the dump
	if lerr := <-loaded; lerr != nil && (err == nil || errors.Is(err, io.ErrClosedPipe) || ctx.Err() != nil) {
		return "", lerr
	}
	if err != nil {
		return "", err
	}
	j.out.Bytes = watched.bytes
	return watched.position(d)
}

// programsOf is where a server's programs are found, and who runs them; the server itself
// may be elsewhere.
func programsOf(t Target) *mycluster.Instance {
	return &mycluster.Instance{Name: t.Name, Bin: t.Spec.Bin, RunAs: mylink.ServiceUser(t.Spec.RunAs)}
}

// databases lists those that hold users' data.
func databases(ctx context.Context, c *mylink.Conn) ([]string, error) {
	ctx, cancel := context.WithTimeout(ctx, answerWithin)
	defer cancel()
	rows, err := mylink.Rows(ctx, c, "SELECT schema_name AS name FROM information_schema.schemata WHERE schema_name NOT IN ('mysql', 'information_schema', 'performance_schema', 'sys', 'muster_local', ?) ORDER BY 1", rebuilding)
	if err != nil {
		return nil, err
	}
	var out []string
	for _, r := range rows {
		out = append(out, r["name"])
	}
	return out, nil
}

func quoted(name string) string { return "`" + strings.ReplaceAll(name, "`", "``") + "`" }

// reaching are the arguments by which a program reaches a server; the password is in its
// environment.
func reaching(s mylink.Server, of mylink.Flavour) []string {
	args := []string{"--no-defaults", "--user=" + s.User}
	if strings.HasPrefix(s.Host, "/") {
		return append(args, "--protocol=socket", "--socket="+s.Host)
	}
	args = append(args, "--protocol=tcp", "--host="+s.Host, fmt.Sprintf("--port=%d", mylink.Port(s)))
	ssl := map[string][]string{"disable": {"--skip-ssl"}, "require": {"--ssl"}, "verify-full": {"--ssl", "--ssl-verify-server-cert"}}
	if of == mycluster.MySQL {
		ssl = map[string][]string{"disable": {"--ssl-mode=DISABLED"}, "require": {"--ssl-mode=REQUIRED"}, "verify-full": {"--ssl-mode=VERIFY_IDENTITY"}}
	}
	return append(args, ssl[s.TLS]...)
}

func password(s mylink.Server) []string {
	if pw := s.Password.Reveal(); pw != "" {
		return []string{"MYSQL_PWD=" + pw}
	}
	return nil
}

// dumpOut writes a consistent dump of databases of a server, which goes on working.
func dumpOut(ctx context.Context, host *mycluster.Instance, t Target, d dialect, of mylink.Flavour, names []string, to *edges) error {
	args := reaching(t.Spec, of)
	args = append(args, "--single-transaction", "--quick", "--routines", "--events", "--triggers", "--hex-blob", "--default-character-set=utf8mb4")
	args = append(append(args, d.dumpOptions...), "--databases", "--") // a database may have an option's name
	if err := host.Pipe(ctx, password(t.Spec), nil, to, d.dump, append(args, names...)...); err != nil {
		return err
	}
	if !to.completed() {
		return fmt.Errorf("the dump of %s has no end: its last line is not there", t.Name)
	}
	return nil
}

// edges passes a dump on and keeps its beginning and its end, where it says what it is.
type edges struct {
	to         io.Writer
	bytes      int64
	head, tail bytes.Buffer
}

const edge = 64 << 10

func (e *edges) Write(p []byte) (int, error) {
	e.bytes += int64(len(p))
	if room := edge - e.head.Len(); room > 0 {
		e.head.Write(p[:min(room, len(p))])
	}
	e.tail.Write(p[max(0, len(p)-edge):])
	if over := e.tail.Len() - edge; over > 0 {
		e.tail.Next(over)
	}
	return e.to.Write(p)
}

func (e *edges) completed() bool {
	return bytes.Contains(e.tail.Bytes()[max(0, e.tail.Len()-256):], []byte("-- Dump completed"))
}

// position is where the server stood that was dumped.
func (e *edges) position(d dialect) (string, error) {
	for _, part := range [][]byte{e.tail.Bytes(), e.head.Bytes()} {
		if m := d.dumpedAt.FindSubmatch(part); m != nil {
			return strings.Join(strings.Fields(string(m[1])), ""), nil
		}
	}
	return "", errors.New("the dump does not say at which position it was taken: is the server's binary log on?")
}
