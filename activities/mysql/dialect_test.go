package mysql

import (
	"strings"
	"testing"

	"github.com/muster-dr/muster/activities"
	"github.com/muster-dr/muster/internal/mycluster"
	"github.com/muster-dr/muster/internal/mylink"
)

// MySQL's own server is not among the tests' servers: what is said to it is held against
// its manual (8.0.23 to 9) here.
func TestEachFlavourIsSpokenToInItsOwnWords(t *testing.T) {
	t.Parallel()
	up := Server{Host: "192.0.2.1", Port: 3307, User: "root", Password: activities.NewSecret("p"), Replicate: "replica", ReplicatePwd: activities.NewSecret("q"), TLS: "verify-full"}
	for of, want := range map[mylink.Flavour][]string{
		mycluster.MariaDB: {"STOP SLAVE", "RESET SLAVE ALL", "SET GLOBAL gtid_slave_pos = @@global.gtid_current_pos", "CHANGE MASTER TO", "START SLAVE"},
		mycluster.MySQL:   {"STOP REPLICA", "RESET REPLICA ALL", "CHANGE REPLICATION SOURCE TO", "START REPLICA"},
	} {
		got := dialects[of].follow(of, up)
		if len(got) != len(want) {
			t.Fatalf("%s: %v", of, got)
		}
		for n, s := range got {
			if !strings.HasPrefix(s.sql, want[n]) || strings.Count(s.sql, "?") != len(s.args) {
				t.Errorf("%s: %q with %v, want %s", of, s.sql, s.args, want[n])
			}
		}
		change := got[len(got)-2]
		if change.args[0] != "192.0.2.1" || change.args[1] != 3307 || change.args[2] != "replica" || change.args[3] != "q" || change.args[4] != 1 || change.args[5] != 1 {
			t.Errorf("%s: %v", of, change.args)
		}
		for _, words := range []string{"MASTER", "SLAVE"} {
			for _, s := range got {
				if of == mycluster.MySQL && strings.Contains(strings.ToUpper(s.sql), words) {
					t.Errorf("MySQL 8.4 knows no %s: %s", words, s.sql)
				}
			}
		}
	}
	my, maria := dialects[mycluster.MySQL], dialects[mycluster.MariaDB]
	if my.readOnly[0] != "SET PERSIST super_read_only = ON" || my.readWrite[0] != "SET PERSIST super_read_only = OFF" || !strings.Contains(my.identity, "super_read_only") || !strings.Contains(my.identity, "gtid_executed") {
		t.Errorf("MySQL binds administrators too, and keeps that: %+v", my)
	}
	if strings.Contains(strings.Join(maria.readOnly, " "), "PERSIST") || maria.persisted != "" {
		t.Error("MariaDB has no SET PERSIST")
	}
	for version, want := range map[string]string{"8.0.44": "RESET MASTER", "8.4.3-commercial": "RESET BINARY LOGS AND GTIDS", "9.1.0": "RESET BINARY LOGS AND GTIDS", "8.2.0": "RESET BINARY LOGS AND GTIDS"} {
		if got := emptyLog(mycluster.MySQL, version); got != want {
			t.Errorf("MySQL %s: %s, want %s", version, got, want)
		}
	}
	if got := emptyLog(mycluster.MariaDB, "11.4.2-MariaDB"); got != "RESET MASTER" {
		t.Errorf("MariaDB: %s", got)
	}
}

