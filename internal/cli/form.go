package cli

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/muster-dr/muster/internal/nearest"
)

// at adds --at, for what was done earlier than it is entered.
func (c *command) atFlag(cmd *cobra.Command, to *string) {
	cmd.Flags().StringVar(to, "at", "", c.t("when it was, as 14:05 or RFC 3339 (default: now)", "発生・実施の時刻。14:05 または RFC 3339 (既定は現在)"))
}

// when reads --at. A time of day is the latest such time that is not in the future.
func (c *command) when(text string) (string, error) {
	if text == "" {
		return "", nil
	}
	if t, err := time.Parse(time.RFC3339, text); err == nil {
		return t.Format(time.RFC3339), nil
	}
	for _, form := range []string{time.TimeOnly, "15:04"} {
		if t, err := time.ParseInLocation(form, text, time.Local); err == nil {
			now := time.Now()
			day := time.Date(now.Year(), now.Month(), now.Day(), t.Hour(), t.Minute(), t.Second(), 0, time.Local)
			if day.After(now) {
				day = day.AddDate(0, 0, -1)
			}
			return day.Format(time.RFC3339), nil
		}
	}
	return "", mistake(fmt.Errorf("%s", c.t("--at: %q is no time", "--at: %q は時刻として読めません", text)), c.t("Write 14:05 or 2026-11-19T14:05:00+09:00", "14:05 または 2026-11-19T14:05:00+09:00 の形で指定してください"))
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
