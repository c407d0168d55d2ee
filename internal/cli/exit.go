package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/muster-dr/muster/internal/api"
	"github.com/muster-dr/muster/internal/app"
	"github.com/muster-dr/muster/internal/config"
	"github.com/muster-dr/muster/internal/demo"
	"github.com/muster-dr/muster/internal/i18n"
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/run"
	"github.com/muster-dr/muster/internal/scenario"
)

// Exit codes, documented in docs/exit-codes.md.
const (
	exitMet         = 0
	exitFault       = 1   // ours, or the machine's
	exitMistake     = 2   // in the call or in the files; nothing was started
	exitMissed      = 3   // the run ended and something was missed
	exitNotProven   = 4   // the run ended and something is not proven
	exitRefused     = 5   // a guard refused; nothing was changed
	exitNotComputed = 6   // a bundle is as it was sealed, and its figures could not be computed again
	exitInterrupted = 130 // by a person
	bySignal        = 128 // and the signal's number, as shells have it: by the machine or a script
)

// failure is an error with its exit code and the way out.
type failure struct {
	code   int
	err    error
	wayOut string
}

func (f *failure) Error() string { return f.err.Error() }
func (f *failure) Unwrap() error { return f.err }

func mistake(err error, wayOut string) error { return &failure{exitMistake, err, wayOut} }

// errShown is a failure that a command has told of already.
var errShown = errors.New("shown")

func shown(code int) error { return &failure{code: code, err: errShown} }

// verdictCode is a run's verdict as an exit code.
func verdictCode(v run.Verdict) int {
	switch v {
	case run.Met:
		return exitMet
	case run.Missed:
		return exitMissed
	}
	return exitNotProven
}

// exit tells of an error, on stderr, and gives its code.
func (c *command) exit(ctx context.Context, err error) int {
	if err == nil {
		return c.code
	}
	if errors.Is(err, errShown) {
		return err.(*failure).code
	}
	code, lines, wayOut := c.explain(ctx, err)
	for i, line := range lines {
		if i == len(lines)-1 {
			line = "muster: " + line
		}
		fmt.Fprintln(c.Err, line)
	}
	if wayOut != "" {
		fmt.Fprintln(c.Err, "  "+strings.ReplaceAll(wayOut, "\n", "\n  "))
	}
	return code
}

// unstarted is the error of something that was to start a run, before which it may have been interrupted. again is what starts
// nothing twice where the start had been asked for already, and nobody knows what came of it.
func (c *command) unstarted(ctx context.Context, err error, again string) error {
	if err == nil || ctx.Err() == nil || !errors.Is(err, ctx.Err()) {
		return err
	}
	if cut := new(api.Cut); errors.As(err, &cut) {
		return &failure{exitInterrupted, errors.New(c.t("interrupted; whether it started is unknown", "中断しました。開始されたかどうかは不明です")), again}
	}
	return &failure{exitInterrupted, errors.New(c.t("interrupted; nothing was started", "中断しました。何も開始していません")), ""}
}

// explain turns an error into its code, what is wrong (what concerns a place first, a
// line each, the sum last) and the way out.
func (c *command) explain(ctx context.Context, err error) (code int, lines []string, wayOut string) {
	if ctx.Err() != nil && (errors.Is(err, context.Canceled) || errors.Is(err, ctx.Err())) {
		if cut := new(api.Cut); errors.As(err, &cut) {
			return exitInterrupted, []string{c.t("interrupted; whether it happened is unknown", "中断しました。実行されたかどうかは不明です")},
				c.t("`muster drill show` tells whether it happened; do it again where it did not", "`muster drill show` で実行されたかを確認し、されていなければもう一度操作してください")
		}
		return exitInterrupted, []string{c.t("interrupted", "中断しました")}, ""
	}
	var (
		settings config.Mistakes
		problem  *api.Problem
		away     *api.Unreachable
		trouble  *app.Trouble
		fail     *failure
		verdict  *demo.VerdictError
		stopped  *demo.StoppedError
	)
	switch {
	case errors.As(err, &stopped):
		return bySignal + int(stopped.Signal), strings.Split(c.said(err), "\n"), ""
	case errors.As(err, &verdict):
		return verdictCode(verdict.Verdict), []string{c.t("the verdict is: %s", "判定: %s", c.lang.Verdict(verdict.Verdict))}, ""
	case errors.As(err, &settings):
		lines = append(lines, settings.Lines(string(c.lang))...)
		return exitMistake, append(lines, c.t("%d wrong setting(s), nothing was started", "設定の誤り %d 件。何も開始していません", len(settings))), ""
	case errors.As(err, &problem):
		switch {
		case problem.Code == api.CodeRefused, problem.Code == api.CodeHeld, problem.Code == api.CodeEnded:
			code = exitRefused
		case problem.Status >= 500:
			code = exitFault
		default:
			code = exitMistake
		}
		return code, append(problem.Lines, problem.Detail), problem.WayOut
	case errors.As(err, &away):
		text, wayOut := c.t("no muster server answers at %s (%v)", "%s でmusterサーバーが応答しません (%v)", away.URL, away.Err), c.serverAgain()
		if away.Unknown {
			text = c.t("no muster server answers any more at %s (%v); whether it happened is unknown", "%s でmusterサーバーが応答しなくなりました (%v)。実行されたかどうかは不明です", away.URL, away.Err)
			wayOut = c.t("Once one answers, `muster drill show` tells whether it happened; do it again where it did not", "サーバーが応答するようになったら、`muster drill show` で実行されたかを確認し、されていなければもう一度操作してください") + "\n" + wayOut
		}
		return exitFault, []string{text}, wayOut
	case errors.As(err, &trouble):
		code = exitFault
		switch {
		case trouble.Mistake:
			code = exitMistake
		case trouble.Refused:
			code = exitRefused
		}
		what := trouble.What
		if trouble.Err != nil {
			what += ": " + c.said(trouble.Err)
		}
		return code, []string{what}, trouble.WayOut
	case errors.As(err, &fail):
		return fail.code, strings.Split(c.said(fail.err), "\n"), fail.wayOut
	}
	if m, ok := scenario.AsMistakes(err); ok {
		return exitMistake, append(m.Lines(string(c.lang)), c.t("%d mistake(s), nothing was started", "誤り %d 件。何も開始していません", len(m))), ""
	}
	return exitFault, strings.Split(c.said(err), "\n"), ""
}

