package cli

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/muster-dr/muster/internal/breakglass"
	"github.com/muster-dr/muster/internal/evidence"
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/run"
)

// verify needs no server, no settings and no network: only the bundle and the public key.
func (c *command) verify() *cobra.Command {
	var key, since, later, tsa string
	cmd := &cobra.Command{
		Use:   "verify BUNDLE",
		Short: c.t("Make sure of a run's evidence, offline: signatures, events and every figure", "証拠バンドルをオフラインで検証する: 署名・イベント・全数値"),
		Long: c.t(`Checks a bundle made by "muster evidence export": the signature of the log's checkpoint, that the run
is in that log, that every file and event is as it was sealed; and computes every RTO, RPO and RLO again from
plan and events. What differs is named. Nothing but the bundle and the public key is needed.

With --later and a bundle or file of the log ("muster evidence log") from another time, it proves that nothing of the
log was removed or rewritten in between. With --tsa-ca it makes sure of the time stamps: that what was sealed was
there at that time, by the clock of an authority that is not whoever sealed it.

It shows the parts that are in it. Whether more of the run was sealed later, "muster evidence list RUN" says at the server.

Exit code 0: all is as sealed. 3: something is not. 4: all fits, but without --key nothing shows whose it is, or
--tsa-ca was given and no time stamp of that authority covers a part.
6: all fits, but no report could be made of the run when it was sealed, so that no figure was computed again.`,
			`「muster evidence export」で書き出したバンドルを検証します。台帳のチェックポイントの署名、実施が台帳に含まれること、
全ファイル・全イベントが封印時のままであることを確認し、RTO・RPO・RLOを計画とイベントから再計算します。
相違があればその箇所を示します。必要なものはバンドルと公開鍵だけです。

--later に別の時点のバンドルや台帳のファイル（「muster evidence log」）を指定すると、その間に台帳から何も削除・改変
されていないことを証明します。--tsa-ca を指定すると、封印した記録がその時刻に存在したことを、封印した者とは別の
時刻認証局のタイムスタンプで確認します。

示されるのはバンドルに含まれる部だけです。後から封印された部の有無は、サーバー側の「muster evidence list RUN」で確認できます。

終了コード 0: すべて封印時のとおり。3: 相違あり。4: 相違はないが、--key がないため誰のものか証明できない、
または --tsa-ca を指定したが、その時刻認証局のタイムスタンプの対象でない部がある。
6: 相違はないが、封印時に報告書を作成できなかったため、数値を再計算していない。`),
		Args: cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			b, err := readBounded(args[0], evidence.MostPacked)
			if err != nil {
				return mistake(fmt.Errorf("%s", c.t("the bundle can't be read: %v", "バンドルを読み取れません: %v", c.said(err))), "")
			}
			if err := c.noEvidence(args[0], b); err != nil {
				return err
			}
			o := evidence.Options{Version: Version(), Now: time.Now()}
			if key != "" {
				text, err := readBounded(key, 1<<20)
				if err == nil {
					o.Keys, err = evidence.Keys(string(text))
				}
				if err != nil {
					return mistake(c.about(key, err), c.t("Give the file with what `muster evidence key` prints", "`muster evidence key` の出力を保存したファイルを指定してください"))
				}
			}
			if since != "" {
				if o.Since, err = readBounded(since, 1<<20); err != nil {
					return mistake(c.about(since, err), "")
				}
			}
			if later != "" {
				if o.Later, err = readBounded(later, evidence.MostPacked); err != nil {
					return mistake(c.about(later, err), "")
				}
			}
			if tsa != "" {
				pem, err := readBounded(tsa, 1<<20)
				if err == nil {
					o.Authorities, err = evidence.Certificates(pem)
				}
				if err != nil {
					return mistake(c.about(tsa, err), c.t("Give the certificate of the time-stamping authority, PEM", "時刻認証局の証明書 (PEM) を指定してください"))
				}
			}
			r := evidence.Verify(b, o)
			if c.json() {
				if err := c.printJSON(r); err != nil {
					return err
				}
			} else {
				c.verified(r)
			}
			switch {
			case len(r.Findings) > 0:
				c.code = exitMissed
			case !r.Sound:
				c.code = exitNotComputed
			case !r.KeyGiven, len(o.Authorities) > 0 && (len(r.Unstamped) > 0 || len(r.Stamps) == 0):
				c.code = exitNotProven
			}
			return nil
		},
	}
	cmd.Flags().StringVar(&key, "key", "", c.t("file with the log's public key, given to you on another way than the bundle", "台帳の公開鍵のファイル (バンドルとは別経路で受け取ったもの)"))
	cmd.Flags().StringVar(&since, "since", "", c.t("file with an older checkpoint of the log: make sure that the log continues it", "以前のチェックポイントのファイル。台帳がその続きであることも確認する"))
	cmd.Flags().StringVar(&later, "later", "", c.t("later bundle, or file of the log: make sure that nothing was removed or rewritten in between", "後の時点のバンドルまたは台帳のファイル。その間に削除・改変がないことも確認する"))
	cmd.Flags().StringVar(&tsa, "tsa-ca", "", c.t("file with the certificate of the time-stamping authority, PEM: make sure of the time stamps", "時刻認証局の証明書のファイル (PEM)。タイムスタンプも確認する"))
	return cmd
}

