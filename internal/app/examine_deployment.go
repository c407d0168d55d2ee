package app

import (
	"context"
	"net"
	"net/netip"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/muster-dr/muster/internal/api"
	"github.com/muster-dr/muster/internal/journal"
)

const (
	// clocksApart is from when on the times of day of two machines don't fit together in a report.
	clocksApart = 2 * time.Second
	// retentionOdd: an engine that forgets runs sooner can't show what happened in them after a weekend.
	retentionOdd = 72 * time.Hour
)

// deployment judges what this machine's server works with: versions, clocks, sites and the engine's memory.
func (e *examination) deployment(ctx context.Context, client *api.Client) {
	ask, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	began := time.Now()
	d, err := client.Deployment(ask)
	if err != nil { // what is wrong with the server or the engine has its own line
		return
	}
	took := time.Since(began)
	e.serverClock(d.Now.Sub(began.Add(took/2)), took)
	e.retention(d)
	e.plansApart(d)
	for _, s := range d.Sites {
		id, title := "site "+s.Site, e.t("workers of site %s", "拠点 %s のワーカー", s.Site)
		other := slices.DeleteFunc(slices.Clone(s.Versions), func(v string) bool { return v == d.Version })
		switch {
		case s.Workers == 0:
			e.add(id, title, Odd, e.t("none asks for work", "稼働していません"),
				e.t("Start one there: muster worker --site %s; until then no step and no probe can be carried out there", "その拠点で起動してください: muster worker --site %s。それまでこの拠点のステップと監視は実行できません", s.Site))
		case len(other) > 0:
			e.add(id, title, Odd, e.t("version %s, the server is %s", "版 %s、サーバーは %s", strings.Join(other, ", "), d.Version),
				e.t("Bring them to the server's version: what is new in it can't be carried out there", "サーバーと同じ版に更新してください。新しい機能はこの拠点で実行できません"))
		default:
			e.add(id, title, Good, e.t("%d, version %s", "%d、版 %s", s.Workers, strings.Join(s.Versions, ", ")), "")
		}
	}
}

func (e *examination) serverClock(apart, took time.Duration) {
	title := e.t("clocks", "時刻の差")
	if off := apart.Abs(); off > clocksApart+took/2 {
		e.add("clocks", title, Odd, e.t("the server's clock and this machine's are %v apart", "サーバーとこのマシンの時刻が %v ずれています", off.Round(100*time.Millisecond)),
			e.t("Synchronise both (chrony, systemd-timesyncd): times of day from both stand beside each other in reports", "両方を同期してください（chrony、systemd-timesyncd）。両者の時刻は報告書に並びます"))
		return
	}
	e.add("clocks", title, Good, e.t("the server's and this machine's agree", "サーバーとこのマシンの時刻は一致しています"), "")
}

// plansApart names other servers whose plan files are not this one's.
func (e *examination) plansApart(d api.Deployment) {
	if len(d.Apart) > 0 {
		e.add("plans_apart", e.t("plan files of several servers", "複数サーバーの計画ファイル"), Odd, e.t("other people or roles than on this server: %s", "このサーバーと異なる要員または役割を読み込んでいるサーバー：%s", strings.Join(d.Apart, ", ")),
			e.t("Put the same plan files on all servers of this record store: until then nobody's arrival, new role or leaving is noted, so that no training of `arrivals` becomes due",
				"この記録の保存先を使うすべてのサーバーに、同じ計画ファイルを置いてください。それまで要員の追加、新しい役割、離脱は記録されず、arrivals の教育も発生しません"))
	}
}

func (e *examination) retention(d api.Deployment) {
	title := e.t("engine's memory", "エンジンの保持期間")
	keeps := time.Duration(d.KeepsS * float64(time.Second))
	switch {
	case keeps == 0:
	case keeps < retentionOdd:
		e.add("retention", title, Odd, e.t("namespace %s forgets ended runs after %v", "名前空間 %s は、終了した実施を %v で消去します", d.Namespace, keeps),
			e.t("Give the namespace a retention of 72 hours or more. The record store keeps runs for itself; the engine's own history is what shows why one behaved as it did", "名前空間の保持期間を72時間以上にしてください。記録はmusterが保管しますが、動作の原因を調べるにはエンジンの履歴が必要です"))
	default:
		e.add("retention", title, Good, e.t("namespace %s keeps ended runs for %d days", "名前空間 %s は、終了した実施を %d 日間保持します", d.Namespace, int(keeps.Hours()/24)), "")
	}
}

