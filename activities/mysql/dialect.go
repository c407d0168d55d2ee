package mysql

import (
	"fmt"
	"regexp"
	"strconv"

	"github.com/muster-dr/muster/internal/mycluster"
	"github.com/muster-dr/muster/internal/mylink"
)

// mark begins every statement that changes a server's role, so that one that is still under
// way is seen among the server's sessions.
const mark = "/* muster */ "

// statement is SQL with its values, which are put in by the driver.
type statement struct {
	sql  string
	args []any
}

// dialect is what the two flavours say differently. MySQL's is that of 8.0.23 and later,
// which dropped the old words; MariaDB's is that of 10.5 and later.
type dialect struct {
	identity     string // server ID, read_only, whether administrators are bound too, position, and by which servers' IDs
	replica      string // the replica's status
	columns      columns
	startForgets bool   // starting a stopped replica throws away what it received and did not apply
	startSQL     string // the thread that applies
	stopIO       string // the thread that receives
	startIO      string
	stop         string
	start        string
	forget       string // whom it followed
	readOnly     []string
	readWrite    []string
	persisted    string         // what the server itself keeps of read_only over a restart; "" where it keeps nothing
	scheduler    string         // whether scheduled events run, when no option says so
	dump, client []string       // programs by their names
	dumpedAt     *regexp.Regexp // the position in a dump
	adoptOwn     string         // what it wrote itself counts as received; "" where it does anyway
	dumpOptions  []string
}

// columns of a replica's status.
type columns struct {
	host, port, serverID, ioRunning, sqlRunning, received, behind, gtid string
}

var dialects = map[mylink.Flavour]dialect{
	mycluster.MariaDB: {
		identity: "SELECT @@server_id, @@global.read_only, @@global.read_only, @@global.gtid_current_pos, CONCAT_WS(',', @@global.gtid_binlog_state, @@global.gtid_slave_pos)",
		replica:  "SHOW SLAVE STATUS",
		columns: columns{host: "Master_Host", port: "Master_Port", serverID: "Master_Server_Id", ioRunning: "Slave_IO_Running", sqlRunning: "Slave_SQL_Running",
			received: "Gtid_IO_Pos", behind: "Seconds_Behind_Master", gtid: "Using_Gtid"},
		startForgets: true,
		startSQL:     "START SLAVE SQL_THREAD", stopIO: "STOP SLAVE IO_THREAD", startIO: "START SLAVE IO_THREAD", stop: "STOP SLAVE", start: "START SLAVE", forget: "RESET SLAVE ALL",
		readOnly: []string{"SET GLOBAL read_only = 1"}, readWrite: []string{"SET GLOBAL read_only = 0"},
		scheduler: "OFF",
		adoptOwn:  "SET GLOBAL gtid_slave_pos = @@global.gtid_current_pos",
		dump:      mycluster.Dump, client: mycluster.Client,
		dumpOptions: []string{"--gtid", "--master-data=2"},
		dumpedAt:    regexp.MustCompile(`gtid_slave_pos='([^']*)'`),
	},
	mycluster.MySQL: {
		identity: "SELECT @@server_id, @@global.read_only, @@global.super_read_only, @@global.gtid_executed, ''",
		replica:  "SHOW REPLICA STATUS",
		columns: columns{host: "Source_Host", port: "Source_Port", serverID: "Source_Server_Id", ioRunning: "Replica_IO_Running", sqlRunning: "Replica_SQL_Running",
			received: "Retrieved_Gtid_Set", behind: "Seconds_Behind_Source", gtid: "Auto_Position"},
		startSQL: "START REPLICA SQL_THREAD", stopIO: "STOP REPLICA IO_THREAD", startIO: "START REPLICA IO_THREAD", stop: "STOP REPLICA", start: "START REPLICA", forget: "RESET REPLICA ALL",
		readOnly:  []string{"SET PERSIST super_read_only = ON", "SET PERSIST read_only = ON"},
		readWrite: []string{"SET PERSIST super_read_only = OFF", "SET PERSIST read_only = OFF"},
		persisted: "SELECT COALESCE(MAX(VARIABLE_VALUE), '') FROM performance_schema.persisted_variables WHERE VARIABLE_NAME = 'super_read_only'",
		scheduler: "ON",
		dump:      []string{"mysqldump"}, client: []string{"mysql"},
		dumpOptions: []string{"--source-data=2", "--set-gtid-purged=ON"},
		dumpedAt:    regexp.MustCompile(`GTID_PURGED=(?:/\*!80000 '\+'\*/ )?'([^']*)'`),
	},
}

// follow are the statements that make a server a replica of up.
func (d dialect) follow(of mylink.Flavour, up mylink.Server) []statement {
	user, password := mylink.Replication(up)
	encrypted, verified := 0, 0
	switch up.TLS {
	case "require":
		encrypted = 1
	case "verify-full":
		encrypted, verified = 1, 1
	}
	args := []any{up.Host, mylink.Port(up), user, password, encrypted, verified}
	change := "CHANGE MASTER TO MASTER_HOST = ?, MASTER_PORT = ?, MASTER_USER = ?, MASTER_PASSWORD = ?, MASTER_SSL = ?, MASTER_SSL_VERIFY_SERVER_CERT = ?, MASTER_CONNECT_RETRY = 2, MASTER_USE_GTID = slave_pos"
	if of == mycluster.MySQL {
		change = "CHANGE REPLICATION SOURCE TO SOURCE_HOST = ?, SOURCE_PORT = ?, SOURCE_USER = ?, SOURCE_PASSWORD = ?, SOURCE_SSL = ?, SOURCE_SSL_VERIFY_SERVER_CERT = ?, SOURCE_CONNECT_RETRY = 2, GET_SOURCE_PUBLIC_KEY = 1, SOURCE_AUTO_POSITION = 1"
	}
	out := []statement{{sql: d.stop}, {sql: d.forget}}
	if d.adoptOwn != "" {
		out = append(out, statement{sql: d.adoptOwn})
	}
	return append(out, statement{change, args}, statement{sql: d.start})
}

// emptyLog makes a server forget all that it has ever written, which a rebuild needs. MySQL
// 8.4 no longer knows the old words.
func emptyLog(of mylink.Flavour, version string) string {
	var major, minor int
	if _, err := fmt.Sscanf(version, "%d.%d", &major, &minor); err == nil && of == mycluster.MySQL && (major > 8 || major == 8 && minor >= 2) {
		return "RESET BINARY LOGS AND GTIDS"
	}
	return "RESET MASTER"
}

// truth reads a variable that is shown as 0 or 1, OFF or ON, or a word that is more than ON.
func truth(v string) bool { return v != "" && v != "0" && v != "OFF" }

// number reads a figure of a status; a bad one is 0.
func number(s string) int {
	n, err := strconv.Atoi(s)
	if err != nil {
		return 0
	}
	return n
}