// serverAgain is the way to a server that does not answer. A second one beside one that works is two
// control planes, so only who has no server to be named is told to start one.
func (c *command) serverAgain() string {
	if kit, err := filepath.Abs(filepath.Dir(c.config.Data)); err == nil {
		if _, err := app.ReadActivation(kit); err == nil {
			return c.t("This is the directory of a break-glass bundle in use: go on with `muster up --bundle-dir %s`, in another terminal", "ここは使用中の非常時持出パッケージのディレクトリです。別の端末で `muster up --bundle-dir %s` を実行して再開してください", kit)
		}
	}
	switch {
	case c.config.Server != "":
		return c.t("Look at it on its machine (`systemctl status muster-server`, or muster for `muster up`) and at the line to it, and start no other beside it; where its site is lost, take a break-glass bundle: `muster up --bundle FILE`. If the address is wrong, correct server (--server)",
			"そのマシンでの稼働状況（`systemctl status muster-server`。`muster up` なら muster）と回線を確認してください。別のサーバーを並行して起動してはいけません。拠点が失われた場合は非常時持出パッケージを使ってください: `muster up --bundle ファイル`。アドレスが違う場合は server（--server）を直してください")
	case !c.config.Embedded():
		return c.t("Start it with `systemctl start muster-server`, or `muster server`, or name another with --server; `muster doctor` says more", "`systemctl start muster-server` または `muster server` で起動するか、--server で別のサーバーを指定してください。詳細は `muster doctor` で確認できます")
	}
	return c.t("Start one with `muster up` (where it is a service: `systemctl start muster-server`, or muster), or name another with --server; `muster doctor` says more",
		"`muster up`（サービスの場合は `systemctl start muster-server` または muster）で起動するか、--server で別のサーバーを指定してください。詳細は `muster doctor` で確認できます")
}

// said is an error in the reader's language, as far as it speaks it.
func (c *command) said(err error) string {
	text := plan.SaidBy(err).In(string(c.lang))
	var of *fs.PathError
	if !errors.As(err, &of) {
		return text
	}
	// Which system call it was helps nobody.
	return strings.Replace(text, of.Error(), of.Path+": "+c.errno(of.Err), 1)
}

// about is an error of a file that was named, in the reader's language.
func (c *command) about(path string, err error) error {
	if of := new(fs.PathError); errors.As(err, &of) {
		return errors.New(c.said(err)) // it names the file
	}
	return errors.New(path + ": " + c.said(err))
}

// errno is why a file can't be used, in the reader's language.
func (c *command) errno(err error) string {
	if c.lang == i18n.JA {
		for _, known := range []struct {
			err error
			ja  string
		}{
			{fs.ErrNotExist, "ファイルまたはフォルダーが存在しません"}, {fs.ErrPermission, "アクセス権がありません"}, {fs.ErrExist, "すでに存在します"}, {syscall.EISDIR, "ファイルではなくフォルダーです"},
			{syscall.ENOTDIR, "フォルダーではありません"}, {syscall.ENOSPC, "ディスクの空き容量がありません"}, {syscall.EROFS, "書き込みが禁止されたファイルシステムです"},
		} {
			if errors.Is(err, known.err) {
				return known.ja
			}
		}
	}
	return err.Error()
}