// noEvidence refuses the two files of break-glass that are easily taken for a run's evidence, with what they are for.
func (c *command) noEvidence(path string, b []byte) error {
	if id, err := breakglass.BackID(b); err == nil {
		return mistake(errors.New(c.t("%s is what comes back from break-glass bundle %s: the evidence of all its runs, with their log", "%s は、非常時持出パッケージ %s で対応した記録を持ち帰るためのファイルです（全実施の証拠と台帳を含みます）", path, id)),
			c.t("Take it in at the main server: `muster merge %s --as PERSON --reason WHY` makes sure of every run, to the event, before it takes any. Then `muster evidence export RUN` makes the evidence of one", "本来のサーバーで `muster merge %s --as 人 --reason 理由` を実行してください。すべての実施をイベント単位で検証してから取り込みます。取り込み後は `muster evidence export 実施ID` で実施ごとの証拠を書き出せます", path))
	}
	if _, err := breakglass.ByPassphraseOnly(path); err == nil {
		return mistake(errors.New(c.t("%s is encrypted: a break-glass bundle, and not a run's evidence", "%s は暗号化された非常時持出パッケージで、実施の証拠ではありません", path)),
			c.t("`muster up --bundle %s` opens it, and makes sure of all that is in it first", "`muster up --bundle %s` で開けます。使用する前に、内容をすべて検証します", path))
	}
	return nil
}

// readBounded reads a file that is not longer than most.
func readBounded(path string, most int64) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, most+1))
	if err == nil && int64(len(b)) > most {
		err = plan.Wrong("%s is longer than %d MB", "%s は %d MB を超えています", path, most>>20)
	}
	return b, err
}

// verified tells of a verification.
func (c *command) verified(r evidence.Result) {
	for _, f := range r.Findings {
		fmt.Fprintf(c.Out, "%s  %s\n", c.t("WRONG", "不一致"), f.In(c.lang))
	}
	if r.Whole {
		table(c.Out, nil, append([][]string{
			{c.t("log", "台帳"), c.t("%s, %d entries, %d of them here", "%s、%d 件（うちこのファイルに %d 件）", r.Log, r.LogSize, r.Entries)},
			{c.t("key", "公開鍵"), r.Fingerprint},
		}, c.proven(r)...))
	}
	if r.Run != "" {
		title := ""
		if r.Title != nil {
			title = r.Title.In(string(c.lang))
		}
		rows := [][]string{
			{c.t("run", "実施"), strings.TrimSpace(r.Run + "  " + title)},
			{c.t("sealed", "封印"), c.t("by muster %s, in %d part(s): %d files, %d events", "muster %s、%d 部、ファイル %d 件、イベント %d 件", r.SealedBy, r.Parts, r.Files, r.Events)},
			{c.t("log", "台帳"), c.t("%s, %d entries, %d of them proven", "%s、%d 件中 %d 件の所在を証明", r.Log, r.LogSize, r.Entries)},
			{c.t("key", "公開鍵"), r.Fingerprint},
			{c.t("computed again", "再計算"), c.computed(r)},
		}
		if r.Page == evidence.PageNotCompared {
			rows = append(rows, []string{"report.html", c.t("NOT COMPARED: made by muster %s; read report.json, whose figures were computed again", "照合なし（muster %s が作成）。数値を再計算した report.json を参照のこと", r.SealedBy)})
		}
		for _, s := range r.Systems {
			rows = append(rows, []string{"  " + s.ID, fmt.Sprintf("RTO %s, RPO %s, RLO %s", c.lang.Verdict(run.Verdict(s.RTO)), c.lang.Verdict(run.Verdict(s.RPO)), c.lang.Verdict(run.Verdict(s.RLO)))})
		}
		table(c.Out, nil, append(rows, c.proven(r)...))
	}
	for _, n := range r.Notes {
		fmt.Fprintf(c.Out, "%s  %s\n", c.t("note", "注記"), n.In(c.lang))
	}
	switch {
	case len(r.Findings) == 0 && !r.Sound:
		c.say("muster: NOT COMPUTED AGAIN: log, files and events are as they were sealed, and no report could be made of them then: what the run came to is not shown", "muster: 再計算できません: 台帳・ファイル・イベントは封印時のとおりですが、封印時に報告書を作成できなかったため、実施の結果は証明されていません")
	case !r.Sound:
		c.say("muster: REJECTED: %d thing(s) are not as they were sealed", "muster: 不合格: 封印時と異なる点が %d 件あります", len(r.Findings))
	case !r.KeyGiven:
		c.say("muster: all fits together, but nothing shows whose it is: compare the fingerprint, or give the public key with --key", "muster: 相違はありませんが、誰のものか証明できません。フィンガープリントを照合するか、--key で公開鍵を指定してください")
	case r.Whole:
		c.say("muster: all entries of this file are what the log's checkpoint signs", "muster: このファイルの全エントリーが、台帳の署名されたチェックポイントと一致しています")
	case r.Computed == evidence.ComputedNone:
		c.say("muster: log, files and events are as they were sealed; this record has no plan and no figures", "muster: 台帳・ファイル・イベントは封印時のとおりです。この記録には計画も数値もありません")
	case r.Page == evidence.PageNotCompared:
		c.say("muster: %d part(s) are as they were sealed; every figure of report.json follows from plan and events; report.html was not compared: read report.json, or check with muster %s", "muster: 封印時のとおりで（%d 部）、report.json のすべての数値が計画とイベントから導かれることを確認しました。report.html は照合していません。report.json を参照するか、muster %s で検証してください", r.Parts, r.SealedBy)
	default:
		c.say("muster: %d part(s) are as they were sealed; every figure follows from plan and events", "muster: 封印時のとおりです（%d 部）。すべての数値が計画とイベントから導かれることを確認しました", r.Parts)
	}
}

