package cli

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/muster-dr/muster/internal/app"
	"github.com/muster-dr/muster/internal/authority"
)

func (c *command) certificates() *cobra.Command {
	var to string
	var sites, hosts, own []string
	var days int
	cmd := &cobra.Command{
		Use:   "certificates --to DIR --site SITE ...",
		Short: c.t("Make, and renew, the certificates of a whole installation", "本番構成で使う証明書一式を作成・更新する"),
		Long: c.t(`Make an authority for the installation, another for the engine, and what the server, each site's
worker, Temporal, PostgreSQL and Prometheus need of them, a folder for each. Run again, it makes
anew what has less than half of its time left, and leaves the rest. Carry each folder to its machine;
DIR/authority holds the keys that all of it rests on: keep it offline.`,
			`インストール全体の認証局とエンジン専用の認証局を作り、サーバー、各拠点のワーカー、Temporal、PostgreSQL、
Prometheusに必要な証明書をフォルダーごとに作成します。再度実行すると、有効期間の残りが半分を切ったものだけを
作り直します。各フォルダーをそれぞれのマシンへ渡してください。DIR/authority の鍵はすべての根拠になるため、
オフラインで保管してください。`),
		Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			if to == "" {
				return c.needs("--to")
			}
			if days < 1 {
				return mistake(fmt.Errorf("%s", c.t("--days %d: a certificate counts for a day at least", "--days %d: 有効期間は1日以上にしてください", days)), "")
			}
			set := authority.Set{Dir: to, Sites: sites, Lasts: time.Duration(days) * 24 * time.Hour, Hosts: map[string][]string{}, Own: map[string][2]int{}}
			for _, h := range hosts {
				kind, name, ok := strings.Cut(h, "=")
				if !ok || name == "" || !slices.Contains(authority.Kinds, kind) {
					return mistake(fmt.Errorf("%s", c.t("--host %q is not KIND=NAME, such as server=muster.example.jp", "--host %q は KIND=NAME の形ではありません。例: server=muster.example.jp", h)),
						c.t("KIND is one of %s", "KINDは次のいずれか: %s", strings.Join(authority.Kinds, ", ")))
				}
				set.Hosts[kind] = append(set.Hosts[kind], name)
			}
			for _, o := range own {
				folder, ids, _ := strings.Cut(o, "=")
				uid, gid, _ := strings.Cut(ids, ":")
				u, err := strconv.Atoi(uid)
				g, err2 := strconv.Atoi(gid)
				if err != nil || err2 != nil || !slices.Contains(append(slices.Clone(sites), authority.Kinds...), folder) {
					return mistake(fmt.Errorf("%s", c.t("--own %q is not FOLDER=UID:GID, such as postgres=999:999", "--own %q は FOLDER=UID:GID の形ではありません。例: postgres=999:999", o)), "")
				}
				set.Own[folder] = [2]int{u, g}
			}
			for _, s := range sites {
				if slices.Contains(authority.Kinds, s) || s == "authority" || strings.ContainsAny(s, "/\\.") || s == "" {
					return mistake(fmt.Errorf("%s", c.t("--site %q can't be the name of a site's folder", "--site %q は拠点のフォルダー名に使えません", s)), "")
				}
			}
			made, err := set.Write(time.Now())
			if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) {
				return &app.Trouble{What: c.t("the certificates can't be written", "証明書を書き込めません"), Err: err,
					WayOut: c.t("The disk is full: free some space and run it again. No pair was replaced by half", "ディスクの空きがありません。空き容量を確保して再度実行してください。鍵と証明書の組が片方だけ置き換わることはありません")}
			}
			if err != nil {
				return err
			}
			if c.json() {
				return c.printJSON(struct {
					Made []string `json:"made"`
				}{made})
			}
			for _, f := range made {
				if _, err := fmt.Fprintln(c.Out, f); err != nil {
					return err
				}
			}
			c.say("%d certificates made in %s, good for %d days; the keys in %[2]s/authority belong offline", "%[2]s に証明書を %[1]d 件作成しました（有効期間 %[3]d 日）。%[2]s/authority の鍵はオフラインで保管してください", len(made), to, days)
			return nil
		},
	}
	f := cmd.Flags()
	f.StringVar(&to, "to", "", c.t("folder that the folders of certificates are made in", "証明書のフォルダーを作成する場所"))
	f.StringSliceVar(&sites, "site", nil, c.t("site that has a worker; may be given several times", "ワーカーのある拠点 (複数指定可)"))
	f.StringArrayVar(&hosts, "host", nil, c.t("further name or address of one of server, temporal, postgres, prometheus, as in server=muster.example.jp", "server、temporal、postgres、prometheus の名前またはアドレスの追加 (例 server=muster.example.jp)"))
	f.StringArrayVar(&own, "own", nil, c.t("user and group that a folder's files are given to, as in postgres=999:999 (root)", "フォルダー内のファイルの所有者 (例 postgres=999:999、root権限が必要)"))
	f.IntVar(&days, "days", 90, c.t("how long certificates are good", "証明書の有効日数"))
	return cmd
}
