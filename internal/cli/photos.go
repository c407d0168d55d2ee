package cli

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/muster-dr/muster/internal/api"
	"github.com/muster-dr/muster/internal/i18n"
	"github.com/muster-dr/muster/internal/journal"
)

func (c *command) photos() *cobra.Command {
	var save, store string
	cmd := &cobra.Command{
		Use:   "photos [RUN]",
		Short: c.t("List the pictures of a run; with --save, write them to files", "実施の写真の一覧。--save でファイルに書き出す"),
		Args:  cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx := cmd.Context()
			if store != "" {
				if len(args) == 0 {
					return mistake(fmt.Errorf("%s", c.t("say of which run", "実施を指定してください")), "")
				}
				s, done, err := c.openCopy(ctx, store)
				if err != nil {
					return err
				}
				defer done()
				if run, err := s.Runs(ctx, journal.Filter{Run: args[0], Limit: 1}); err == nil && len(run) == 1 {
					if p, err := s.Plan(ctx, run[0].PlanHash); err == nil {
						c.in = i18n.Zone(p.Estate.Zone)
					}
				}
				list, err := api.KeptPhotos(ctx, s, args[0])
				if err != nil {
					return err
				}
				return c.showPhotos(ctx, list, save, func(ctx context.Context, id string) ([]byte, error) { return api.KeptPicture(ctx, s, args[0], id) })
			}
			client, id, err := c.clientAndLastRun(ctx, args)
			if err != nil {
				return err
			}
			defer client.Close()
			c.zone(ctx, client)
			list, err := client.Photos(ctx, id)
			if err != nil {
				return err
			}
			return c.showPhotos(ctx, list, save, func(ctx context.Context, photo string) ([]byte, error) { return client.Picture(ctx, id, photo) })
		},
	}
	cmd.Flags().StringVar(&save, "save", "", c.t("folder to write them to", "書き出し先のフォルダー"))
	cmd.Flags().StringVar(&store, "store", "", c.t("read them from a copy of the record store instead", "記録のコピーから読む"))
	return cmd
}

// showPhotos lists pictures, and writes each under its SHA-256. A file of that name is the same picture.
func (c *command) showPhotos(ctx context.Context, list []api.Photo, save string, picture func(context.Context, string) ([]byte, error)) error {
	if c.json() {
		if err := c.printJSON(list); err != nil {
			return err
		}
	}
	var rows [][]string
	for _, p := range list {
		name := p.ID[:min(12, len(p.ID))]
		if save != "" {
			b, err := picture(ctx, p.ID)
			if err != nil {
				return err
			}
			if err := os.MkdirAll(save, 0o750); err != nil {
				return err
			}
			name = filepath.Join(save, filepath.Base(p.ID)+"."+strings.TrimPrefix(p.Type, "image/"))
			if err := os.WriteFile(name, b, 0o640); err != nil {
				return err
			}
		}
		rows = append(rows, []string{name, p.By, i18n.Moment(p.At, c.in), fmt.Sprintf("%d KB", (p.Bytes+1023)/1024)})
	}
	if !c.json() {
		table(c.Out, []string{c.t("PHOTO", "写真"), c.t("BY", "撮影者"), c.t("AT", "時刻"), c.t("SIZE", "サイズ")}, rows)
	}
	return nil
}
