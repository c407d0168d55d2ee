package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"filippo.io/age"
	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/muster-dr/muster/internal/api"
	"github.com/muster-dr/muster/internal/app"
	"github.com/muster-dr/muster/internal/breakglass"
	"github.com/muster-dr/muster/internal/evidence"
)

func (c *command) bundle() *cobra.Command {
	var passphrase string
	cmd := &cobra.Command{
		Use:   "bundle [FILE]",
		Short: c.t("Make the break-glass bundle that a laptop goes on with when all else is gone; without FILE, list those that were made", "すべてを失ったときにノートPCで対応を続けるための非常時持出パッケージを作成する（FILE省略時は一覧）"),
		Long: c.t(`Make one encrypted file with everything that a laptop at the recovery site needs to respond without this server and
without any network: the programs, the plan files, the settings with the secrets that can be read here, the book, and a copy of
the records. Run it on the server's machine, as its user, while the server is up; make it again on schedule, and after every
change of plans or secrets. What is done with it comes back with "muster merge".

  muster bundle key /root/laptop.key                 once; carry the file to the laptop, and keep it apart from the bundle
  muster bundle /mnt/stick/muster.bundle --as sato   with bundle.recipients in the settings
  muster up --bundle /mnt/stick/muster.bundle --identity laptop.key --sites osaka --as sato --reason "Tokyo is gone"`,
			`このサーバーもネットワークも使えないときに、復旧側拠点のノートPCで対応を続けるために必要なもの（プログラム、計画ファイル、
設定とここで読める秘密情報、ブック、記録の複製）を、暗号化した一つのファイルにまとめます。サーバーの稼働中に、サーバーの
マシンで、サーバーと同じユーザーで実行してください。定期的に、また計画や秘密情報を変更するたびに作り直してください。
持出先での記録は「muster merge」で取り込みます。

  muster bundle key /root/laptop.key                 最初に1回。ファイルはノートPCに移し、パッケージとは別に保管する
  muster bundle /mnt/stick/muster.bundle --as sato   設定に bundle.recipients を書いておく
  muster up --bundle /mnt/stick/muster.bundle --identity laptop.key --sites osaka --as sato --reason "東京拠点が全滅"`),
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			client, err := c.client()
			if err != nil {
				return err
			}
			defer client.Close()
			if len(args) == 0 {
				list, err := client.Bundles(cmd.Context())
				if err != nil {
					return err
				}
				if c.json() {
					return c.printJSON(list)
				}
				c.zone(cmd.Context(), client)
				c.bundleTable(list)
				return nil
			}
			by, err := c.person()
			if err != nil {
				return err
			}
			o := app.BundleOptions{Config: c.config, Lang: c.lang, Version: Version(), Path: args[0], By: by, Server: client}
			if passphrase != "" {
				if o.Passphrase, err = c.passphraseIn(passphrase); err != nil {
					return err
				}
			} else if len(c.config.Bundle.Recipients) == 0 && c.config.Bundle.Passphrase == "" && onTerminal(c.Err) {
				if o.Passphrase, err = c.askPassphrase(cmd.Context(), true); err != nil {
					return err
				}
			}
			made, err := app.MakeBundle(cmd.Context(), o)
			if err != nil {
				return err
			}
			if c.json() {
				return c.printJSON(made)
			}
			if _, err := fmt.Fprintln(c.Out, made.Path); err != nil {
				return err
			}
			c.say("muster: bundle %s, %d MB: %d files, %d events of the record", "muster: パッケージ %s、%d MB: ファイル %d 件、記録のイベント %d 件", made.ID, made.Size>>20, len(made.Files), made.Records)
			if len(made.Lacks) > 0 {
				c.say("muster: not in it, since this machine can't read them: %s\n  The sites' own workers have them; on the laptop they have to be where the plans say", "muster: このマシンで読めないため含まれていないもの: %s\n  各拠点のワーカーには存在します。ノートPCで使う場合は、計画に書かれた場所に用意してください", strings.Join(made.Lacks, ", "))
			}
			if len(made.Elsewhere) > 0 {
				c.say("muster: files that the plans name by a path of a site worker's machine are not in it either. Have on the laptop what its steps will need, at the same path:", "muster: 計画が拠点ワーカーのマシン上のパスで指しているファイルも含まれていません。ノートPCで実行するステップに必要なものは、同じパスに用意してください:")
				c.elsewhere(made.Elsewhere)
			}
			for _, r := range made.Open {
				c.say("muster: run %s goes on; the bundle has its record up to now", "muster: %s は実施中です。パッケージには現時点までの記録が入っています", r.Run)
			}
			if len(made.Servers) == 0 {
				c.say("muster: public_url is not set or names this very machine (loopback), so a laptop can't ask whether this server still answers", "muster: public_url が未設定か、ループバックアドレスのため、ノートPCからこのサーバーの稼働を確認できません")
			}
			c.say("muster: put a copy of `muster` beside it on the stick: it opens the bundle, and goes on with the one inside", "muster: 同じ媒体に `muster` 本体も入れてください。パッケージを開き、以後は中の版に切り替わります")
			return nil
		},
	}
	cmd.Flags().StringVar(&passphrase, "passphrase-file", "", c.t("file with a passphrase that opens it, in place of bundle.recipients", "bundle.recipients の代わりに使うパスフレーズのファイル"))
	c.settings(cmd.Flags(), "store", "store_password", "engine", "font")
	cmd.AddCommand(c.bundleKey(), c.bundleExport())
	return cmd
}

