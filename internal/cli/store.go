package cli

import (
	"strconv"

	"github.com/spf13/cobra"

	"github.com/muster-dr/muster/internal/app"
	"github.com/muster-dr/muster/internal/plan"
)

func (c *command) store() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "store",
		Short: c.t("The record store: bring it up to date, move it to another kind", "記録の保存先: 更新と、別の種類への移行"),
		Args:  cobra.NoArgs,
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(c.storeMigrate(), c.storeCopy())
	return cmd
}

// noted tells of something about a store that is worth knowing.
func (c *command) noted(t plan.Text) { c.say("muster: %s", "muster: %s", t.In(string(c.lang))) }

func (c *command) storeMigrate() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "migrate",
		Short: c.t("Bring the record store's schema up to date", "記録の保存先のスキーマを更新する"),
		Long: c.t(`Bring the schema of the record store (store in the settings) up to date, as the server does when it starts.
A SQLite file is first copied beside itself. For PostgreSQL take a copy with pg_dump before: each step is one
transaction, and there is no way back but that copy. A store of a newer muster is left as it is.`,
			`記録の保存先（設定の store）のスキーマを更新します。サーバーの起動時に行われるものと同じです。
SQLiteのファイルは、更新前に同じ場所にコピーされます。PostgreSQLでは、事前に pg_dump でコピーを取ってください。
段階ごとに1トランザクションで更新し、元に戻す手段はそのコピーだけです。より新しいmusterの保存先は変更しません。`),
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			f, err := app.MigrateStore(cmd.Context(), c.lang, c.config, c.noted)
			if err != nil {
				return err
			}
			if c.json() {
				return c.printJSON(map[string]any{"store": f.Where, "schema": f.Schema})
			}
			c.say("muster: up to date: %s", "muster: 最新です: %s", f.Text().In(string(c.lang)))
			return nil
		},
	}
	c.settings(cmd.Flags(), "store", "store_password")
	return cmd
}

func (c *command) storeCopy() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "copy FROM TO",
		Short: c.t("Copy a whole record store to an empty one, of the other kind too", "記録の保存先の全体を、空の保存先 (別の種類も可) にコピーする"),
		Long: c.t(`Copy everything in a record store to an empty one, read it there again, and keep it only if every row is the same.
End every muster that works with either before; afterwards name the new one as store in the settings. What lies in
the data directory beside the journal (the token, evidence, the engine's files) stays where it is and belongs to both.

  muster store copy sqlite:/var/lib/muster/server/journal.db postgres://muster@db1,db2/muster --store-password secret://file/etc/muster/store-password`,
			`記録の保存先の内容をすべて空の保存先にコピーし、読み直して全行が一致した場合だけ確定します。
実行前に、両方の保存先を使うmusterをすべて終了してください。終了後、設定の store に新しい保存先を書きます。
データディレクトリのほかのもの（トークン、証拠、エンジンのファイル）は移動せず、そのまま使います。

  muster store copy sqlite:/var/lib/muster/server/journal.db postgres://muster@db1,db2/muster --store-password secret://file/etc/muster/store-password`),
		Args: cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			copied, err := app.CopyStore(cmd.Context(), c.lang, c.config, args[0], args[1], c.noted)
			if err != nil {
				return err
			}
			if c.json() {
				return c.printJSON(copied)
			}
			var rows [][]string
			for _, t := range copied {
				rows = append(rows, []string{t.Table, strconv.FormatInt(t.Rows, 10), t.Digest[:16]})
			}
			table(c.Out, []string{c.t("TABLE", "表"), c.t("ROWS", "行数"), c.t("SHA-256 OF BOTH", "SHA-256 (両方で一致)")}, rows)
			c.say("muster: copied and read again. Name the new one in the settings now: store: %s", "muster: コピーし、読み直して確認しました。設定に store: %s と書いてください", args[1])
			return nil
		},
	}
	c.settings(cmd.Flags(), "store_password")
	return cmd
}
