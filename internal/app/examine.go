package app

import (
	"context"
	"crypto/tls"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/muster-dr/muster/activities/all"
	"github.com/muster-dr/muster/internal/api"
	"github.com/muster-dr/muster/internal/config"
	"github.com/muster-dr/muster/internal/engine"
	"github.com/muster-dr/muster/internal/i18n"
	"github.com/muster-dr/muster/internal/ledger"
	"github.com/muster-dr/muster/internal/policy"
	"github.com/muster-dr/muster/internal/scenario"
	"github.com/muster-dr/muster/internal/secret"
)

// Result says how a check came out.
type Result string

const (
	Good Result = "good"
	Odd  Result = "odd" // works, but should be known
	Bad  Result = "bad"
)

// Check is one thing that was looked at.
type Check struct {
	ID     string `json:"id"`
	Title  string `json:"title"`
	Result Result `json:"result"`
	Found  string `json:"found"`
	WayOut string `json:"way_out,omitempty"`
}

// worker looks at what a site's worker needs: its way to the engine, and what it shows there.
func (e *examination) worker(ctx context.Context) {
	title := e.t("site", "拠点")
	if err := ownCertificate(e.l, e.c, time.Now()); err != nil {
		e.trouble("site", title, err)
	} else {
		e.add("site", title, Good, e.t("%s, a worker", "%s（ワーカー）", e.c.Site), "")
	}
	e.ledger()
	e.policy()
	e.keys(ctx)
	e.engine(ctx, nil)
	e.line()
	e.certificates(time.Now())
	e.clock()
	e.postgres()
}

// ledger looks at the record of effects, without which no worker starts.
func (e *examination) ledger() {
	title, path := e.t("effect ledger", "実行台帳"), filepath.Join(e.c.SiteDir(e.c.Site), "ledger.db")
	switch there, err := ledger.Look(path); {
	case err != nil:
		e.add("ledger", title, Bad, path+": "+spoken{e.l, err}.Error(), e.t("No worker starts on a ledger that it can't open", "台帳を開けない場合、ワーカーは起動しません"))
	case !there:
		e.add("ledger", title, Good, e.t("%s is not there yet; the worker makes it", "%s はまだありません。ワーカーが作成します", path), "")
	default:
		e.add("ledger", title, Good, path, "")
	}
}

// policy looks at what the worker refuses whatever a plan says.
func (e *examination) policy() {
	title := e.t("policy", "ポリシー")
	file := e.c.Policy
	if file == "" {
		e.add("policy", title, Good, e.t("none: the worker does what plans say", "なし。計画の内容をそのまま実行します"), "")
		return
	}
	if _, err := policy.Load(file, actionIDs()); err != nil {
		e.add("policy", title, Bad, file+": "+spoken{e.l, err}.Error(), e.t("No worker starts on a policy with mistakes: correct it", "誤りのあるポリシーではワーカーを起動しません。修正してください"))
		return
	}
	e.add("policy", title, Good, file, "")
}

func actionIDs() []string {
	var ids []string
	for _, a := range all.Registry(all.Options{}).Actions() {
		ids = append(ids, a.ID)
	}
	return ids
}

// Free space below which runs are at risk, and below which it should be known.
const (
	spaceBad = 100 << 20
	spaceOdd = 1 << 30
)

// Examine looks at all that muster needs on this machine and changes nothing.
func Examine(ctx context.Context, l i18n.Lang, c config.Config) []Check {
	e := &examination{l: l, c: c, zone: time.Local, seen: &secret.Redactor{}}
	e.settings()
	e.data()
	e.space()
	if c.Site != "" { // a worker has no door, no records and no plans
		e.worker(ctx)
		return e.checks
	}
	e.token()
	e.door()
	serves := e.server(ctx)
	if e.elsewhere(serves) && e.c.Server == "" {
		e.add("engine", e.t("engine", "エンジン"), Bad, e.notItsSettings(), e.itsSettings("doctor"))
	} else {
		e.keys(ctx)
		e.engine(ctx, serves)
	}
	e.line()
	e.certificates(time.Now())
	e.store(ctx, serves)
	e.evidence(serves)
	e.plans(serves)
	e.security()
	e.clock()
	e.postgres()
	e.channels(ctx)
	return e.checks
}

type examination struct {
	upgrade bool           // what answers is not to be taken at its word: this program has to look for itself
	zone    *time.Location // of the organisation, where the plan files can be read
	l       i18n.Lang
	c       config.Config
	checks  []Check
	seen    *secret.Redactor // secrets that were read on the way
	raised  *int             // security alarms of the last 24 hours, where the record store could be looked at
}

// options are those of a process that looks as the server would.
func (e *examination) options() Options { return Options{Config: e.c, Lang: e.l, seen: e.seen} }

