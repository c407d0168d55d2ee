package book

import (
	"strings"
	"testing"
	"time"

	"github.com/muster-dr/muster/internal/mysqltest"
)

func mysqlHand(t *testing.T, servers ...*mysqltest.Server) *operator {
	t.Helper()
	o := newOperator(t, mysqltest.Password)
	for _, s := range servers {
		o.e.Targets = append(o.e.Targets, s.Plan("pw"))
	}
	return o
}

// What a replica received and had not applied yet is not thrown away, however carelessly
// everything is pasted.
func TestMySQLIsPromotedByHandWithAllThatItReceived(t *testing.T) {
	p := mysqltest.StartPair(t)
	o := mysqlHand(t, p.Tokyo, p.Osaka)
	p.Tokyo.Exec(t, "CREATE TABLE shop.received (n INT PRIMARY KEY)")
	p.Tokyo.AwaitReplica(t, p.Osaka)
	o.paste(t, "mysql.keep_role", map[string]any{"server": "osaka"})
	holder := p.Osaka.Connect(t)
	if _, err := holder.ExecContext(t.Context(), "LOCK TABLES shop.received READ"); err != nil { // keeps the replica from applying
		t.Fatal(err)
	}
	for n := range 50 {
		p.Tokyo.Exec(t, "INSERT INTO shop.received VALUES (?)", n)
	}
	written := mysqltest.Value[string](t, p.Tokyo, "SELECT @@global.gtid_binlog_pos")
	mysqltest.Eventually(t, 30*time.Second, func() string {
		out := o.run(t, o.client(t, "osaka", `SHOW REPLICA STATUS\G`))
		if i := strings.Index(out, "Gtid_IO_Pos: "); i >= 0 && strings.HasPrefix(out[i+len("Gtid_IO_Pos: "):], written) {
			return ""
		}
		return "osaka has not received everything: " + out
	})
	p.Tokyo.Kill9(t)
	o.paste(t, "mysql.promote", map[string]any{"server": "osaka"})
	if mysqltest.Value[int](t, p.Osaka, "SELECT @@global.read_only") != 1 {
		t.Fatal("osaka was promoted before it had applied what it received")
	}
	if kept, err := p.Osaka.KeptReadOnly(t.Context()); err != nil || !kept {
		t.Fatalf("osaka would take writes after a restart: %v", err)
	}
	if _, err := holder.ExecContext(t.Context(), "UNLOCK TABLES"); err != nil {
		t.Fatal(err)
	}
	mysqltest.Eventually(t, 30*time.Second, func() string {
		o.paste(t, "mysql.promote", map[string]any{"server": "osaka"})
		if mysqltest.Value[int](t, p.Osaka, "SELECT @@global.read_only") != 0 {
			return "osaka is not promoted"
		}
		return ""
	})
	if n := mysqltest.Value[int](t, p.Osaka, "SELECT COUNT(*) FROM shop.received"); n != 50 {
		t.Fatalf("%d of 50 rows are left", n)
	}
	if out := o.run(t, o.client(t, "osaka", `SHOW REPLICA STATUS\G`)); strings.Contains(out, "Master_Host") {
		t.Fatal("osaka still knows whom it followed")
	}
	// A restart does not change it.
	p.Osaka.Kill9(t)
	p.Osaka.StartServer(t)
	if err := p.Osaka.TryWrite(t); err != nil {
		t.Fatal(err)
	}
}

// client is the command that asks a server.
func (o *operator) client(t *testing.T, name, statement string) string {
	t.Helper()
	h := hand{e: o.e}
	s, ok := h.named(name)
	if !ok {
		t.Fatalf("no %s", name)
	}
	return mysqlClient(s, statement)
}

