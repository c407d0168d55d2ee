package cli

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/muster-dr/muster/internal/book"
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/scenario"
)

// export makes what people use when all else is dark. It reads the plan files and needs no
// server.
func (c *command) export() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "export",
		Short: c.t("Print carry cards and the book for when all else is dark", "携行カードと緊急時対応ブックを作成する"),
		Args:  cobra.NoArgs,
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(c.exportBook(), c.exportCards())
	return cmd
}

type exporting struct {
	format, out string
}

func (c *command) exportFlags(cmd *cobra.Command) *exporting {
	e := &exporting{}
	f := cmd.Flags()
	f.StringVar(&e.format, "format", "pdf", c.t("html or pdf", "html または pdf"))
	f.StringVar(&e.out, "out", ".", c.t("folder that the file is written to; readable for you alone", "出力先フォルダー (本人のみ読み取り可で作成)"))
	c.settings(f, "font")
	return e
}

func (c *command) exportBook() *cobra.Command {
	cmd := &cobra.Command{
		Use: "book", Short: c.t("Contacts, muster places, decision sheet, and every runbook as a checklist", "連絡先・参集場所・判断シート・手順書チェックリストをまとめたブック"), Args: cobra.NoArgs,
	}
	e := c.exportFlags(cmd)
	cmd.RunE = func(*cobra.Command, []string) error {
		s, err := c.source()
		if err != nil {
			return err
		}
		d := book.Make(s, c.lang)
		return c.write(e, "muster-book", d.WriteHTML, func(f io.Writer, fonts book.Fonts) ([]rune, error) { return d.WritePDF(f, fonts, s.At) })
	}
	return cmd
}

func (c *command) exportCards() *cobra.Command {
	var o book.CardOptions
	cmd := &cobra.Command{
		Use: "cards", Short: c.t("Cards to cut out and fold, for the purse", "切り取って折りたたむ携行カード"), Args: cobra.NoArgs,
	}
	e := c.exportFlags(cmd)
	cmd.Flags().StringVar(&o.Person, "person", "", c.t("only this person's: an ID of the estate; everybody with a role when left out", "この人のみ (構成台帳のID)。省略時は役割のある全員"))
	cmd.Flags().StringVar(&o.Report, "report-to", "", c.t("address at which people report that they are safe", "安否の報告先"))
	cmd.RunE = func(*cobra.Command, []string) error {
		s, err := c.source()
		if err != nil {
			return err
		}
		if o.Person != "" {
			var ids []string
			for _, p := range s.Estate.People {
				ids = append(ids, p.ID)
			}
			if err := c.known(c.t("person", "人"), o.Person, ids); err != nil {
				return err
			}
		}
		cards, err := book.MakeCards(s, o, c.lang)
		if err != nil {
			return mistake(err, "")
		}
		name := "muster-cards"
		if o.Person != "" {
			name += "-" + o.Person
		}
		return c.write(e, name, cards.WriteHTML, func(f io.Writer, fonts book.Fonts) ([]rune, error) { return cards.WritePDF(f, fonts, s.At) })
	}
	return cmd
}

// source compiles the plan files.
func (c *command) source() (book.Source, error) {
	registry := registry()
	b, mistakes := scenario.Load(c.config.Plans, registry)
	if len(mistakes) > 0 {
		return book.Source{}, mistakes
	}
	return book.Gather(b, func(id string) plan.Text {
		for _, a := range registry.Actions() {
			if a.ID == id {
				return plan.Text{EN: a.Doc.Summary, JA: a.Doc.SummaryJA}
			}
		}
		return plan.Text{}
	}, time.Now())
}

// write writes one file that only its owner may read: what is in it is personal.
func (c *command) write(e *exporting, name string, html func(io.Writer) error, pdf func(io.Writer, book.Fonts) ([]rune, error)) (err error) {
	format := book.Format(e.format)
	if format != book.HTML && format != book.PDF {
		return mistake(fmt.Errorf("%s", c.t("--format %q is none of html, pdf", "--format %q は html, pdf のいずれでもありません", e.format)), "")
	}
	var fonts book.Fonts
	if format == book.PDF {
		if fonts, err = book.FindFonts(c.config.Font, c.lang); err != nil {
			way := ""
			if missing := new(book.MissingFont); errors.As(err, &missing) {
				way = missing.WayOut()
			}
			return mistake(err, way)
		}
	}
	if err := os.MkdirAll(e.out, 0o700); err != nil {
		return err
	}
	f, err := os.CreateTemp(e.out, "."+name+"-*") // mode 0600
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = os.Remove(f.Name())
		}
	}()
	var missing []rune
	if format == book.PDF {
		missing, err = pdf(f, fonts)
	} else {
		err = html(f)
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	path := filepath.Join(e.out, name+"-"+string(c.lang)+"."+e.format)
	if err := os.Rename(f.Name(), path); err != nil {
		return err
	}
	if len(missing) > 0 {
		slices.Sort(missing)
		c.say("the font lacks %s, set as 〓; name another with --font", "フォントにない文字 %s は 〓 で組みました。--font で別のフォントを指定できます", strings.Join(strings.Split(string(missing), ""), " "))
	}
	fmt.Fprintln(c.Out, path)
	return nil
}