// proven says what the log shows over time: against other states of it, and by outside clocks.
func (c *command) proven(r evidence.Result) [][]string {
	var rows [][]string
	if r.Since != nil {
		rows = append(rows, []string{c.t("continues", "連続性"), c.t("the log of %d entries that you had", "以前の台帳（%d 件）の続きであることを確認", *r.Since)})
	}
	if r.Continued != nil {
		rows = append(rows, []string{c.t("continued", "後の台帳"), c.t("by the later log of %d entries: of these %d, none was removed or rewritten", "後の台帳（%d 件）と一致。この %d 件に削除・改変はない", r.Continued.Size, r.LogSize)})
	}
	for _, s := range r.Stamps {
		within := c.t("accuracy not stated", "精度の記載なし")
		if s.AccuracyS != nil {
			within = fmt.Sprintf("± %g s", *s.AccuracyS)
		}
		who := s.Authority
		if !s.Trusted {
			who = c.t("%s (not made sure of)", "%s（未確認）", s.Authority)
		}
		what := c.t("%s (%s) by %s: the first %d entries were there; policy %s, serial %s", "%s（%s）%s: 先頭 %d 件がこの時刻に存在。ポリシー %s、シリアル番号 %s", s.At.Format("2006-01-02 15:04:05 MST"), within, who, s.Size, s.Policy, s.Serial)
		if len(s.Parts) > 0 {
			parts := strings.Trim(fmt.Sprint(s.Parts), "[]")
			what += c.t("; part %s, %s after it was sealed", "。第 %s 部、封印から %s 後", parts, span(s.GapS))
		}
		rows = append(rows, []string{c.t("time stamp", "タイムスタンプ"), what})
	}
	return rows
}

// span is seconds as people read them; a stamp's gap is of minutes to days.
func span(s float64) string {
	d := time.Duration(s * float64(time.Second))
	if d < time.Minute {
		return d.Round(100 * time.Millisecond).String()
	}
	return d.Round(time.Second).String()
}

// computed says what of a bundle was computed again.
func (c *command) computed(r evidence.Result) string {
	switch {
	case r.Computed == evidence.ComputedNone:
		return c.t("nothing: this record has no plan and no report; log, files and events were checked", "対象なし（計画と報告書のない記録。台帳・ファイル・イベントを照合）")
	case r.Computed == evidence.ComputedNot:
		return c.t("nothing: no report could be made when it was sealed", "なし（封印時に報告書を作成できず）")
	}
	return c.t("%d figures of %d system(s), report and record of each part", "%[2]d システムの数値 %[1]d 件、各部の報告書と記録", r.Figures, len(r.Systems))
}
