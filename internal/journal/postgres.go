package journal

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"

	"github.com/muster-dr/muster/internal/deadpeer"
	"github.com/muster-dr/muster/internal/plan"
)

// postgresForm is how the address of a PostgreSQL store is written.
const postgresForm = "postgres://USER@HOST:5432,HOST:5432/DATABASE"

// openPostgres opens the schema of a database that the address leads to. What Append
// acknowledged survives the end of the server, and where the server waits for a standby its loss too.
func openPostgres(ctx context.Context, address string, o options) (_ *database, err error) {
	config, where, err := postgresConfig(address, o)
	if err != nil {
		return nil, err
	}
	o.certificates = &certificates{address: address}
	own := &postgres{where: where, opened: o}
	own.config = own.accepting(config)
	s := &database{dialect: own, where: where}
	own.announce = s.announce
	defer func() {
		if err != nil {
			err = errors.Join(s.explain(plan.Text{EN: "open", JA: "開く"}, err), s.Close())
		}
	}()
	own.servers = survey(ctx, config, o)
	if err := own.choose(own.servers, o); err != nil {
		return nil, err
	}
	// Those who write wait for each other, and may not keep others from reading.
	s.write, s.read = own.pool(o), own.pool(o)
	tries := tryFor
	if o.once {
		tries = 0
	}
	if _, err := againWithin(ctx, s, s.patience(), tries, func(ctx context.Context) (none struct{}, err error) { return none, own.claim(ctx, s.write, o) }); err != nil {
		return nil, err
	}
	// A large record takes its time: only who asked for it ends that.
	if _, err := againWithin(ctx, s, 0, tries, func(ctx context.Context) (none struct{}, err error) { return none, own.update(ctx, o) }); err != nil {
		return nil, err
	}
	if !o.asIs && !o.alone { // nobody waits with it
		own.listen(o)
	}
	return s, nil
}

// postgresConfig reads an address. where is what people are told of it.
func postgresConfig(address string, o options) (_ *pgx.ConnConfig, where string, err error) {
	u, err := url.Parse(address)
	if err != nil { // it repeats the address, which may hold a password
		return nil, "", plan.Wrong("record store: the address is not written as %s", "記録の保存先: アドレスは %s の形で書いてください", postgresForm)
	}
	query := u.Query()
	if _, has := u.User.Password(); has || query.Has("password") {
		return nil, "", plan.Wrong("record store: a password stands in the address, where processes, logs and copies of the settings show it. Leave it out and write store_password as a reference, such as secret://file/etc/muster/store-password, or name a password file in PGPASSFILE",
			"記録の保存先: アドレスにパスワードを書かないでください（プロセス一覧やログ、設定ファイルのコピーから漏れます）。store_password に secret://file/etc/muster/store-password のような参照を書くか、PGPASSFILE でパスワードファイルを指定してください")
	}
	hosts := hostsOf(u, query)
	beyond := slices.ContainsFunc(hosts, func(h string) bool { return !local(h) })
	mode := query.Get("sslmode")
	if mode == "" {
		if mode = os.Getenv("PGSSLMODE"); mode == "" && beyond {
			mode = "verify-full"
			query.Set("sslmode", mode)
		}
	}
	for name, value := range map[string]string{"target_session_attrs": "read-write", "connect_timeout": "3", "application_name": "muster"} {
		if !query.Has(name) {
			query.Set(name, value)
		}
	}
	u.RawQuery = query.Encode()
	config, err := pgx.ParseConfig(u.String())
	if err != nil {
		// The error of the driver repeats the address; what is wrong is at its end.
		why := err.Error()
		if e := new(pgconn.ParseConfigError); errors.As(err, &e) && e.Unwrap() != nil {
			why = e.Unwrap().Error()
		}
		return nil, "", plan.Wrong("record store: the address can't be used: %s; it is written as %s", "記録の保存先: アドレスに誤りがあります（%s）。%s の形で書いてください", why, postgresForm)
	}
	if beyond && mode != "verify-full" {
		o.tell(plan.Say("record store: sslmode=%s does not make sure that the server is the right one, or that nobody reads along; use verify-full, with sslrootcert for a CA of your own",
			"記録の保存先: sslmode=%s では接続先が本物か、通信が盗み見られないかを確認できません。verify-full にしてください（自前のCAは sslrootcert で指定）", mode))
	}
	config.DialFunc = (&net.Dialer{KeepAlive: 5 * time.Second, Control: deadpeer.Control}).DialContext
	// Locks are taken by the first statement of a transaction; the next must see what others wrote meanwhile.
	config.RuntimeParams["default_transaction_isolation"] = "read committed"
	if !o.alone { // who copies a whole store reads one side while the other waits
		config.RuntimeParams["idle_in_transaction_session_timeout"] = "60000"
	}
	return config, fmt.Sprintf("postgres://%s/%s", strings.Join(hosts, ","), config.Database), nil
}

