package cli

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/muster-dr/muster/internal/api"
	"github.com/muster-dr/muster/internal/evidence"
	"github.com/muster-dr/muster/internal/evidence/keep"
)

func (c *command) evidence() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "evidence",
		Short: c.t("What is sealed of runs that ended: list, export, hold, key", "終了した実施の証拠: 一覧、書き出し、保全、鍵"),
		Args:  cobra.NoArgs,
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(c.evidenceList(), c.evidenceExport(), c.evidenceLog(), c.evidenceKey(), c.evidenceCheckpoint(), c.evidenceHold(), c.evidenceRelease(), c.evidenceErase(), c.evidenceRotate(), c.evidenceAdopt(), c.evidenceConfirmHolds())
	return cmd
}

func (c *command) evidenceList() *cobra.Command {
	return &cobra.Command{
		Use: "list [RUN]", Short: c.t("The log: what was sealed, held, erased, removed and copied, and how it stands", "台帳の一覧: 封印・保全・消去・削除・複製と現在の状況"), Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			client, err := c.client()
			if err != nil {
				return err
			}
			defer client.Close()
			of := ""
			if len(args) > 0 {
				of = args[0]
			}
			e, err := client.EvidenceList(cmd.Context(), of)
			if err != nil {
				return err
			}
			if c.json() {
				return c.printJSON(e)
			}
			zone := c.zone(cmd.Context(), client)
			var rows [][]string
			for _, x := range e.Entries {
				rows = append(rows, []string{strconv.FormatUint(x.Index, 10), x.At.In(zone).Format("2006-01-02 15:04:05 MST"), x.Run, c.entry(x.Entry)})
			}
			table(c.Out, []string{c.t("ENTRY", "番号"), c.t("AT", "日時"), c.t("RUN", "実施"), c.t("WHAT", "内容")}, rows)
			c.standing(e)
			return nil
		},
	}
}

// entry says what an entry is about.
func (c *command) entry(e evidence.Entry) string {
	why := ""
	if e.By != "" {
		why = c.t(" by %s", "（%s）", e.By)
	}
	if e.Reason != "" {
		why += ": " + e.Reason
	}
	switch e.Kind {
	case evidence.EntryBegun:
		if e.Bundle != "" {
			return c.t("the log was begun with break-glass bundle %s", "非常時持出パッケージ %s の使用開始により台帳を開始", e.Bundle) + why
		}
		return c.t("the log was begun", "台帳を開始") + why
	case evidence.EntryBundle:
		return c.t("break-glass bundle %s made; its key is %s", "非常時持出パッケージ %s を作成、鍵は %s", e.Bundle, evidence.Fingerprint(e.Key)) + why
	case evidence.EntryMerged:
		return c.t("%d run(s) merged from break-glass bundle %s, file %.12s", "非常時持出パッケージ %[2]s から %[1]d 件の実施を取り込み、ファイル %.12[3]s", e.Count, e.Bundle, e.SHA256) + why
	case evidence.EntrySealed:
		return c.t("part %d sealed, class %s, manifest %.12s", "第 %d 部を封印、クラス%s、マニフェスト %.12s", e.Part, e.Class, e.Manifest)
	case evidence.EntryHeld:
		return c.t("held", "保全") + why
	case evidence.EntryReleased:
		return c.t("released", "保全を解除") + why
	case evidence.EntryHoldsConfirmed:
		return c.t("what the lost server held is held here", "失われたサーバーでの保全を、この台帳で確認") + why
	case evidence.EntryErased:
		return c.t("%d piece(s) of personal data erased", "個人情報 %d 件を消去", e.Count) + why
	case evidence.EntryRemoved:
		return c.t("record removed, class %s", "記録を削除、クラス%s", e.Class) + why
	case evidence.EntryCopied:
		if e.Run == "" {
			return c.t("the time stamp of the first %d entries arrived at %s, %d bytes, %.12s", "先頭 %d 件のタイムスタンプが %s に到着、%d バイト、%.12s", e.Size, e.Place, e.Bytes, e.SHA256)
		}
		return c.t("part %d arrived at %s, %d bytes, %.12s", "第 %d 部が %s に到着、%d バイト、%.12s", e.Part, e.Place, e.Bytes, e.SHA256)
	case evidence.EntryStamped:
		return c.t("the first %d entries have a time stamp of %s", "先頭 %d 件にタイムスタンプを取得（%s）", e.Size, e.Place)
	case evidence.EntryKey:
		return c.t("key changed to %s", "鍵を %s に変更", evidence.Fingerprint(e.Key)) + why
	}
	return string(e.Kind) + why
}

