package cli

import (
	"context"
	"time"

	"github.com/spf13/cobra"

	"github.com/muster-dr/muster/internal/app"
)

// channel is about the ways to people.
func (c *command) channel() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "channel",
		Short: c.t("The ways to people: mail, Slack, webhook", "人への通知手段（メール、Slack、Webhook）"),
		Args:  cobra.NoArgs,
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(c.channelTest())
	return cmd
}

func (c *command) channelTest() *cobra.Command {
	var to string
	cmd := &cobra.Command{
		Use:   "test NAME --to PERSON",
		Short: c.t("Send somebody a test message by mail, slack or webhook", "mail、slack、webhook のいずれかでテスト通知を送る"),
		Long: c.t(`Send one message, marked as a drill's, from this machine with this machine's settings: that it
comes is the proof that the channel, the settings and the person's address in the estate fit.`,
			`訓練の表示を付けた通知を、このマシンの設定で1通送ります。届けば、通知手段・設定・構成台帳の宛先が
正しいことを確認できます。`),
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if to == "" {
				return c.needs("--to")
			}
			ctx, cancel := context.WithTimeout(cmd.Context(), time.Minute)
			defer cancel()
			if err := app.TestChannel(ctx, c.process(), args[0], to); err != nil {
				return err
			}
			c.say("muster: %s took the message for %s; ask whether it came", "muster: %s が %s 宛ての通知を受け付けました。届いたか本人に確認してください", args[0], to)
			return nil
		},
	}
	cmd.Flags().StringVar(&to, "to", "", c.t("person of the estate", "構成台帳の人のID"))
	return cmd
}