// hostsOf are the servers that the address names.
func hostsOf(u *url.URL, query url.Values) []string {
	list := u.Host
	if list == "" {
		list = query.Get("host")
	}
	if list == "" {
		if list = os.Getenv("PGHOST"); list == "" {
			list = "localhost"
		}
	}
	return strings.Split(list, ",")
}

// local reports whether what is said to a host stays on this machine.
func local(host string) bool {
	if strings.HasPrefix(host, "/") || strings.HasPrefix(host, "@") {
		return true // a socket
	}
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	host = strings.Trim(host, "[]")
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// postgres is the dialect of PostgreSQL.
type postgres struct {
	where    string
	config   *pgx.ConnConfig
	opened   options
	servers  []Server // as they were when it was opened
	pools    []*sql.DB
	seen     timeline
	announce func(runs ...string)
	listener
}

func (p *postgres) pool(o options) *sql.DB {
	db := p.connections(p.config, o)
	p.pools = append(p.pools, db)
	return db
}

func (p *postgres) connections(config *pgx.ConnConfig, o options) *sql.DB {
	db := stdlib.OpenDB(*config, stdlib.OptionBeforeConnect(func(ctx context.Context, c *pgx.ConnConfig) error { return withSecrets(ctx, c, o) }),
		stdlib.OptionResetSession(func(_ context.Context, c *pgx.Conn) error {
			if p.seen.replaced(c.PgConn()) { // it was opened before another server took over
				return driver.ErrBadConn
			}
			return nil
		}))
	db.SetMaxOpenConns(8)
	db.SetMaxIdleConns(4)
	db.SetConnMaxIdleTime(5 * time.Minute)
	return db
}

// withSecrets sets the certificates and the password that are found now.
func withSecrets(ctx context.Context, c *pgx.ConnConfig, o options) error {
	o.certificates.renew(c, o)
	if o.password == nil {
		return nil
	}
	word, err := o.password(ctx)
	if err != nil {
		return &trouble{text: plan.Say("the password of its user can't be had", "ユーザーのパスワードを取得できません"), err: err}
	}
	c.Password = word
	return nil
}

// claim refuses a schema that is somebody else's.
func (p *postgres) claim(ctx context.Context, db *sql.DB, o options) error {
	conn, err := db.Conn(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	var encoding, schema string
	var ours, tables bool
	if err := conn.QueryRowContext(ctx, `SELECT current_setting('server_encoding'), coalesce(current_schema(), ''), to_regclass('muster_schema') IS NOT NULL,
		EXISTS (SELECT FROM pg_class WHERE relkind IN ('r', 'p', 'v', 'm') AND relnamespace = to_regnamespace(quote_ident(current_schema())))`).Scan(&encoding, &schema, &ours, &tables); err != nil {
		return err
	}
	switch {
	case encoding != "UTF8":
		return plan.Wrong("the database's encoding is %s, which does not take every name; make one with ENCODING 'UTF8'", "データベースの文字コードが %s のため、保存できない氏名があります。ENCODING 'UTF8' で作り直してください", encoding)
	case schema == "":
		return plan.Wrong("the user has no schema there; run CREATE SCHEMA, or name one with ?search_path=NAME", "このユーザーが使えるスキーマがありません。CREATE SCHEMA を実行するか、?search_path=名前 で指定してください")
	case !ours && tables:
		return plan.Wrong("schema %q holds another program's tables; it was left as it is; make a database for muster alone", "スキーマ %q には別のプログラムの表があります。変更はしていません。muster専用のデータベースを作成してください", schema)
	}
	if !ours && o.asIs {
		return &trouble{text: plan.Say("there are no records yet; the server makes the tables when it starts", "まだ記録がありません。サーバーの起動時に表を作成します"), err: ErrEmpty, silent: true}
	}
	p.schema = schema
	return nil
}

// update brings the schema up to date. Of servers that start at once one does so, and the others
// wait for it and find it done.
func (p *postgres) update(ctx context.Context, o options) error {
	config := p.config.Copy()
	config.RuntimeParams["idle_in_transaction_session_timeout"] = "0"
	db := p.connections(config, o)
	defer db.Close()
	conn, err := db.Conn(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	// It says nothing while another one works.
	if _, err := conn.ExecContext(ctx, `SELECT set_config(name, '0', false) FROM pg_settings WHERE name = 'idle_session_timeout'`); err != nil {
		return err
	}
	lock := "muster/migrate/" + p.schema
	if err := p.awaitLock(ctx, conn, lock, o); err != nil {
		return err
	}
	defer func() { // with the connection it ends by itself
		end, cancel := context.WithTimeout(context.WithoutCancel(ctx), p.patience())
		defer cancel()
		_, _ = conn.ExecContext(end, `SELECT pg_advisory_unlock(hashtextextended($1, 0))`, lock)
	}()
	return migrate(ctx, db, postgresSchema, o, func(_ context.Context, _ *sql.DB, has, known int64) (plan.Text, error) {
		o.tell(plan.Say("the record store %s goes from schema %d to %d, each step in a transaction of its own. There is no way back but a copy from before: pg_dump makes one",
			"記録の保存先 %s のスキーマを %d から %d に更新します（段階ごとに1トランザクション）。元に戻すには更新前のコピー（pg_dumpで取得）が必要です", p.where, has, known))
		return plan.Text{}, nil
	})
}

// awaitLock asks for a lock until it is free. No statement waits, so that no limit of the server's
// ends the wait and a server that is gone is found.
func (p *postgres) awaitLock(ctx context.Context, conn *sql.Conn, name string, o options) error {
	began, said := time.Now(), false
	for {
		var got bool
		if err := conn.QueryRowContext(ctx, `SELECT pg_try_advisory_lock(hashtextextended($1, 0))`, name).Scan(&got); ctx.Err() == nil && (err != nil || got) {
			return err
		}
		if !said && time.Since(began) > time.Second { // one that finds it done has it for a moment only
			said = true
			o.tell(plan.Say("record store %s: another server brings its schema up to date; this one waits until it is done", "記録の保存先 %s: 別のサーバーがスキーマを更新中です。完了を待ちます", p.where))
		}
		select {
		case <-time.After(200 * time.Millisecond):
		case <-ctx.Done():
			return &trouble{text: plan.Say("another server still brings its schema up to date; start again once it is done", "別のサーバーがまだスキーマを更新中です。完了後に起動し直してください"), err: ctx.Err()}
		}
	}
}

func (*postgres) lock(ctx context.Context, tx *sql.Tx, of ...string) error {
	slices.Sort(of) // two who need the same ones take them in the same order
	for _, name := range of {
		if _, err := tx.ExecContext(ctx, `SELECT pg_advisory_xact_lock(hashtextextended(current_schema() || '/' || $1, 0))`, name); err != nil {
			return err
		}
	}
	return nil
}

// A row lock is written to the log, so that its commit waits for the standby as that of the row
// did: it may have been given up on while it waited, and is then on the primary alone.
func (*postgres) settled() string { return " FOR SHARE" }

func (*postgres) settle(ctx context.Context, tx *sql.Tx) error {
	_, err := tx.ExecContext(ctx, `UPDATE pings SET n = n + 1 WHERE id = 1`)
	return err
}

func (p *postgres) patience() time.Duration {
	if p.opened.patience > 0 {
		return p.opened.patience
	}
	return 10 * time.Second
}

func (p *postgres) passes(err error) bool {
	var refused *pgconn.PgError
	var connecting *pgconn.ConnectError
	switch {
	case errors.As(err, &refused):
		switch class := refused.Code[:2]; {
		case refused.Code == "25006": // it is a standby now; the next connection looks for the primary
			p.letGo()
			return true
		case class == "08", class == "57" && refused.Code != "57014", class == "40", refused.Code == "53300":
			return true
		}
		return false
	case errors.As(err, &connecting): // also where one server was refused as the older one: the other may come
		return true
	case errors.Is(err, context.Canceled), errors.Is(err, sql.ErrNoRows), errors.As(err, new(*trouble)), errors.As(err, new(interface{ Said() plan.Text })):
		return false
	}
	// What no server said came from the network.
	var network net.Error
	return errors.As(err, &network) || pgconn.SafeToRetry(err) || pgconn.Timeout(err) || broken(err)
}

// letGo closes the connections that nobody uses.
func (p *postgres) letGo() {
	for _, db := range p.pools {
		db.SetMaxIdleConns(-1)
		db.SetMaxIdleConns(4)
	}
}

func (*postgres) alive() error { return nil }

func (p *postgres) because(err error) plan.Text {
	var refused *pgconn.PgError
	if errors.As(err, &refused) {
		switch refused.Code {
		case "53100":
			return plan.Say("the server's disk is full; free space on it, nothing was lost and it then goes on", "サーバーのディスクが満杯です。空き容量を確保すれば自動で続行します。失われた記録はありません")
		case "25006":
			return plan.Say("the server is a standby and takes no writes; promote one, or name the primary too in the address", "接続先はスタンバイで、書き込めません。昇格させるか、アドレスにプライマリも書いてください")
		case "28P01", "28000":
			return plan.Say("the server does not let this user in; see store_password and its pg_hba.conf", "サーバーにログインを拒否されました。store_password とサーバーのpg_hba.confを確認してください")
		case "3D000":
			return plan.Say("there is no such database; make it with CREATE DATABASE", "データベースがありません。CREATE DATABASE で作成してください")
		case "42501":
			return plan.Say("this user may not do that; make it the owner of the database", "このユーザーに権限がありません。データベースの所有者にしてください")
		case "53300":
			return plan.Say("the server has no connection left; raise max_connections", "サーバーの接続数が上限に達しています。max_connections を増やしてください")
		case "XX001", "XX002":
			return plan.Say("the server's data is damaged; stop muster, keep a copy of it and go over to the standby or a back-up", "サーバーのデータが破損しています。musterを止め、コピーを保管してから、スタンバイかバックアップに切り替えてください")
		}
		return plan.Text{}
	}
	if errors.As(err, new(interface{ Said() plan.Text })) {
		return plan.Text{}
	}
	if over := (x509.CertificateInvalidError{}); errors.As(err, &over) && over.Reason == x509.Expired && over.Cert != nil && time.Now().After(over.Cert.NotAfter) {
		return plan.Say("the certificate that the server shows ended on %s; put a new one in its place there, and have it read: SELECT pg_reload_conf()", "サーバーが示す証明書は %s に期限が切れています。サーバー側で新しいものに置き換え、読み込ませてください（SELECT pg_reload_conf()）",
			over.Cert.NotAfter.Local().Format(time.DateOnly))
	}
	if errors.As(err, new(*tls.CertificateVerificationError)) {
		return plan.Say("the server does not prove that it is the one that was named; sslrootcert names a CA of your own", "接続先が指定したサーバーであることを確認できません。自前のCAは sslrootcert で指定してください")
	}
	if p.passes(err) || errors.Is(err, context.DeadlineExceeded) {
		return plan.Say("no server that takes writes answers; what was acknowledged is kept, and muster goes on by itself once one does", "書き込みを受け付けるサーバーから応答がありません。記録済みの内容は保持されており、応答があれば自動で続行します")
	}
	return plan.Text{}
}