// standing is talk about how it stands.
func (c *command) standing(e api.Evidence) {
	if e.Elsewhere != "" {
		c.say("muster: the evidence is kept by another server (%s)", "muster: 証拠は別のサーバーが保管しています (%s)", e.Elsewhere)
		return
	}
	c.say("muster: log %s, %d entries, %d run(s) sealed, %d held", "muster: 台帳 %s、%d 件、封印済みの実施 %d 件、保全中 %d 件", e.Log, e.Size, e.Sealed, e.Held)
	if len(e.Waiting) > 0 {
		c.say("muster: not sealed yet: %s", "muster: 未封印: %s", strings.Join(e.Waiting, ", "))
	}
	if wrong := e.NotAsSealed(); len(wrong) > 0 {
		c.say("muster: altered or damaged since it was sealed: %s", "muster: 封印後に改変または破損: %s", strings.Join(wrong, ", "))
	}
	for _, row := range e.Rows {
		c.say("muster: was not what the sealed record gives, and was made anew from it: %s", "muster: 封印済みの記録から求めた内容と異なっていたため、記録から作り直しました: %s", row.In(string(c.lang)))
	}
	c.holdsUnknown(e.HoldsUnknown)
	if e.ClockDoubted != nil {
		c.say("muster: nothing is erased or removed for its time since %s: the clock may be ahead; muster doctor says what to do", "muster: 時計が進んでいる可能性があるため、%s から、期限による消去・削除をしていません。対処は muster doctor で確認してください", c.stamp(*e.ClockDoubted))
	}
	if e.Trouble != "" {
		c.say("muster: nothing can be sealed now: %s", "muster: 現在封印できません: %s", e.Trouble)
	}
	if e.RunTrouble != "" {
		c.say("muster: can't be sealed, while others are: %s", "muster: ほかは封印していますが、次のものは封印できません: %s", e.RunTrouble)
	}
	c.stamps(e.Stamps)
	for _, p := range e.Places {
		switch {
		case p.Trouble != "":
			c.say("muster: %s: %d not there yet: %s", "muster: %s: 未着 %d 件: %s", p.Place, p.Waiting, p.Trouble)
		case p.Waiting > 0:
			c.say("muster: %s: %d under way", "muster: %s: 送信中 %d 件", p.Place, p.Waiting)
		}
	}
}

func (c *command) evidenceExport() *cobra.Command {
	var out, since string
	var personal bool
	cmd := &cobra.Command{
		Use: "export RUN", Short: c.t("Write a run's bundle, which anybody can verify offline", "オフラインで検証できる証拠バンドルを書き出す"), Args: cobra.ExactArgs(1),
		Long: c.t(`Writes one zip file with the run's events, plan, report, attachments, proofs and checkpoint.
Give the public key (muster evidence key) to whoever shall verify it on another way.
Personal data (photos, private parts of answers) stays out unless --personal is given.`,
			`実施のイベント・計画・報告書・添付・証明・チェックポイントを一つのzipファイルに書き出します。
検証する人には、公開鍵 (muster evidence key) を別の経路で渡してください。
個人情報 (写真、回答の非公開部分) は --personal を付けた場合だけ含めます。`),
		RunE: func(cmd *cobra.Command, args []string) error {
			o := keep.BundleOptions{Personal: personal}
			if since != "" {
				b, err := readBounded(since, evidence.MostPacked)
				if err == nil {
					o.Since, err = checkpointSize(b)
				}
				if err != nil {
					return mistake(c.about(since, err), c.t("Give the file of an older checkpoint, or an older bundle", "以前のチェックポイントのファイルか、以前のバンドルを指定してください"))
				}
			}
			client, err := c.client()
			if err != nil {
				return err
			}
			defer client.Close()
			b, err := client.Bundle(cmd.Context(), args[0], o)
			if err != nil {
				return err
			}
			if out == "" {
				out = args[0] + ".zip"
			}
			return c.putZip(out, b)
		},
	}
	// It shadows --output, which a file has no use for.
	cmd.Flags().StringVarP(&out, "output", "o", "", c.t("file to write; RUN.zip when left out, - for stdout", "出力先のファイル。省略時は RUN.zip、- なら標準出力"))
	cmd.Flags().StringVar(&since, "since", "", c.t("older checkpoint, or older bundle: a proof that the log continues it goes along", "以前のチェックポイントまたはバンドル。台帳がその続きである証明を含める"))
	cmd.Flags().BoolVar(&personal, "personal", false, c.t("put personal data in, what there still is of it", "消去されていない個人情報を含める"))
	return cmd
}

