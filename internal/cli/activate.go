package cli

import (
	"bufio"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"github.com/muster-dr/muster/internal/api"
	"github.com/muster-dr/muster/internal/run"
)

func (c *command) activate() *cobra.Command {
	var reason, since, request string
	var yes, wait bool
	cmd := &cobra.Command{
		Use:   "activate SCENARIO",
		Short: c.t("THE REAL THING: start the response of a scenario", "【本番】対応を発動する"),
		Long: c.t(`Start the REAL response: people are called, and systems are moved once it is decided and
somebody besides you has approved it. Asks to type the scenario's name.`,
			`本番の対応を発動します。要員を招集し、決定と (あなた以外の) 承認を経てシステムを切り替えます。
確認のためscenario名の入力を求めます。`),
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if strings.TrimSpace(reason) == "" {
				return c.needs("--reason")
			}
			if since != "" {
				at, err := timeOf(since, time.Now())
				if err != nil {
					return mistake(fmt.Errorf("%s", c.t("--since %q is no time", "--since %q は時刻ではありません", since)),
						c.t("Such as 14:03, 2026-11-19T14:03:00+09:00, or 10m for ten minutes ago", "例: 14:03、2026-11-19T14:03:00+09:00、10m (10分前)"))
				}
				since = at.Format(time.RFC3339)
			}
			if _, err := c.person(); err != nil {
				return err
			}
			if err := c.really(args[0], yes); err != nil {
				return err
			}
			return c.start(cmd.Context(), api.StartRequest{Scenario: args[0], Kind: run.Response, Reason: reason, Since: since, RequestID: request}, wait)
		},
	}
	f := cmd.Flags()
	f.StringVar(&reason, "reason", "", c.t("why; needed, and it stands in the report", "理由 (必須。報告書に記載される)"))
	f.StringVar(&since, "since", "", c.t("when the event happened: 14:03, an RFC 3339 time, or 10m for ten minutes ago", "事象の発生時刻: 14:03、RFC 3339、または 10m (10分前)"))
	f.StringVar(&request, "request-id", "", c.t("unique per request: asking again with the same one never starts twice", "要求ごとの一意な値。同じ値で再実行しても二重に開始しない"))
	f.BoolVar(&yes, "yes", false, c.t("don't ask to type the scenario's name", "scenario名の入力による確認を省く"))
	f.BoolVar(&wait, "wait", false, c.t("watch until the end and exit by the verdict", "終了まで監視し、判定に応じた終了コードで終わる"))
	return cmd
}

// really has the scenario's name typed, so that a real run can't start by accident.
func (c *command) really(scenario string, yes bool) error {
	if yes {
		return nil
	}
	if f, ok := c.In.(*os.File); !ok || !term.IsTerminal(int(f.Fd())) {
		return mistake(fmt.Errorf("%s", c.t("this starts the REAL response, and nobody is there to confirm it", "本番の発動には確認が必要ですが、端末がありません")),
			c.t("Run it in a terminal, or give --yes", "端末で実行するか、--yes を指定してください"))
	}
	return c.typed(scenario)
}

func (c *command) typed(scenario string) error {
	fmt.Fprint(c.Err, c.t("This is REAL, not a drill. Type the scenario's name (%s) to start: ", "これは訓練ではなく本番です。発動するにはscenario名 (%s) を入力してください: ", scenario))
	line, err := bufio.NewReader(c.In).ReadString('\n')
	if err != nil && line == "" {
		fmt.Fprintln(c.Err)
	}
	if strings.TrimSpace(line) != scenario {
		return &failure{exitRefused, fmt.Errorf("%s", c.t("not confirmed; nothing was started", "確認できませんでした。何も開始していません")), ""}
	}
	return nil
}

// timeOf reads a time of day (today's, or yesterday's when that is still to come), an
// RFC 3339 time, or a span before now.
func timeOf(s string, now time.Time) (time.Time, error) {
	if at, err := time.Parse(time.RFC3339, s); err == nil {
		return at, nil
	}
	for _, layout := range []string{"15:04", "15:04:05"} {
		if at, err := time.ParseInLocation(layout, s, now.Location()); err == nil {
			day := time.Date(now.Year(), now.Month(), now.Day(), at.Hour(), at.Minute(), at.Second(), 0, now.Location())
			if day.After(now) {
				day = day.AddDate(0, 0, -1)
			}
			return day, nil
		}
	}
	d, err := run.ParseDuration(s)
	if err != nil {
		return time.Time{}, err
	}
	return now.Add(-d.Std()), nil
}
