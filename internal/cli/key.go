package cli

import (
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/muster-dr/muster/internal/app"
	"github.com/muster-dr/muster/internal/secret"
)

func (c *command) key() *cobra.Command {
	var file string
	cmd := &cobra.Command{
		Use:   "key",
		Short: c.t("Keys that encrypt what the engine keeps of runs", "エンジンが保存する履歴を暗号化する鍵"),
		Long: c.t(`Keys that encrypt what the engine keeps of runs. They are in a keyring, one file, which
every process reads by encryption.keyring. To change keys without stopping anything:
make a new one (muster key new), bring the file to every process, then make it active
(muster key activate) and bring it there again. Processes read it again by themselves
within seconds. Keep old keys as long as the engine keeps histories: what they
encrypted can be read with them alone. Keep a copy at the recovery site.`,
			"エンジンが保存する実施履歴を暗号化する鍵です。鍵は鍵束（ひとつのファイル）にあり、全プロセスが\n"+
				"encryption.keyring で読み込みます。停止せずに鍵を交換するには、新しい鍵を作成（muster key new）して\n"+
				"全プロセスに配り、その後に有効化（muster key activate）してもう一度配ります。数秒以内に自動で\n"+
				"読み直されます。古い鍵は、エンジンが履歴を保持している間は残してください。古い鍵で暗号化したものは、\n"+
				"その鍵でしか読めません。復旧側の拠点にも控えを置いてください。"),
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.PersistentFlags().StringVar(&file, "keyring", "", c.t("file of the keyring (default that of encryption.keyring)", "鍵束のファイル (既定は encryption.keyring のもの)"))
	at := func() (string, error) {
		if file != "" {
			return file, nil
		}
		if path, ok := secret.FileOf(c.config.Encryption.Keyring); ok {
			return path, nil
		}
		return "", mistake(fmt.Errorf("%s", c.t("no file of a keyring is named", "鍵束のファイルが指定されていません")),
			c.t("Name it with --keyring FILE, or set encryption.keyring to secret://file/PATH. A keyring of another store is made in a file and put there", "--keyring FILE で指定するか、encryption.keyring に secret://file/PATH を設定してください。別の保管先に置く場合は、ファイルで作成してから登録してください"))
	}
	cmd.AddCommand(&cobra.Command{
		Use:   "new [ID]",
		Short: c.t("Make a key; the first of a keyring is active at once", "鍵を作成する（鍵束で最初の鍵はすぐ有効になる）"),
		Args:  cobra.MaximumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			id := time.Now().UTC().Format("2006-01-02")
			if len(args) == 1 {
				id = args[0]
			}
			path, err := at()
			if err != nil {
				return err
			}
			out, err := app.NewKey(c.lang, path, id)
			if err != nil {
				return err
			}
			if c.json() {
				return c.printJSON(out)
			}
			if out.Active {
				_, err = fmt.Fprintln(c.Out, c.t("Key %s is in %s and encrypts. Set encryption.keyring: secret://file%s in every process, and keep a copy at the recovery site.", "鍵 %s を %s に作成し、有効にしました。全プロセスで encryption.keyring: secret://file%s を設定し、復旧側の拠点にも控えを置いてください。", id, path, out.Path))
			} else {
				_, err = fmt.Fprintln(c.Out, c.t("Key %s is in %s and does not encrypt yet. Bring the file to every process, then: muster key activate %[1]s", "鍵 %s を %s に追加しました（まだ暗号化には使われません）。全プロセスに配ってから muster key activate %[1]s を実行してください。", id, path))
			}
			return err
		},
	}, &cobra.Command{
		Use:   "activate ID",
		Short: c.t("Encrypt with another key from now on", "以後の暗号化に使う鍵を切り替える"),
		Args:  cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			path, err := at()
			if err != nil {
				return err
			}
			if err := app.ActivateKey(c.lang, path, args[0]); err != nil {
				return err
			}
			_, err = fmt.Fprintln(c.Out, c.t("Key %s encrypts from now on. Bring %s to every process; old keys stay, to decrypt.", "以後は鍵 %s で暗号化します。%s を全プロセスに配ってください。古い鍵は復号のために残ります。", args[0], path))
			return err
		},
	}, &cobra.Command{
		Use:   "list",
		Short: c.t("List the keys with their fingerprints", "鍵の一覧をフィンガープリントとともに表示する"),
		Args:  cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			path, err := at()
			if err != nil {
				return err
			}
			keys, err := app.Keys(c.lang, path)
			if err != nil {
				return err
			}
			if c.json() {
				return c.printJSON(keys)
			}
			for _, k := range keys {
				state := c.t("decrypts", "復号のみ")
				if k.Active {
					state = c.t("encrypts", "暗号化に使用中")
				}
				if _, err := fmt.Fprintf(c.Out, "%s  %s  %s\n", k.Fingerprint, k.ID, state); err != nil {
					return err
				}
			}
			return nil
		},
	})
	return cmd
}
