package cli

import (
	"fmt"
	"io"
	"log/slog"

	"github.com/spf13/cobra"

	"github.com/muster-dr/muster/internal/app"
)

func (c *command) up() *cobra.Command {
	var from *bundled
	cmd := &cobra.Command{
		Use:   "up",
		Short: c.t("Run everything on this machine: engine, server and a worker for every site", "エンジン、サーバー、全拠点のワーカーをこのマシンで起動する"),
		Long: c.t(`Run everything on this machine until Ctrl-C: the embedded engine, the server with its
API, and a worker for every site of the estate. All data is in one directory.`,
			`Ctrl-Cで終了するまで、内蔵エンジン、APIサーバー、構成台帳の全拠点のワーカーをこのマシンで動かします。
データは一つのディレクトリに置かれます。`),
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if from.given() {
				return c.upFromBundle(cmd, *from)
			}
			if !c.config.Embedded() {
				return mistake(fmt.Errorf("%s", c.t("temporal.address is set (%s), and `muster up` has an engine of its own", "temporal.address (%s) が設定されていますが、`muster up` はエンジンを内蔵しています", c.config.Temporal.Address)),
					c.t("Run `muster server` and `muster worker` with that engine, or take the setting away", "そのエンジンには `muster server` と `muster worker` を使うか、設定を外してください"))
			}
			return app.Up(cmd.Context(), c.process(), nil)
		},
	}
	c.settings(cmd.Flags(), "listen", "store", "store_password", "engine", "check_every", "people.", "sites", "gateway.", "policy", "log.")
	from = c.bundleFlags(cmd)
	return cmd
}

func (c *command) server() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "server",
		Short: c.t("Run the server: the API and the control plane, on your own Temporal", "サーバー (APIと制御) を自前のTemporalで動かす"),
		Args:  cobra.NoArgs,
		RunE:  func(cmd *cobra.Command, _ []string) error { return app.Server(cmd.Context(), c.process()) },
	}
	c.settings(cmd.Flags(), "listen", "store", "store_password", "check_every", "people.", "log.", "temporal.")
	return cmd
}

func (c *command) worker() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "worker",
		Short: c.t("Run a site's worker: its steps and probes, with its credentials", "拠点のワーカーを動かす"),
		Args:  cobra.NoArgs,
		RunE:  func(cmd *cobra.Command, _ []string) error { return app.Worker(cmd.Context(), c.process()) },
	}
	c.settings(cmd.Flags(), "site", "policy", "log.", "temporal.")
	return cmd
}

func (c *command) process() app.Options {
	log := logger(c.Err, c.config.Log.Level, c.config.Log.Format)
	for _, s := range c.config.Strays {
		log.Warn(s.EN)
	}
	return app.Options{Config: c.config, Version: Version(), Lang: c.lang, Talk: c.Err, Terminal: isTerminal(c.Err), Log: log}
}

func logger(w io.Writer, level, format string) *slog.Logger {
	o := &slog.HandlerOptions{}
	var l slog.Level
	if err := l.UnmarshalText([]byte(level)); err == nil {
		o.Level = l
	}
	if format == "json" {
		return slog.New(slog.NewJSONHandler(w, o))
	}
	return slog.New(slog.NewTextHandler(w, o))
}

func (c *command) version() *cobra.Command {
	return &cobra.Command{
		Use: "version", Short: c.t("Print the version", "版を表示する"), Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			if c.json() {
				return c.printJSON(map[string]string{"version": Version()})
			}
			_, err := fmt.Fprintln(c.Out, "muster "+Version())
			return err
		},
	}
}