func (c *command) bundleTable(list api.Bundles) {
	if len(list.Bundles) == 0 && list.From == nil {
		c.say("muster: no bundle was made here yet: muster bundle FILE --as PERSON", "muster: パッケージはまだ作成されていません: muster bundle ファイル --as 人")
	}
	var rows [][]string
	for _, b := range list.Bundles {
		runs := 0
		for _, m := range b.Merges {
			runs += len(m.Runs)
		}
		merged := c.t("not used, as far as is known here", "使用の記録なし")
		switch {
		case b.Begun:
			merged = c.t("begun only: its file was not put in place, as far as is known here", "作成開始のみ（ファイルの配置の記録なし）")
		case len(b.Merges) == 0 && b.Use != nil:
			merged = c.t("in use since %s (%s); no run came back yet", "%s に使用開始（%s）、取り込んだ実施なし", c.stamp(b.Use.At), b.Use.By)
		case len(b.Merges) > 0:
			merged = c.t("%d run(s), last %s", "%d 件（最終 %s）", runs, c.stamp(b.Merges[len(b.Merges)-1].At))
		}
		rows = append(rows, []string{b.ID, c.stamp(b.MadeAt), c.ago(b.MadeAt), b.By, b.Muster, merged})
	}
	if len(rows) > 0 {
		table(c.Out, []string{c.t("BUNDLE", "パッケージ"), c.t("MADE", "作成"), c.t("AGE", "経過"), c.t("BY", "作成者"), c.t("VERSION", "版"), c.t("MERGED", "取り込み")}, rows)
	}
	if list.From != nil {
		c.say("muster: this server works from bundle %s itself, since %s: %s", "muster: このサーバー自体がパッケージ %s で動いています（%s から）: %s", list.From.ID, c.stamp(list.From.At), list.From.Reason)
	}
}

func (c *command) bundleKey() *cobra.Command {
	return &cobra.Command{
		Use: "key FILE", Short: c.t("Make a key that opens bundles, and print its public half", "パッケージを開く鍵を作成し、公開鍵を表示する"), Args: cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			public, err := breakglass.NewFile(args[0])
			if err != nil {
				return mistake(err, "")
			}
			if c.json() {
				return c.printJSON(map[string]string{"public": public, "file": args[0]})
			}
			if _, err := fmt.Fprintln(c.Out, public); err != nil {
				return err
			}
			c.say("muster: write it as bundle.recipients in the settings; carry %s to the laptop and keep it apart from the bundle. Whoever has both has everything", "muster: 設定の bundle.recipients に書いてください。%s はノートPCに移し、パッケージとは別に保管してください。両方を手にした人は、すべてを操作できます", args[0])
			return nil
		},
	}
}