// The fence outlasts a restart, and so does taking it off, muster's note of it included.
func TestMySQLFenceByHandOutlastsARestart(t *testing.T) {
	p := mysqltest.StartPair(t)
	o := mysqlHand(t, p.Tokyo, p.Osaka)
	fenced := map[string]any{"server": "tokyo"}
	o.paste(t, "mysql.fence", fenced)
	if p.Tokyo.TryWrite(t) == nil {
		t.Fatal("a fenced server takes writes")
	}
	p.Tokyo.Kill9(t)
	p.Tokyo.StartServer(t)
	if p.Tokyo.TryWrite(t) == nil {
		t.Fatal("a fenced server takes writes after a restart")
	}
	if err := p.Tokyo.Keep("fence.json", []byte("{}")); err != nil {
		t.Fatal(err)
	}
	p.Osaka.Exec(t, "SET GLOBAL read_only = OFF")
	off := map[string]any{"server": "tokyo", "others": []string{"osaka"}}
	o.paste(t, "mysql.unfence", off)
	if p.Tokyo.TryWrite(t) == nil {
		t.Fatal("the fence was taken off beside another primary")
	}
	if kept, err := p.Tokyo.KeptReadOnly(t.Context()); err != nil || !kept {
		t.Fatalf("it would take writes after a restart: %v", err)
	}
	p.Osaka.Exec(t, "SET GLOBAL read_only = ON")
	o.paste(t, "mysql.unfence", off)
	p.Tokyo.Kill9(t)
	p.Tokyo.StartServer(t)
	if err := p.Tokyo.TryWrite(t); err != nil {
		t.Fatal(err)
	}
	if b, err := p.Tokyo.Kept("fence.json"); err != nil || b != nil {
		t.Fatalf("muster would still take it for fenced: %s %v", b, err)
	}
}

func TestMySQLSwitchesOverByHandWithoutLoss(t *testing.T) {
	p := mysqltest.StartPair(t)
	o := mysqlHand(t, p.Tokyo, p.Osaka)
	p.Tokyo.Exec(t, "CREATE TABLE shop.moved (n INT PRIMARY KEY)")
	for n := range 20 {
		p.Tokyo.Exec(t, "INSERT INTO shop.moved VALUES (?)", n)
	}
	mysqltest.Eventually(t, 30*time.Second, func() string {
		o.paste(t, "mysql.switchover", map[string]any{"from": "tokyo", "to": "osaka"})
		if mysqltest.Value[int](t, p.Osaka, "SELECT @@global.read_only") != 0 {
			return "osaka is not promoted"
		}
		return ""
	})
	if n := mysqltest.Value[int](t, p.Osaka, "SELECT COUNT(*) FROM shop.moved"); n != 20 || mysqltest.Value[int](t, p.Tokyo, "SELECT @@global.read_only") != 1 {
		t.Fatalf("%d of 20 rows", n)
	}
}

// Who lacks something is not switched to.
func TestMySQLIsNotSwitchedToOneThatLacksSomething(t *testing.T) {
	p := mysqltest.StartPair(t)
	o := mysqlHand(t, p.Tokyo, p.Osaka)
	p.Tokyo.AwaitReplica(t, p.Osaka)
	p.Osaka.Exec(t, "STOP REPLICA IO_THREAD")
	p.Tokyo.Exec(t, "CREATE TABLE shop.behind (n INT PRIMARY KEY)")
	o.paste(t, "mysql.switchover", map[string]any{"from": "tokyo", "to": "osaka"})
	if mysqltest.Value[int](t, p.Osaka, "SELECT @@global.read_only") != 1 {
		t.Fatal("osaka was promoted without what tokyo wrote")
	}
	o.paste(t, "mysql.unfence", map[string]any{"server": "tokyo", "others": []string{"osaka"}}) // the way back
	if err := p.Tokyo.TryWrite(t); err != nil {
		t.Fatal(err)
	}
}

// MySQL calls the columns of a replica's status otherwise than MariaDB does.
func TestBothFlavoursSayWhatIsApplied(t *testing.T) {
	const status = `*************************** 1. row ***************************
             Replica_IO_State:
              Source_Log_File: binlog.000004
          Read_Source_Log_Pos: 900
               Relay_Log_File: relay.000002
        Relay_Source_Log_File: binlog.000004
           Replica_IO_Running: No
          Replica_SQL_Running: Yes
          Exec_Source_Log_Pos: 900
    Replica_SQL_Running_State: Replica has read all relay log; waiting for more updates
`
	o := newOperator(t, "")
	for _, c := range []struct {
		from, to string
		applied  bool
	}{
		{"", "", true},
		{"Source_", "Master_", true},
		{"Exec_Source_Log_Pos: 900", "Exec_Source_Log_Pos: 800", false},
		{"Relay_Source_Log_File: binlog.000004", "Relay_Source_Log_File: binlog.000003", false},
		{"Replica_SQL_Running: Yes", "Replica_SQL_Running: No", false},
		{status, "", false},
	} {
		out := o.run(t, "printf %s "+quote(strings.Replace(status, c.from, c.to, map[bool]int{true: -1, false: 1}[c.from == "Source_"]))+" | "+applied+" && echo all")
		if strings.Contains(out, "all") != c.applied {
			t.Errorf("%q for %q: %s", c.to, c.from, out)
		}
	}
}
