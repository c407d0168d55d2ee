package cli

import (
	"fmt"
	"os"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/muster-dr/muster/internal/app"
	"github.com/muster-dr/muster/internal/breakglass"
	"github.com/muster-dr/muster/internal/evidence"
	"github.com/muster-dr/muster/internal/i18n"
)

// bundled are the flags of `muster up` from a break-glass bundle.
type bundled struct {
	file, dir, reason, although, identity, passphrase, key string
}

func (b bundled) given() bool { return b.file != "" || b.dir != "" }

func (c *command) bundleFlags(cmd *cobra.Command) *bundled {
	b := &bundled{}
	f := cmd.Flags()
	f.StringVar(&b.file, "bundle", "", c.t("break-glass bundle to work from, when the main server is gone", "本来のサーバーを失ったときに使う非常時持出パッケージ"))
	f.StringVar(&b.dir, "bundle-dir", "", c.t("directory that it is unpacked into and goes on in; empty is one named after the file, here", "展開先で、再開時にも使うディレクトリ。空なら現在の場所にファイルに応じた名前で作る"))
	f.StringVar(&b.reason, "reason", "", c.t("why the bundle is taken into use; the first thing in its record", "パッケージを使用する理由 (記録の先頭に残る)"))
	f.StringVar(&b.although, "although-main-answers", "", c.t("why, also while the main server still answers", "本来のサーバーが応答していても使用する理由"))
	f.StringVar(&b.identity, "identity", "", c.t("file of the key that opens the bundle", "パッケージを開く鍵のファイル"))
	f.StringVar(&b.passphrase, "passphrase-file", "", c.t("file with the passphrase that opens the bundle; else it is asked for", "パッケージのパスフレーズのファイル。省略時は入力を求める"))
	f.StringVar(&b.key, "bundle-key", "", c.t("file with the public key of the main server's evidence log, given to you on another way: shows whose bundle it is", "本来のサーバーの証拠台帳の公開鍵 (パッケージとは別経路で受け取ったもの)。作成元を確認できる"))
	return b
}

// upFromBundle unpacks and makes sure, goes over to the bundle's own program, and works from it.
func (c *command) upFromBundle(cmd *cobra.Command, b bundled) error {
	o := app.ActivateOptions{Lang: c.lang, File: b.file, Dir: b.dir, Reason: b.reason, Although: b.although, Flags: cmd.Flags(), Now: time.Now}
	if f := cmd.Flags().Lookup("as"); f != nil && f.Changed {
		o.By = f.Value.String()
	} else {
		o.By = os.Getenv("MUSTER_PERSON")
	}
	if b.key != "" {
		text, err := readBounded(b.key, 1<<20)
		if err == nil {
			o.Keys, err = evidence.Keys(string(text))
		}
		if err != nil {
			return mistake(c.about(b.key, err), c.t("Give the file with what `muster evidence key` printed", "`muster evidence key` の出力を保存したファイルを指定してください"))
		}
	}
	if b.file != "" {
		o.Open = c.opening(cmd.Context(), b.file, b.identity, b.passphrase)
		if o.By == "" && b.reason != "" {
			return mistake(fmt.Errorf("%s", c.t("Who takes the bundle into use?", "パッケージを使用する人が指定されていません。")), c.t("Say it with --as PERSON, an ID of the estate", "--as で構成台帳のIDを指定してください"))
		}
	}
	a, err := app.Activate(cmd.Context(), o)
	if err != nil {
		return err
	}
	own, is, err := a.Own()
	if err != nil {
		return err
	}
	if !is {
		if os.Getenv(wentOver) == a.ID {
			return fmt.Errorf("%s: %s", own, c.t("the bundle's own program does not start as itself", "パッケージ内のプログラムに切り替えられません"))
		}
		c.say("muster: goes over to the bundle's own version %s", "muster: パッケージ内の版 %s に切り替えます", a.Manifest.Muster)
		args := append([]string{own}, os.Args[1:]...)
		if b.dir == "" {
			args = append(args, "--bundle-dir", a.Dir)
		}
		return syscall.Exec(own, args, append(os.Environ(), wentOver+"="+a.ID))
	}
	if c.config, err = a.Settings(cmd.Flags()); err != nil {
		return err
	}
	c.activated(a)
	p := c.process()
	p.Bundled = &a.Bundled
	return app.Up(cmd.Context(), p, nil)
}

// wentOver tells the bundle's program that another has handed over to it.
const wentOver = "MUSTER_BREAK_GLASS_FROM"