// certificates judges those that this machine reads or has issued.
func (e *examination) certificates(now time.Time) {
	list := certificates(e.c)
	for _, c := range list {
		id, title := "certificate "+c.Certificate, e.t("certificate %s", "証明書 %s", c.Certificate)
		way := e.t("Have a new one made, and put it in the place of the old: it is read without a restart", "新しい証明書を発行し、置き換えてください。再起動せずに読み込まれます")
		if c.Site != "" {
			id, title = id+" "+c.Site, e.t("certificate of site %s", "拠点 %s の証明書", c.Site)
			way = e.t("Make a new one, and give it to the site's worker: muster site certificate %s", "新しく作成し、その拠点のワーカーに渡してください: muster site certificate %s", c.Site)
		}
		e.ends(id, title, c.NotAfter, now, way)
	}
	client, authority := journal.CertificateFiles(e.c.StoreURL())
	for _, file := range []struct{ name, setting string }{{e.c.Temporal.TLS.CertFile, "temporal.tls"}, {e.c.Temporal.TLS.CAFile, "temporal.tls"}, {client, "store"}, {authority, "store"}} {
		if file.name == "" {
			continue
		}
		if _, err := readCertificate(file.name); err != nil {
			e.add("certificate "+filepath.Base(file.name), e.t("certificate %s", "証明書 %s", file.name), Bad, e.t("can't be read: %v", "読み込めません: %v", err),
				e.t("Correct %s in the settings, or the file's rights", "設定の%s、またはファイルの権限を修正してください", file.setting))
		}
	}
}

// storeCertificates judges those that the record store's servers show.
func (e *examination) storeCertificates(servers []journal.Server, now time.Time) {
	for _, s := range servers {
		if !s.NotAfter.IsZero() {
			e.ends("certificate store_server "+s.Address, e.t("certificate of PostgreSQL %s", "PostgreSQL %s の証明書", s.Address), s.NotAfter, now,
				e.t("Put a new one in its place on that machine, and have PostgreSQL read it: SELECT pg_reload_conf(), or systemctl reload of its unit. Until then it shows the one that it read last", "そのマシンで新しい証明書に置き換え、PostgreSQLに読み込ませてください（SELECT pg_reload_conf()、またはユニットの systemctl reload）。それまでは、最後に読み込んだものを示し続けます"))
		}
	}
}

// ends judges a certificate by how long it has left.
func (e *examination) ends(id, title string, at, now time.Time, way string) {
	left, day := at.Sub(now), at.Local().Format(time.DateOnly)
	switch {
	case left <= 0:
		e.add(id, title, Bad, e.t("ended on %s", "%s に期限が切れています", day), way)
	case left < endsWorse:
		e.add(id, title, Bad, e.t("ends on %s", "%s に期限が切れます", day), way)
	case left < endsSoon:
		e.add(id, title, Odd, e.t("ends on %s", "%s に期限が切れます", day), way)
	default:
		e.add(id, title, Good, e.t("until %s", "%s まで有効", day), "")
	}
}

// line judges whether what goes to an engine of one's own is encrypted on its way.
func (e *examination) line() {
	t := e.c.Temporal
	if e.c.Embedded() {
		return
	}
	title := e.t("way to the engine", "エンジンとの通信")
	host, _, err := net.SplitHostPort(t.Address)
	at, aerr := netip.ParseAddr(host)
	switch {
	case t.TLS.Enabled || t.TLS.CAFile != "" || t.TLS.CertFile != "" || t.TLS.ServerName != "" || t.APIKey != "":
		e.add("engine_tls", title, Good, e.t("TLS", "TLSで暗号化"), "")
	case err == nil && (host == "localhost" || aerr == nil && at.IsLoopback()):
		e.add("engine_tls", title, Good, e.t("on this machine", "このマシン内"), "")
	default:
		e.add("engine_tls", title, Odd, e.t("in clear across the network to %s", "%s まで平文でネットワークを流れます", t.Address),
			e.t("Turn TLS on: temporal.tls.enabled, or temporal.tls.ca_file for an authority of your own", "TLSを有効にしてください: temporal.tls.enabled、自前の認証局の場合は temporal.tls.ca_file"))
	}
}
