package cli

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/muster-dr/muster/internal/evidence/keep"
)

func (c *command) evidenceLog() *cobra.Command {
	var out string
	var from uint64
	cmd := &cobra.Command{
		Use: "log", Short: c.t("Write the log itself, with its time stamps, to hold earlier bundles against", "以前のバンドルと照合するための台帳全体（タイムスタンプ付き）を書き出す"), Args: cobra.NoArgs,
		Long: c.t(`Writes one zip file with every entry of the evidence log, its checkpoint and its time stamps. It holds nobody's
personal data besides the names of those who held, released and erased.

"muster verify OLD.zip --later LOG.zip" then proves, for any earlier bundle or file of the log, that nothing was removed
or rewritten since. An auditor who takes one with every audit needs to trust no server in between.`,
			`証拠台帳の全エントリー・チェックポイント・タイムスタンプを一つのzipファイルに書き出します。個人に関する情報は、
保全・解除・消去を行った人の名前だけです。

「muster verify 以前のファイル --later 台帳.zip」で、以前のバンドルや台帳のファイル以後に、削除や書き換えがないことを
証明できます。監査のたびに書き出しておけば、その間のサーバーを信頼する必要はありません。`),
		RunE: func(cmd *cobra.Command, _ []string) error {
			client, err := c.client()
			if err != nil {
				return err
			}
			defer client.Close()
			b, err := client.EvidenceLog(cmd.Context(), from)
			if err != nil {
				return err
			}
			if out == "" {
				out = "evidence-log.zip"
			}
			return c.putZip(out, b)
		},
	}
	cmd.Flags().StringVarP(&out, "output", "o", "", c.t("file to write; evidence-log.zip when left out, - for stdout", "出力先のファイル。省略時は evidence-log.zip、- なら標準出力"))
	cmd.Flags().Uint64Var(&from, "from", 0, c.t("only entries from this one on", "このエントリー以降だけを書き出す"))
	return cmd
}

// putZip writes what was exported, never over another file: it may be the older evidence.
func (c *command) putZip(out string, b []byte) error {
	if out == "-" {
		if onTerminal(c.Out) {
			return mistake(fmt.Errorf("%s", c.t("a zip is nothing for a terminal", "zipは端末に表示できません")), c.t("Name a file with -o, or leave -o out", "-o でファイルを指定するか、-o を省略してください"))
		}
		_, err := c.Out.Write(b)
		return err
	}
	f, err := os.OpenFile(out, os.O_CREATE|os.O_WRONLY|os.O_EXCL, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return mistake(fmt.Errorf("%s", c.t("%s is there already and was left as it is", "%s は既に存在するため、書き換えていません", out)), c.t("Name another file with -o", "-o で別のファイルを指定してください"))
	}
	if err != nil {
		return err
	}
	_, err = f.Write(b)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		_ = os.Remove(out)
		return err
	}
	fmt.Fprintln(c.Out, out)
	return nil
}

// stamps is talk about time stamps.
func (c *command) stamps(s *keep.StampStatus) {
	if s == nil {
		return
	}
	if s.At != nil {
		c.say("muster: the first %d entries have a time stamp of %s, entered at %s", "muster: 先頭 %d 件にタイムスタンプあり（%s、記録日時 %s）", s.Size, s.By, s.At.UTC().Format(time.RFC3339))
	}
	switch {
	case s.Trouble != nil && s.Since != nil:
		c.say("muster: no time stamp since %s, %d entries wait for one: %s", "muster: %s からタイムスタンプを取得できず、%d 件が待機中: %s", s.Since.UTC().Format(time.RFC3339), s.Waiting, s.Trouble.In(string(c.lang)))
	case s.Waiting > 0 && s.Due != nil:
		c.say("muster: %d entries get a time stamp at %s", "muster: %d 件のタイムスタンプを %s に取得します", s.Waiting, s.Due.UTC().Format(time.RFC3339))
	}
}