func (c *command) bundleExport() *cobra.Command {
	cmd := &cobra.Command{
		Use: "export FILE", Short: c.t("On the laptop: write what was done, for `muster merge` at the main server", "ノートPC側: 実施した内容を、本来のサーバーでの `muster merge` 用に書き出す"), Args: cobra.ExactArgs(1),
		Long: c.t(`Write the runs of this bundle that have ended, each as it was sealed, and the whole evidence log. Photos and the private parts of
safety answers stay on the laptop. Nothing is taken away: it can be made again, and later ones hold all that earlier ones did.`,
			`このパッケージで実施し終了したものを、封印した証拠と台帳の全体として書き出します。写真と安否回答の非公開部分は
ノートPCに残ります。元の記録は消えません。何度でも書き出せ、後の書き出しは前の内容をすべて含みます。`),
		RunE: func(cmd *cobra.Command, args []string) error {
			client, err := c.client()
			if err != nil {
				return err
			}
			defer client.Close()
			return c.bringBack(cmd.Context(), client, args[0])
		},
	}
	return cmd
}

func (c *command) merge() *cobra.Command {
	var reason string
	cmd := &cobra.Command{
		Use: "merge FILE", Short: c.t("Take back what was done with a break-glass bundle, once all of it was made sure of", "非常時持出パッケージでの記録を検証し、取り込む"), Args: cobra.ExactArgs(1),
		Long: c.t(`Take the runs in FILE, which "muster bundle export" wrote on the laptop, into this server's record. Before anything is written, the
file's evidence log has to be signed by the key that this server noted when it made the bundle, and every run to be as it was sealed there, to the
event. What is not is named, and nothing is taken (exit code 5). The same file again changes nothing.`,
			`ノートPCで「muster bundle export」が書き出したFILEの実施記録を、このサーバーの記録に取り込みます。書き込む前に、証拠台帳が
パッケージ作成時に登録した鍵で署名されていること、すべての実施がイベント単位で封印時のとおりであることを確認します。
相違があればその箇所を示し、何も取り込みません（終了コード5）。同じファイルを再度取り込んでも変化はありません。`),
		RunE: func(cmd *cobra.Command, args []string) error {
			b, err := readBounded(args[0], evidence.MostPacked)
			if err != nil {
				return mistake(fmt.Errorf("%s", c.t("the file can't be read: %v", "ファイルを読み取れません: %v", c.said(err))), "")
			}
			if _, err := breakglass.ByPassphraseOnly(args[0]); err == nil {
				return mistake(errors.New(c.t("%s is the bundle itself, not what was done with it", "%s は非常時持出パッケージ本体で、対応の記録ではありません", args[0])),
					c.t("Give the file that `muster bundle export FILE` wrote on the laptop", "ノートPCで `muster bundle export ファイル` により書き出したファイルを指定してください"))
			}
			if strings.TrimSpace(reason) == "" {
				return c.needs("--reason")
			}
			client, by, err := c.clientAs()
			if err != nil {
				return err
			}
			defer client.Close()
			m, err := client.MergeBundle(cmd.Context(), b, by, reason)
			if err != nil {
				return err
			}
			if c.json() {
				return c.printJSON(m)
			}
			for _, id := range m.Merged {
				if _, err := fmt.Fprintln(c.Out, id); err != nil {
					return err
				}
			}
			switch {
			case len(m.Merged) > 0:
				c.say("muster: merged %d run(s) of bundle %s; every one is as it was sealed. `muster report RUN` shows each", "muster: パッケージ %[2]s から %[1]d 件の実施を取り込みました。すべて封印時のとおりです。`muster report 実施ID` で報告書を確認できます", len(m.Merged), m.Bundle)
			case len(m.Same) > 0:
				c.say("muster: nothing new: %s of bundle %s stood here already, to the event", "muster: 新しい内容はありません。パッケージ %[2]s の %[1]s はすでに同じ内容で取り込み済みです", strings.Join(m.Same, ", "), m.Bundle)
			default:
				c.say("muster: no run of bundle %s has ended yet", "muster: パッケージ %s で終了した実施はまだありません", m.Bundle)
			}
			c.say("muster: the bundle was taken into use by %s: %s. Somebody who had no part in it should review that", "muster: パッケージの使用開始: %s（%s）。対応に関与していない人が事後確認を行ってください", m.BegunBy, m.Reason)
			if len(m.Removed) > 0 {
				c.say("muster: does not come, since its record was removed on the laptop after its time, as the laptop's log says: %s", "muster: 保存期間の満了によりノートPC側で記録が削除されたため取り込めないもの（ノートPCの台帳に記載）: %s", strings.Join(m.Removed, ", "))
			}
			if len(m.Open) > 0 {
				c.say("muster: still going on there: %s; export and merge again when it has ended", "muster: 持出先で実施中: %s。終了後にもう一度書き出して取り込んでください", strings.Join(m.Open, ", "))
			}
			return nil
		},
	}
	cmd.Flags().StringVar(&reason, "reason", "", c.t("why; it stands in the evidence log for ever", "理由 (証拠台帳に永久に残る)"))
	return cmd
}