func (e *examination) t(en, ja string, args ...any) string { return e.l.T(en, ja, args...) }

func (e *examination) add(id, title string, r Result, found, wayOut string) {
	if e.seen != nil {
		found, wayOut = e.seen.Text(found), e.seen.Text(wayOut)
	}
	e.checks = append(e.checks, Check{ID: id, Title: title, Result: r, Found: found, WayOut: wayOut})
}

// trouble adds an error with its own way out.
func (e *examination) trouble(id, title string, err error) {
	if t := new(Trouble); errors.As(err, &t) {
		found := t.What
		if t.Err != nil {
			found += ": " + spoken{e.l, t.Err}.Error()
		}
		e.add(id, title, Bad, found, t.WayOut)
		return
	}
	e.add(id, title, Bad, spoken{e.l, err}.Error(), "")
}

func (e *examination) settings() {
	file := e.c.File
	if file == "" {
		file = e.t("no muster.yaml; defaults, MUSTER_* and flags", "muster.yamlなし (既定値、MUSTER_*、フラグ)")
	}
	if len(e.c.Strays) == 0 {
		e.add("settings", e.t("settings", "設定"), Good, file, "")
		return
	}
	for _, s := range e.c.Strays {
		file += "; " + s.In(string(e.l))
	}
	e.add("settings", e.t("settings", "設定"), Odd, file, e.t("Correct the variable's name; one that is no setting's is better called otherwise", "環境変数の名前を直してください。設定用でないものには、別の名前を使うことをお勧めします"))
}

func (e *examination) data() {
	title := e.t("data directory", "データディレクトリ")
	version, err := CheckVersion(e.l, e.c.Data)
	if err != nil {
		e.trouble("data", title, err)
		return
	}
	info, err := os.Stat(e.c.Data)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		e.add("data", title, Good, e.t("%s is not there yet; `muster up` makes it", "%s はまだありません。`muster up` が作成します", e.c.Data), "")
		return
	case err != nil:
		e.trouble("data", title, fileTrouble(e.l, e.c.Data, err))
		return
	case !info.IsDir():
		e.trouble("data", title, fileTrouble(e.l, e.c.Data, fs.ErrExist))
		return
	}
	if err := unix.Access(e.c.Data, unix.W_OK|unix.X_OK); err != nil {
		e.trouble("data", title, fileTrouble(e.l, e.c.Data, err))
		return
	}
	found := e.t("%s, version %d", "%s、版 %d", e.c.Data, version)
	if info.Mode().Perm()&0o066 != 0 { // to pass through shows nobody what is in it
		e.add("data", title, Odd, found+e.t(", mode %04o", "、モード %04o", info.Mode().Perm()), e.t("Others may look into it: chmod 700 %s", "他のユーザーが参照できます: chmod 700 %s", e.c.Data))
		return
	}
	e.add("data", title, Good, found, "")
}

func (e *examination) space() {
	title := e.t("free space", "空き容量")
	dir := e.c.Data
	var st unix.Statfs_t
	err := unix.Statfs(dir, &st)
	for err != nil && dir != filepath.Dir(dir) {
		dir = filepath.Dir(dir)
		err = unix.Statfs(dir, &st)
	}
	if err != nil {
		e.trouble("space", title, err)
		return
	}
	free := st.Bavail * uint64(st.Bsize)
	found := e.t("%.1f GB at %s", "%.1f GB (%s)", float64(free)/(1<<30), dir)
	wayOut := e.t("Free some space: runs stand still when the disk is full, and go on by themselves after that", "空き容量を確保してください。満杯になると実施は停止し、解消後に自動で再開します")
	switch {
	case free < spaceBad:
		e.add("space", title, Bad, found, wayOut)
	case free < spaceOdd:
		e.add("space", title, Odd, found, wayOut)
	default:
		e.add("space", title, Good, found, "")
	}
}

func (e *examination) token() {
	title := e.t("token of the API", "APIトークン")
	if e.c.Token != "" {
		e.add("token", title, Good, e.t("from the settings", "設定値"), "")
		return
	}
	path := e.c.TokenPath()
	_, err := ReadToken(e.l, path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		e.add("token", title, Good, e.t("%s is not there yet; the server makes it", "%s はまだありません。サーバーが作成します", path), "")
	case err != nil:
		e.trouble("token", title, err)
	default:
		e.add("token", title, Good, e.t("%s, for its owner only", "%s (所有者のみ読取可)", path), "")
	}
}