// checkpointSize reads the size of a checkpoint; its signature is looked at by who verifies.
func checkpointSize(b []byte) (uint64, error) {
	if bytes.HasPrefix(b, []byte("PK")) {
		files, _, err := evidence.Read(b)
		if err != nil {
			return 0, err
		}
		b = files[evidence.FileCheckpoint]
	}
	lines := strings.SplitN(string(b), "\n", 3)
	if len(lines) < 3 {
		return 0, errors.New("this is no checkpoint")
	}
	n, err := strconv.ParseUint(lines[1], 10, 64)
	if err != nil || n == 0 {
		return 0, errors.New("this is no checkpoint of a log with entries")
	}
	return n, nil
}

func (c *command) evidenceKey() *cobra.Command {
	var all bool
	cmd := &cobra.Command{
		Use: "key", Short: c.t("Print the log's public key, from the data directory", "台帳の公開鍵をデータディレクトリから表示する"), Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			inUse, every, err := keep.PublicKey(c.config.EvidenceDir())
			if err != nil {
				return mistake(fmt.Errorf("%s", c.t("there is no key in %s: %v", "%s に鍵がありません: %v", c.config.EvidenceDir(), bare(err))), c.t("The server makes it when it starts; name its data directory with --data", "サーバーの起動時に作成されます。--data でデータディレクトリを指定してください"))
			}
			if !all {
				every = []string{inUse}
			}
			if c.json() {
				var list []api.EvidenceKey
				for _, k := range every {
					list = append(list, api.EvidenceKey{Key: k, Fingerprint: evidence.Fingerprint(k)})
				}
				return c.printJSON(list)
			}
			for _, k := range every {
				fmt.Fprintln(c.Out, k)
				c.say("fingerprint %s", "フィンガープリント %s", evidence.Fingerprint(k))
			}
			return nil
		},
	}
	cmd.Flags().BoolVar(&all, "all", false, c.t("those of before a rotation too, oldest first", "交換前の鍵も古い順に表示する"))
	return cmd
}

func (c *command) evidenceCheckpoint() *cobra.Command {
	return &cobra.Command{
		Use: "checkpoint", Short: c.t("Print the newest signed checkpoint; keep it elsewhere, and nothing before it can be altered unnoticed", "最新の署名付きチェックポイントを表示する。別の場所に保管すれば、以前の改変を検出できる"), Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			client, err := c.client()
			if err != nil {
				return err
			}
			defer client.Close()
			b, err := client.Checkpoint(cmd.Context())
			if err != nil {
				return err
			}
			_, err = c.Out.Write(b)
			return err
		},
	}
}

// evidenceAct is a command that acts under somebody's name and for a reason.
func (c *command) evidenceAct(cmd *cobra.Command, do func(cmd *cobra.Command, client *api.Client, args []string, in api.EvidenceAct) error) *cobra.Command {
	var reason string
	cmd.Flags().StringVar(&reason, "reason", "", c.t("why; it stands in the log for ever", "理由 (台帳に恒久的に残ります)"))
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if strings.TrimSpace(reason) == "" {
			return mistake(fmt.Errorf("%s", c.t("Why? It stands in the log.", "理由が必要です。台帳に残ります。")), c.t("Say it with --reason", "--reason で指定してください"))
		}
		client, by, err := c.clientAs()
		if err != nil {
			return err
		}
		defer client.Close()
		return do(cmd, client, args, api.EvidenceAct{By: by, Reason: reason})
	}
	return cmd
}

func (c *command) evidenceHold() *cobra.Command {
	return c.evidenceAct(&cobra.Command{Use: "hold RUN", Short: c.t("Legal hold: nothing of the run is erased until it is released", "法的保全: 解除するまで実施の記録と個人情報を一切消去しない"), Args: cobra.ExactArgs(1)},
		func(cmd *cobra.Command, client *api.Client, args []string, in api.EvidenceAct) error {
			if err := client.Hold(cmd.Context(), args[0], in); err != nil {
				return err
			}
			c.say("%s is held; nothing of it is erased", "%s を保全しました。解除するまで何も消去しません", args[0])
			return nil
		})
}