// activated says what whoever stands before the laptop has to know before the first act.
func (c *command) activated(a app.Activation) {
	c.in = i18n.Zone(a.Manifest.Zone)
	how := c.t("taken into use", "使用開始")
	if a.Resumed {
		how = c.t("goes on", "再開")
	}
	c.say("muster: BREAK-GLASS bundle %s, %s; made %s by %s, %s ago", "muster: 【非常時持出】パッケージ %s を%s。作成 %s（%s）、%s前のもの", a.ID, how, c.stamp(a.Manifest.MadeAt), a.Manifest.By, c.ago(a.Manifest.MadeAt))
	c.say("  why: %s (%s, %s)", "  理由: %s（%s、%s）", a.Reason, a.By, c.stamp(a.At))
	switch {
	case a.Known:
		c.say("  signed by the key that you gave: %s", "  指定された鍵の署名を確認: %s", a.SignedBy)
	default:
		c.say("  signed by %s: compare it with the printed one; without --bundle-key nothing else shows whose bundle it is", "  署名した鍵 %s: 控えと照合してください（--bundle-key の指定がないため、作成元はこれ以外では確認できません）", a.SignedBy)
	}
	switch {
	case len(a.Manifest.Servers) == 0:
		c.say("  the bundle knows no address of the main server, so whether it still works could not be asked", "  パッケージに本来のサーバーのアドレスがないため、稼働中かどうかを確認していません")
	case len(a.Answers) > 0:
		c.say("  WARNING: the main server answers at %s. Two control planes on the same systems are a danger: agree on one, and end the other", "  警告: 本来のサーバーが %s で応答しています。同じシステムを2つの制御側で動かすのは危険です。どちらか一方に決め、他方を止めてください", strings.Join(a.Answers, ", "))
	default:
		c.say("  the main server does not answer at %s", "  本来のサーバーは応答なし: %s", strings.Join(a.Manifest.Servers, ", "))
	}
	for _, r := range a.Manifest.Open {
		c.say("  open when the bundle was made: %s (%s, %s). Its site workers may still carry it out; it is not continued here: begin anew, each step looks first what is done", "  作成時に実施中: %s（%s、%s）。拠点ワーカーがまだ実行している可能性があります。ここでは継続されないため、新たに開始してください（各ステップは実行前に現状を確認します）",
			r.Run, c.lang.Kind(r.Kind), c.stamp(r.LastAt))
		if len(r.Done) > 0 {
			c.say("    done by then: %s", "    その時点で完了: %s", strings.Join(r.Done, ", "))
		}
		if len(r.Begun) > 0 {
			c.say("    BEGUN AND NOT ENDED: %s", "    着手済みで完了未確認: %s", strings.Join(r.Begun, ", "))
		}
	}
	if len(a.Manifest.Lacks) > 0 {
		c.say("  secrets that are not in it: %s", "  含まれていない秘密情報: %s", strings.Join(a.Manifest.Lacks, ", "))
	}
	if lacks := a.NotHere(c.config.Sites); len(lacks) > 0 {
		c.say("  files that the plans name, and that are not on this machine:", "  計画が指しているが、このマシンにないファイル:")
		c.elsewhere(lacks)
	}
	c.say("  whoever has this directory may act as any person here: its own token stands for all, since OpenID sign-in and identity.console stay with the main server", "  このディレクトリを扱える人は、誰としてでも操作できます。OpenIDサインインと identity.console は本来のサーバーだけの設定で、ここでは自身のトークンを全員で使います")
	c.say("  other commands: cd %s && bin/muster ...   the book: %s", "  ほかのコマンド: cd %s && bin/muster ...   ブック: %s", a.Dir, a.Dir+"/book/")
}

// mostElsewhere bounds what is shown of files that are not in a bundle; --output json has all.
const mostElsewhere = 20

// elsewhere lists files that plans name by their path, with who names them.
func (c *command) elsewhere(list []breakglass.Elsewhere) {
	named := func(e breakglass.Elsewhere) string {
		switch e.What {
		case breakglass.OfTarget:
			return c.t("target %s", "操作対象 %s", e.Name)
		case breakglass.OfProbe:
			return c.t("probe %s", "プローブ %s", e.Name)
		}
		return c.t("step %s", "ステップ %s", e.Name)
	}
	shown := 0
	for i := 0; i < len(list); shown++ {
		at, by := list[i], []string{}
		for ; i < len(list) && list[i].Path == at.Path && list[i].Site == at.Site; i++ {
			by = append(by, named(list[i]))
		}
		if shown < mostElsewhere {
			c.say("    %s  %s (%s)", "    %s  %s（%s）", at.Site, at.Path, strings.Join(by, c.t(", ", "、")))
		}
	}
	if shown > mostElsewhere {
		c.say("    and %d more; the bundle's manifest.json has all", "    ほか %d 件（すべてはパッケージの manifest.json を参照）", shown-mostElsewhere)
	}
}