// Another server at the address of the one that a replica followed is in the way of its promotion only where it may be a copy of
// the same database.
func TestWhatMayBeACopyIsKin(t *testing.T) {
	t.Parallel()
	position := func(of mylink.Flavour, gtid string) mylink.Position {
		p, err := mylink.ParsePosition(of, gtid)
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	const uuid = "3e11fa47-71ca-11e1-9e33-c80aa9429562:1-5"
	for name, c := range map[string]struct {
		of                   mylink.Flavour
		gtid, writers, other string
		kin                  bool
	}{
		"MariaDB, by its log":             {mycluster.MariaDB, "0-77-12", "0-1-10,0-77-12,", "0-1-11", true},
		"MariaDB, by what it followed":    {mycluster.MariaDB, "0-77-12", "0-77-12,0-1-10", "0-1-11", true},
		"MariaDB, whose writes it has":    {mycluster.MariaDB, "0-77-12", "0-77-12", "0-77-11", true},
		"MariaDB, of somebody else":       {mycluster.MariaDB, "0-77-12", "0-77-12,", "0-1-11", false},
		"MariaDB, one that wrote nothing": {mycluster.MariaDB, "", ",", "0-1-11", false},
		"MySQL":                           {mycluster.MySQL, uuid, "", uuid, true},
		"MySQL, of somebody else":         {mycluster.MySQL, uuid, "", "4e11fa47-71ca-11e1-9e33-c80aa9429562:1-5", false},
	} {
		v := view{Flavour: c.of, Has: position(c.of, c.gtid), Writers: c.writers}
		if got := v.kin(view{Flavour: c.of, Has: position(c.of, c.other), Writers: c.other, Replica: &replica{ServerID: "1"}}); got != c.kin {
			t.Errorf("%s: %v, want %v", name, got, c.kin)
		}
	}
}

// A replica's status as MySQL 8.4 shows it.
func TestAReplicaOfMySQLIsRead(t *testing.T) {
	t.Parallel()
	const source = "3e11fa47-71ca-11e1-9e33-c80aa9429562"
	row := map[string]string{"Source_Host": "192.0.2.1", "Source_Port": "3306", "Source_Server_Id": "1", "Replica_IO_Running": "Connecting", "Replica_SQL_Running": "Yes",
		"Last_IO_Errno": "2003", "Last_IO_Error": "error connecting to source", "Last_SQL_Errno": "0", "Seconds_Behind_Source": "", "Retrieved_Gtid_Set": source + ":5-9", "Auto_Position": "1"}
	r, err := replicaOf(mycluster.MySQL, row)
	if err != nil {
		t.Fatal(err)
	}
	has, err := mylink.ParsePosition(mycluster.MySQL, source+":1-7")
	if err != nil {
		t.Fatal(err)
	}
	if r.running() || !r.ByGTID || r.BehindS != nil || has.Lacks(r.Received) != 2 || r.trouble() != "error 2003: error connecting to source" || r.Host != "192.0.2.1" || r.Port != 3306 {
		t.Errorf("replica = %+v", r)
	}
	row["Auto_Position"], row["Seconds_Behind_Source"] = "0", "12"
	if r, err = replicaOf(mycluster.MySQL, row); err != nil || r.ByGTID || r.BehindS == nil || *r.BehindS != 12 {
		t.Errorf("replica = %+v, %v", r, err)
	}
}

func TestTheDumpSaysWhereItStands(t *testing.T) {
	t.Parallel()
	for of, texts := range map[mylink.Flavour]map[string]string{
		mycluster.MariaDB: {"-- SET GLOBAL gtid_slave_pos='0-2-9';\n": "0-2-9"},
		mycluster.MySQL: {"SET @@GLOBAL.GTID_PURGED=/*!80000 '+'*/ '3e11fa47-71ca-11e1-9e33-c80aa9429562:1-5,\n4f22ab58-71ca-11e1-9e33-c80aa9429562:1';\n": "3e11fa47-71ca-11e1-9e33-c80aa9429562:1-5,4f22ab58-71ca-11e1-9e33-c80aa9429562:1",
			"SET @@GLOBAL.GTID_PURGED='3e11fa47-71ca-11e1-9e33-c80aa9429562:1-5';\n": "3e11fa47-71ca-11e1-9e33-c80aa9429562:1-5"},
	} {
		for text, want := range texts {
			var sink strings.Builder
			e := &edges{to: &sink}
			whole := text + strings.Repeat("-- row\n", 20000) + "-- Dump completed on 2026-11-28 14:01:37\n"
			for len(whole) > 0 { // in pieces, as a pipe gives them
				n := min(len(whole), 1000)
				if _, err := e.Write([]byte(whole[:n])); err != nil {
					t.Fatal(err)
				}
				whole = whole[n:]
			}
			if got, err := e.position(dialects[of]); err != nil || got != want || !e.completed() || int64(sink.Len()) != e.bytes {
				t.Errorf("%s: %q, %v, completed %v", of, got, err, e.completed())
			}
		}
	}
	if _, err := (&edges{}).position(dialects[mycluster.MariaDB]); err == nil {
		t.Error("an empty dump has a position")
	}
}