// server looks for a muster server at the address that commands use, and else whether
// its port is free. It returns the server's health when one answers.
func (e *examination) server(ctx context.Context) *api.Health {
	title := e.t("server", "サーバー")
	base := e.c.ServerURL()
	ask, cancel := context.WithTimeout(ctx, 12*time.Second) // the server itself asks its engine and its store for up to 8 s
	defer cancel()
	token := e.c.Token
	if token == "" { // without one the server says only whether it is well
		token, _ = ReadToken(e.l, e.c.TokenPath())
	}
	client, err := Reach(e.l, e.c, token)
	if err != nil {
		e.trouble("server", title, err)
		return nil
	}
	defer client.Close()
	h, err := client.Health(ask)
	switch {
	case err != nil:
	case h.Version != "":
		defer func() { e.deployment(ctx, client); e.bundles(ctx, client) }()
		e.add("server", title, Good, e.t("muster %s answers at %s", "muster %s が %s で応答", h.Version, base), "")
		return &h
	case h.OK:
		e.add("server", title, Good, e.t("muster answers at %s, and is well", "musterが %s で応答 (正常)", base), "")
		return &h
	default:
		e.add("server", title, Bad, e.t("muster answers at %s, and is not well", "musterが %s で応答 (異常あり)", base), e.t("It says what to those it knows: give a token with --token-file or MUSTER_TOKEN", "詳細はトークンを持つ人にだけ示されます。--token-file か MUSTER_TOKEN で指定してください"))
		return &h
	}
	if p := new(api.Problem); errors.As(err, &p) {
		if host, ok := strings.CutPrefix(base, "http://"); ok {
			if there := mainsThere(ask, []string{"https://" + host}); len(there) > 0 {
				e.add("server", title, Bad, e.t("a muster server answers at %s, and these settings ask it in clear at %s", "musterサーバーは %s で応答していますが、この設定は %s に平文で接続しています", there[0], base),
					e.t("Run this with the settings that the server has", "サーバーと同じ設定で実行してください"))
				return nil
			}
		}
		e.add("server", title, Bad, e.t("what answers at %s is no muster server", "%s で応答しているのはmusterではありません", base), e.t("Choose another port with listen, or end that program", "listenで別のポートを指定するか、そのプログラムを終了してください"))
		return nil
	}
	if shown := new(tls.CertificateVerificationError); errors.As(err, &shown) {
		e.add("server", title, Bad, e.t("the certificate of what answers at %s does not hold: %v", "%s で応答した相手の証明書を確認できません: %v", base, shown.Err),
			e.t("Name who signed it as server_ca_file; make a new one if it has ended; or give an address that stands in it with server (--server)", "発行した認証局を server_ca_file で指定してください。期限切れの場合は作り直し、アドレスが証明書にない場合は、記載されているものを server（--server）で指定してください"))
		return nil
	}
	if e.c.Server == "" {
		ln, lerr := listen(ctx, e.l, e.c.Listen)
		if lerr != nil {
			e.trouble("server", title, lerr)
			return nil
		}
		_ = ln.Close()
		e.add("server", title, Good, e.t("none runs; %s is free for it", "未起動。%s は使用可能", e.c.Listen), "")
		return nil
	}
	e.add("server", title, Bad, err.Error(), e.t("Start it there, or correct server in the settings", "サーバーを起動するか、設定のserverを修正してください"))
	return nil
}

// elsewhere reports whether a server answers that works with more than these settings know of: they name no engine, and no engine of
// `muster up` has run where they have it.
func (e *examination) elsewhere(serves *api.Health) bool {
	if serves == nil || !e.c.Embedded() {
		return false
	}
	_, err := engine.Running(e.c.EngineDir())
	return errors.Is(err, fs.ErrNotExist)
}

func (e *examination) notItsSettings() string {
	return e.t("a server answers at %s, and these settings are not its own: they name no engine, and in %s none has run", "%s でサーバーが応答していますが、この設定はそのサーバーのものではありません。エンジンの指定がなく、%s でエンジンが動いたこともありません", e.c.ServerURL(), e.c.Data)
}

// itsSettings is the way to a command with the settings that the server has.
func (e *examination) itsSettings(command string) string {
	return e.t("Run this as the server is run. Where systemd runs it: muster-as-service muster-server muster %s (muster in place of muster-server for `muster up`); else in its container, or with its environment", "サーバーと同じ条件で実行してください。systemdで動かしている場合: muster-as-service muster-server muster %s（`muster up` なら muster-server の代わりに muster）。それ以外は、サーバーのコンテナー内か、同じ環境変数で", command)
}

