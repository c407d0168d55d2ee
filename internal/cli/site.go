package cli

import (
	"fmt"
	"net"
	"time"

	"github.com/spf13/cobra"

	"github.com/muster-dr/muster/internal/app"
	"github.com/muster-dr/muster/internal/nearest"
	"github.com/muster-dr/muster/internal/scenario"
)

func (c *command) site() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "site",
		Short: c.t("Let other sites' workers in", "他拠点のワーカーを受け入れる"),
		Args:  cobra.NoArgs,
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(c.siteCertificate())
	return cmd
}

func (c *command) siteCertificate() *cobra.Command {
	var to string
	var days int
	cmd := &cobra.Command{
		Use:   "certificate SITE",
		Short: c.t("Make the certificate with which a site's worker comes through the gateway", "拠点のワーカーがゲートウェイに接続するための証明書を作成する"),
		Long: c.t(`Make the certificate with which the worker of a site comes through the gateway of
`+"`muster up`"+`. Run it on the machine of `+"`muster up`"+`, with its --data, and carry the folder to
the worker by a safe way: whoever has it is that site's worker. The site's earlier
certificate is worth nothing from then on, and its worker, which is cut off within seconds,
is back when it has the new one: renew while no run needs the site. To shut a site out, remove
DATA/gateway/sites/SITE.pem; it counts within seconds, too.`,
			"拠点のワーカーが `muster up` のゲートウェイに接続するための証明書を作成します。`muster up` のマシンで同じ --data を\n"+
				"指定して実行し、フォルダーを安全な手段でワーカーへ渡してください。これを持つ者がその拠点のワーカーとみなされます。\n"+
				"その拠点の以前の証明書は無効になり、接続中のワーカーも数秒以内に切断されて、新しい証明書を受け取るまで戻れません。\n"+
				"その拠点を必要とする訓練・対応がないときに更新してください。拠点を締め出すには DATA/gateway/sites/SITE.pem を\n"+
				"削除します。これも接続中のものを含め、数秒以内に有効になります。"),
		Args: cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			name := args[0]
			b, mistakes := scenario.Load(c.config.Plans, registry())
			if len(mistakes) > 0 {
				return mistakes
			}
			var known []string
			for _, s := range b.Estate().Sites {
				known = append(known, s.Name)
			}
			if _, ok := b.Estate().Site(name); !ok {
				way := c.t("Its sites: %v", "構成台帳の拠点: %v", known)
				if near := nearest.Word(name, known); near != "" {
					way = c.t("Did you mean %q?", "%q の間違いではありませんか。", near)
				}
				return mistake(fmt.Errorf("%s", c.t("the estate has no site %q", "拠点 %q は構成台帳にありません", name)), way)
			}
			if days < 1 {
				return mistake(fmt.Errorf("%s", c.t("--days %d: a certificate counts for a day at least", "--days %d: 有効期間は1日以上にしてください", days)), "")
			}
			if to == "" {
				to = name + "-worker"
			}
			out, err := app.CertifySite(c.process(), name, to, time.Duration(days)*24*time.Hour)
			if err != nil {
				return err
			}
			if c.json() {
				return c.printJSON(out)
			}
			_, port, _ := net.SplitHostPort(c.config.Gateway.Listen)
			if port == "" {
				port = "PORT"
			}
			host := "HOST"
			if names := c.config.GatewayNames(); len(names) > 0 && names[0] != "" && names[0] != "0.0.0.0" && names[0] != "::" {
				host = names[0]
			}
			_, err = fmt.Fprintf(c.Out, "%s\n  muster worker --site %s --temporal-address %s \\\n    --temporal-tls-ca-file %s --temporal-tls-cert-file %s --temporal-tls-key-file %s\n",
				c.t("certificate of site %s, until %s. On that site's machine:", "拠点 %s の証明書を作成しました（有効期限 %s）。拠点のマシンで次を実行してください。", name, out.NotAfter.Format(time.DateOnly)),
				name, net.JoinHostPort(host, port), out.CA, out.Cert, out.Key)
			return err
		},
	}
	cmd.Flags().StringVar(&to, "out", "", c.t("folder for the files (default SITE-worker)", "出力先フォルダー (既定は SITE-worker)"))
	cmd.Flags().IntVar(&days, "days", 400, c.t("for how many days it counts", "有効日数"))
	c.settings(cmd.Flags(), "gateway.")
	return cmd
}
