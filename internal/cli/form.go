package cli

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/muster-dr/muster/internal/api"
	"github.com/muster-dr/muster/internal/i18n"
	"github.com/muster-dr/muster/internal/nearest"
	"github.com/muster-dr/muster/internal/run"
	"github.com/muster-dr/muster/internal/watch"
)

// at adds --at, for what was done earlier than it is entered.
func (c *command) atFlag(cmd *cobra.Command, to *string) {
	cmd.Flags().StringVar(to, "at", "", c.t("when it was, as 14:05 in the estate's zone or RFC 3339 (default: now)", "発生・実施の時刻。14:05 (構成台帳のタイムゾーン) または RFC 3339 (既定は現在)"))
}

// when reads --at, in the zone of the run's estate.
func (c *command) when(ctx context.Context, id, text string) (string, error) {
	if text == "" {
		return "", nil
	}
	at, err := c.moment("--at", text, run.ReadPast, func() (*time.Location, error) { return c.zoneOfRun(ctx, id) })
	if err != nil {
		return "", err
	}
	return at.Format(time.RFC3339), nil
}

// moment reads a time that a flag gives. A time without a zone is the estate's, not this
// machine's: it is asked for only then, and how the time was read is told.
func (c *command) moment(flag, text string, read func(string, time.Time) (time.Time, error), zone func() (*time.Location, error)) (time.Time, error) {
	long := new(run.LongAgo)
	at, err := read(text, time.Now().UTC())
	if err != nil && !errors.As(err, &long) {
		return at, mistake(fmt.Errorf("%s", c.t("%s %q is no time", "%s %q は時刻ではありません", flag, text)),
			c.t("Such as 14:03, 2026-11-19T14:03:00+09:00, or 10m as a span", "例: 14:03、2026-11-19T14:03:00+09:00、10m (間隔)"))
	}
	if run.Dated(text) {
		return at, err
	}
	in, err := zone()
	if err != nil {
		return at, err
	}
	now := time.Now().In(in)
	at, err = read(text, now)
	shown := at.Format("2006-01-02 15:04 MST")
	if errors.As(err, &long) {
		return at, mistake(fmt.Errorf("%s", c.t("%s %s would be %s, more than 12 h ago: is that meant?", "%s %s は %s となり、12時間以上前です。この時刻で正しいですか", flag, text, shown)),
			c.t("If so, write %[1]s; times without a zone are read in the estate's, where it is %[2]s", "正しい場合は %[1]s と指定してください。時差の指定がない時刻は構成台帳のタイムゾーンで読みます（現在 %[2]s）", at.Format(time.RFC3339), now.Format("15:04 MST")))
	}
	if err != nil {
		return at, err
	}
	if apart := now.Sub(at).Round(time.Minute); apart >= 0 {
		c.say("%s is read as %s, %s ago", "%s は %s（%s前）と解釈しました", flag, shown, minutes(apart))
	} else {
		c.say("%s is read as %s, in %s", "%s は %s（%s後）と解釈しました", flag, shown, minutes(-apart))
	}
	return at, nil
}

func minutes(d time.Duration) string { return strings.TrimSuffix(d.String(), "0s") }

// zone is the organisation's, as the server has it. With a server that can't say, times are
// shown in UTC: their zone stands beside them.
func (c *command) zone(ctx context.Context, client *api.Client) *time.Location {
	if c.in == nil {
		me, err := client.Me(ctx)
		if err != nil { // the command itself says what is wrong
			me.Zone = ""
		}
		c.in = i18n.Zone(me.Zone)
	}
	return c.in
}

// zoneOfRun is the zone of the estate of a run; without a name, of the one in progress.
func (c *command) zoneOfRun(ctx context.Context, id string) (*time.Location, error) {
	client, id, err := c.clientAndRun(ctx, []string{id})
	if err != nil {
		return nil, err
	}
	defer client.Close()
	p, err := client.RunPlan(ctx, id)
	if err != nil {
		return nil, err
	}
	return watch.ZoneOf(p), nil
}

// zoneOfScenario is the zone of the estate that a scenario is in.
func (c *command) zoneOfScenario(ctx context.Context, scenario string) (*time.Location, error) {
	client, err := c.client()
	if err != nil {
		return nil, err
	}
	defer client.Close()
	p, err := client.Plan(ctx, scenario, "")
	if err != nil {
		return nil, err
	}
	return watch.ZoneOf(p), nil
}

// known refuses a name that is not there, with the one that was probably meant and all
// that could be.
func (c *command) known(what, name string, there []string) error {
	if slices.Contains(there, name) {
		return nil
	}
	way := c.t("There are: %s", "登録済み: %s", strings.Join(there, ", "))
	if len(there) == 0 {
		way = c.t("There is none", "登録されていません")
	}
	if near := nearest.Word(name, there); near != "" {
		way = c.t("Did you mean %q? ", "%q の間違いではありませんか。", near) + way
	}
	return mistake(fmt.Errorf("%s", c.t("no %[1]s is called %[2]q", "%[2]q という%[1]sはありません", what, name)), way)
}