func (e *examination) engine(ctx context.Context, serves *api.Health) {
	title := e.t("engine", "エンジン")
	switch {
	case serves != nil && serves.Engine == "": // told to those it knows
	case serves != nil && serves.Engine == "ok":
		e.add("engine", title, Good, e.t("reached by the server", "サーバーから接続済み"), "")
	case serves != nil:
		e.add("engine", title, Bad, serves.Engine, e.t("`muster up` restarts its own by itself; for an engine of your own see temporal.address", "`muster up` の内蔵エンジンは自動で再起動します。自前の場合はtemporal.addressを確認してください"))
	case e.c.Embedded() && e.c.Site == "":
		path, err := engine.FindBinary(e.c.Engine)
		if err != nil {
			e.add("engine", title, Bad, spoken{e.l, err}.Error(), e.t("`make build` makes it beside muster; engine in the settings names another place", "`make build` でmusterの隣に作成されます。別の場所は設定のengineで指定できます"))
			return
		}
		e.add("engine", title, Good, e.t("embedded, %s; not running", "内蔵 %s (停止中)", path), "")
	default:
		conn, err := Connection(ctx, e.options())
		if err == nil {
			ask, cancel := context.WithTimeout(ctx, 8*time.Second)
			defer cancel()
			c, derr := engine.Dial(ask, conn)
			if err = derr; err == nil {
				c.Close()
			}
		}
		if err != nil {
			e.trouble("engine", title, err)
			return
		}
		e.add("engine", title, Good, e.t("%s, namespace %s", "%s、名前空間 %s", conn.Address, conn.Namespace), "")
	}
}

// plans judges the plan files of the server that answers, where this machine has them: others start no run there.
func (e *examination) plans(serves *api.Health) {
	title, dir := e.t("plan files", "計画ファイル"), e.c.Plans
	if serves != nil && serves.Plans != "" {
		if info, err := os.Stat(serves.Plans); err != nil || !info.IsDir() {
			e.add("plans", title, Odd, e.t("the server uses %s, which can't be looked at from here", "サーバーは %s を使用中（ここからは点検不可）", serves.Plans), e.t("Run `muster doctor` on the server's machine, as its user", "サーバーのマシンで、サーバーと同じユーザーで `muster doctor` を実行してください"))
			return
		}
		dir = serves.Plans
	}
	b, mistakes := scenario.Load(dir, all.Registry(all.Options{}))
	switch {
	case len(mistakes) > 0:
		e.add("plans", title, Bad, e.t("%d mistake(s) in %s", "%[2]s に誤り %[1]d 件", len(mistakes), dir), e.t("`muster validate %s` lists them with the way out of each", "`muster validate %s` で一覧と対処を表示できます", dir))
	case len(b.Scenarios()) == 0:
		e.add("plans", title, Odd, e.t("%s holds no scenario", "%s にシナリオがありません", dir), e.t("Name the directory with --plans, MUSTER_PLANS or plans in muster.yaml", "--plans、MUSTER_PLANS、muster.yamlのplansで指定してください"))
	default:
		e.zone = i18n.Zone(b.Estate().Zone)
		e.add("plans", title, Good, e.t("%d scenario(s) in %s", "%[2]s にシナリオ %[1]d 件", len(b.Scenarios()), dir), "")
	}
}

// clock asks the kernel whether something keeps the clock right. The RTO does not
// depend on it, times of day in reports do.
func (e *examination) clock() {
	title := e.t("clock", "時計")
	var t unix.Timex
	state, err := unix.Adjtimex(&t)
	now := time.Now().In(e.zone).Format("2006-01-02 15:04:05 MST")
	switch {
	case err != nil:
		e.add("clock", title, Odd, e.t("%s; the kernel does not say whether it is synchronised (%v)", "%s (同期状態は不明: %v)", now, err), "")
	case state == unix.TIME_ERROR || t.Status&unix.STA_UNSYNC != 0:
		e.add("clock", title, Odd, e.t("%s, not synchronised", "%s (未同期)", now), e.t("Run chrony or systemd-timesyncd: durations are right all the same, times of day in the report may not be", "chronyかsystemd-timesyncdを動かしてください。所要時間は正しく測れますが、報告書の時刻がずれる可能性があります"))
	default:
		e.add("clock", title, Good, e.t("%s, synchronised", "%s (同期済み)", now), "")
	}
}

func (e *examination) postgres() {
	title := "PostgreSQL"
	found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/pg_ctl")
	if path, err := exec.LookPath("pg_ctl"); err == nil {
		found = append(found, path)
	}
	if len(found) == 0 {
		e.add("postgresql", title, Odd, e.t("its programs are not on this machine", "このマシンにプログラムがありません"),
			e.t("Needed where servers are managed by postgres.* actions, and for the demo: apt-get install postgresql", "postgres.* のアクションで管理するマシンとデモに必要です: apt-get install postgresql"))
		return
	}
	var dirs []string
	for _, f := range found {
		dirs = append(dirs, filepath.Dir(f))
	}
	e.add("postgresql", title, Good, strings.Join(dirs, ", "), "")
}