func (c *command) evidenceRelease() *cobra.Command {
	return c.evidenceAct(&cobra.Command{Use: "release RUN", Short: c.t("End a legal hold", "法的保全を解除する"), Args: cobra.ExactArgs(1)},
		func(cmd *cobra.Command, client *api.Client, args []string, in api.EvidenceAct) error {
			if err := client.ReleaseHold(cmd.Context(), args[0], in); err != nil {
				return err
			}
			c.say("%s is released; it is erased when its time is over", "%s の保全を解除しました。保存期間の満了後に消去されます", args[0])
			return nil
		})
}

func (c *command) evidenceErase() *cobra.Command {
	return c.evidenceAct(&cobra.Command{Use: "erase RUN", Short: c.t("Erase personal data of an ended run now: photos and private parts of answers", "終了した実施の個人情報（写真、回答の非公開部分）を今すぐ消去する"), Args: cobra.ExactArgs(1)},
		func(cmd *cobra.Command, client *api.Client, args []string, in api.EvidenceAct) error {
			out, err := client.EraseRun(cmd.Context(), args[0], in)
			if err != nil {
				return err
			}
			c.say("%d piece(s) of personal data of %s were erased; what was sealed verifies as before", "%[2]s の個人情報 %[1]d 件を消去しました。封印済みの記録はこれまでどおり検証できます", out.Erased, args[0])
			return nil
		})
}

func (c *command) evidenceRotate() *cobra.Command {
	return c.evidenceAct(&cobra.Command{Use: "rotate", Short: c.t("Sign with a new key from now on", "署名鍵を新しい鍵に交換する"), Args: cobra.NoArgs},
		func(cmd *cobra.Command, client *api.Client, _ []string, in api.EvidenceAct) error {
			k, err := client.RotateKey(cmd.Context(), in)
			if err != nil {
				return err
			}
			fmt.Fprintln(c.Out, k.Key)
			c.say("fingerprint %s; give it to those who verify. Bundles of before are verified with the old key: muster evidence key --all", "フィンガープリント %s。検証する人に配布してください。交換前のバンドルは以前の鍵で検証します: muster evidence key --all", k.Fingerprint)
			return nil
		})
}

func (c *command) evidenceAdopt() *cobra.Command {
	return c.evidenceAct(&cobra.Command{Use: "adopt", Short: c.t("Keep the evidence on this server from now on, after the one that kept it was lost", "証拠を保管していたサーバーが失われたとき、このサーバーで保管を引き継ぐ"), Args: cobra.NoArgs},
		func(cmd *cobra.Command, client *api.Client, _ []string, in api.EvidenceAct) error {
			if err := client.AdoptEvidence(cmd.Context(), in); err != nil {
				return err
			}
			c.say("this server keeps the evidence now; what ended is sealed again in its log", "このサーバーで証拠を保管します。終了した実施は、この台帳に改めて封印されます")
			e, err := client.EvidenceList(cmd.Context(), "")
			if err != nil {
				return err
			}
			c.holdsUnknown(e.HoldsUnknown)
			return nil
		})
}

func (c *command) holdsUnknown(unknown bool) {
	if unknown {
		c.say("muster: nothing is erased or removed: the server that was lost had its legal holds in its own log alone. Hold again what was held (`muster evidence hold RUN --reason ...`), then: muster evidence confirm-holds --reason ...",
			"muster: 失われたサーバーは、法的保全を自身の台帳だけに残していました。そのため、何も消去・削除しません。保全していたものを改めて保全し（`muster evidence hold RUN --reason ...`）、次を実行してください: muster evidence confirm-holds --reason ...")
	}
}

func (c *command) evidenceConfirmHolds() *cobra.Command {
	return c.evidenceAct(&cobra.Command{Use: "confirm-holds", Short: c.t("After adopt: what the lost server held is held again, or was nothing; erasing goes on", "adopt の後、失われたサーバーでの法的保全をすべて改めて設定したことを確認し、消去を再開する"), Args: cobra.NoArgs},
		func(cmd *cobra.Command, client *api.Client, _ []string, in api.EvidenceAct) error {
			if err := client.ConfirmHolds(cmd.Context(), in); err != nil {
				return err
			}
			c.say("confirmed; what has served is erased again, but for what is held", "確認しました。保全中のものを除き、保存期間を過ぎたものの消去を再開します")
			return nil
		})
}