// passphraseIn reads a passphrase from a file that others may not read.
func (c *command) passphraseIn(path string) (string, error) {
	b, err := breakglass.Private(path)
	if err != nil {
		return "", mistake(err, "")
	}
	return string(bytes.TrimRight(b, "\r\n")), nil
}

// askPassphrase asks at the terminal, twice where it is new.
func (c *command) askPassphrase(ctx context.Context, twice bool) (string, error) {
	in, ok := c.In.(*os.File)
	if !ok || !term.IsTerminal(int(in.Fd())) {
		return "", mistake(errors.New(c.t("no passphrase is given, and nobody can be asked", "パスフレーズの指定がなく、入力を求めることもできません")), c.t("Give --passphrase-file FILE", "--passphrase-file ファイル を指定してください"))
	}
	shown, err := term.GetState(int(in.Fd()))
	if err != nil {
		return "", err
	}
	ask := func(en, ja string) (string, error) {
		fmt.Fprint(c.Err, c.t(en, ja))
		b, err := typing(ctx, func() ([]byte, error) { return term.ReadPassword(int(in.Fd())) })
		if ctx.Err() != nil { // what is typed next is shown again
			err = errors.Join(err, term.Restore(int(in.Fd()), shown))
		}
		fmt.Fprintln(c.Err)
		return string(b), err
	}
	first, err := ask("Passphrase of the bundle: ", "パッケージのパスフレーズ: ")
	if err != nil || !twice {
		return first, err
	}
	again, err := ask("Once more: ", "もう一度: ")
	if err == nil && again != first {
		err = mistake(errors.New(c.t("the two are not the same", "入力が一致しません")), "")
	}
	return first, err
}

// opening is how a bundle's file is opened: by a key, by a passphrase in a file, or by one that is asked for.
func (c *command) opening(ctx context.Context, file, identity, passphrase string) func() ([]age.Identity, error) {
	return func() ([]age.Identity, error) {
		byWords, err := breakglass.ByPassphraseOnly(file)
		if err != nil {
			return nil, mistake(err, "")
		}
		if !byWords {
			if identity == "" {
				return nil, mistake(errors.New(c.t("this bundle is opened with a key, not with a passphrase", "このパッケージを開くのに必要なのは鍵です（パスフレーズでは開けません）")),
					c.t("Name the key's file with --identity FILE: the one that `muster bundle key FILE` made", "--identity ファイル で、`muster bundle key ファイル` が作成した鍵のファイルを指定してください"))
			}
			ids, err := breakglass.ByFile(identity)
			if err != nil {
				return nil, mistake(err, "")
			}
			return ids, nil
		}
		if identity != "" {
			return nil, mistake(errors.New(c.t("this bundle is opened with a passphrase, and --identity names a key: no key opens it", "このパッケージを開くのに必要なのはパスフレーズです（--identity の鍵では開けません）")),
				c.t("Leave --identity out: the passphrase is asked for, or give --passphrase-file FILE", "--identity を外してください。パスフレーズの入力を求めます（--passphrase-file ファイル でも指定できます）"))
		}
		text := ""
		if passphrase != "" {
			text, err = c.passphraseIn(passphrase)
		} else {
			text, err = c.askPassphrase(ctx, false)
		}
		if err != nil {
			return nil, err
		}
		ids, err := breakglass.ByPassphrase(text)
		if err != nil {
			return nil, mistake(err, "")
		}
		return ids, nil
	}
}

// ago is how long ago something was, as people say it.
func (c *command) ago(t time.Time) string {
	switch d := time.Since(t); {
	case d >= 48*time.Hour:
		return c.t("%d days", "%d日", int(d.Hours())/24)
	case d >= 2*time.Hour:
		return c.t("%d hours", "%d時間", int(d.Hours()))
	default:
		return c.t("%d minutes", "%d分", int(max(d, 0).Minutes()))
	}
}
