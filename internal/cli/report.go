package cli

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/muster-dr/muster/internal/app"
	"github.com/muster-dr/muster/internal/journal"
	"github.com/muster-dr/muster/internal/nearest"
	"github.com/muster-dr/muster/internal/outcome"
	"github.com/muster-dr/muster/internal/run"
)

func (c *command) report() *cobra.Command {
	var store, format, out string
	cmd := &cobra.Command{
		Use:   "report [RUN]",
		Short: c.t("What a run achieved: verdicts, times, steps, findings", "実施の報告書を表示する"),
		Long: c.t(`The report of a run, from the server or, with --store, from a copy of the record store:
the same record gives the same bytes. Without RUN it is the run in progress, else the one that began last; with --store there must be only one.`,
			`実施の報告書を表示します。--store を指定すると、サーバーなしで記録のコピーから作成します。
同じ記録からは同じ報告書ができます。RUN を省略すると、実施中のもの、なければ直近に開始したものが対象です。--store で省略できるのは、記録された実施が一つだけの場合です。`),
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if c.json() && !cmd.Flags().Changed("format") {
				format = "json"
			}
			if _, err := oneOf(c, "--format", format, reportFormats...); err != nil {
				return err
			}
			if store != "" {
				return c.reportFromStore(cmd.Context(), store, args, format, out)
			}
			client, id, err := c.clientAndLastRun(cmd.Context(), args)
			if err != nil {
				return err
			}
			defer client.Close()
			b, err := client.Report(cmd.Context(), id, format, string(c.lang))
			if err != nil {
				return err
			}
			return c.deliver(b, format, out)
		},
	}
	cmd.AddCommand(append(c.reportPages(), c.reportWrite())...)
	cmd.Flags().StringVar(&store, "store", "", c.t("read this record store (a file, or sqlite:FILE) and no server", "サーバーではなくこの記録ファイルから作成する"))
	cmd.Flags().StringVar(&format, "format", "text", c.formats(reportFormats))
	cmd.Flags().StringVar(&out, "out", "", c.t("write to this file", "このファイルに書き出す"))
	return cmd
}

// reportFormats are the ways to set a report.
var reportFormats = []string{"text", "json", "markdown", "html", "csv", "pdf", "record"}

// formats says which there are, and that csv is several tables in one file.
func (c *command) formats(list []string) string {
	return strings.ReplaceAll(strings.Join(list, ", "), "csv", c.t("csv (a zip with a file for each table)", "csv (表ごとのファイルのzip)"))
}

// deliver writes a document to a file that only its owner may read, or to the output. What is no text
// is not written to a terminal.
func (c *command) deliver(b []byte, format, file string) error {
	if file != "" {
		return os.WriteFile(file, b, 0o600)
	}
	if (format == "pdf" || format == "csv") && onTerminal(c.Out) {
		return mistake(fmt.Errorf("%s", c.t("%s is nothing for a terminal", "%s は端末に表示できません", format)), c.t("Name a file: --out FILE", "ファイルを指定してください: --out FILE"))
	}
	_, err := c.Out.Write(b)
	return err
}

// reportFromStore makes the report of a run without a server. It reads a copy of the
// file, so that looking changes nothing, not even the file's time.
func (c *command) reportFromStore(ctx context.Context, store string, args []string, format, out string) error {
	s, closing, err := c.openCopy(ctx, store)
	if err != nil {
		return err
	}
	defer closing()
	list, err := s.Runs(ctx, journal.Filter{})
	if err != nil {
		return err
	}
	var names []string
	for _, r := range list {
		names = append(names, r.Run)
	}
	id := ""
	switch {
	case len(args) == 1:
		id = args[0]
	case len(list) == 1:
		id = list[0].Run
	default:
		return mistake(fmt.Errorf("%s", c.t("the store holds %d runs", "記録には %d 件の実施があります", len(list))), c.t("Name one of: %v", "指定してください: %v", names[:min(20, len(names))]))
	}
	for _, r := range list {
		if r.Run != id {
			continue
		}
		p, err := s.Plan(ctx, r.PlanHash)
		if err != nil {
			return err
		}
		entries, err := s.Events(ctx, id, 0, 0)
		if err != nil {
			return err
		}
		events := make([]run.Event, 0, len(entries))
		for _, e := range entries {
			events = append(events, e.Event)
		}
		earlier, err := outcome.Earlier(ctx, s, r.Scenario, cmp.Or(r.EndedAt, &r.StartedAt))
		if err != nil {
			return err
		}
		var b bytes.Buffer
		if err := app.Render(&b, p, events, earlier, format, string(c.lang), c.config.Font); err != nil {
			return err
		}
		return c.deliver(b.Bytes(), format, out)
	}
	way := c.t("It holds: %v", "あるもの: %v", names[:min(20, len(names))])
	if near := nearest.Word(id, names); near != "" {
		way = c.t("Did you mean %q?", "%q の間違いではありませんか。", near)
	}
	return mistake(fmt.Errorf("%s", c.t("the store holds no run %q", "記録に %q はありません", id)), way)
}
