package cli

import (
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/muster-dr/muster/internal/i18n"
	"github.com/muster-dr/muster/internal/scenario"
)

// starter is a plan that is as small as can be: an estate, a runbook, a scenario, with
// comments in each language.
//
//go:embed starter
var starter embed.FS

// starterScenario is the one that people start first.
const starterScenario = "main-site-lost"

func (c *command) initial() *cobra.Command {
	return &cobra.Command{
		Use:   "init [FOLDER]",
		Short: c.t("Write a small plan to begin with: an estate, a runbook, a scenario", "最初の計画ファイル (構成台帳、手順書、シナリオ) を作成する"),
		Long: c.t(`Write plan files to begin with into FOLDER (default: this one), with comments that say what to
change. They are valid as they are: a table-top drill of them can be started at once. Nothing is
overwritten, and a folder that has plan files already is left alone.`,
			`FOLDER (既定は現在のフォルダー) に最初の計画ファイルを作成します。書き換える箇所をコメントで示しています。
そのままで検証を通り、すぐに机上訓練を始められます。既存のファイルは上書きせず、計画ファイルがすでに
あるフォルダーには何も書きません。`),
		Args: cobra.MaximumNArgs(1),
		RunE: func(_ *cobra.Command, args []string) error { return c.writeStarter(first(args, ".")) },
	}
}

func (c *command) writeStarter(dir string) error {
	if has, err := planFileIn(dir); err != nil {
		return err
	} else if has != "" {
		return mistake(fmt.Errorf("%s", c.t("%s holds a plan file already: %s; nothing was written", "%s にはすでに計画ファイルがあります: %s。何も書いていません", dir, has)),
			c.t("Name a new folder: muster init FOLDER. `muster validate %s` checks what is there", "新しいフォルダーを指定してください: muster init FOLDER。既存のファイルは `muster validate %s` で検証できます", dir))
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	from := path.Join("starter", string(i18n.Parse(string(c.lang))))
	files, err := starter.ReadDir(from)
	if err != nil {
		return err
	}
	var written []string
	for _, f := range files {
		text, err := starter.ReadFile(path.Join(from, f.Name()))
		if err != nil {
			return err
		}
		to := filepath.Join(dir, f.Name())
		err = writeNew(to, strings.Replace(string(text), "ZONE                    ", fmt.Sprintf("%-24s", hereZone(c.lang)), 1))
		if err != nil {
			return err
		}
		written = append(written, to)
	}
	if _, mistakes := scenario.Load(dir, registry()); len(mistakes) > 0 {
		return mistakes
	}
	if c.json() {
		return c.printJSON(map[string]any{"files": written, "scenario": starterScenario})
	}
	for _, name := range written {
		fmt.Fprintln(c.Out, name)
	}
	c.say(`They are valid. Change the names to yours, and then:
  muster validate %[1]s
  muster plan %[2]s --plans %[1]s
  muster up --plans %[1]s
  muster drill start %[2]s --as first        (in another terminal)`,
		`検証に合格しました。名称などを書き換えてから、次の順に進めてください:
  muster validate %[1]s
  muster plan %[2]s --plans %[1]s
  muster up --plans %[1]s
  muster drill start %[2]s --as first        (別の端末で)`, dir, starterScenario)
	return nil
}

// planFileIn is a file below dir that counts as a plan file, or "".
func planFileIn(dir string) (string, error) {
	found := ""
	err := filepath.WalkDir(dir, func(name string, d fs.DirEntry, err error) error {
		switch {
		case errors.Is(err, fs.ErrNotExist) && name == dir:
			return fs.SkipAll
		case err != nil:
			return err
		case d.IsDir() && name != dir && (strings.HasPrefix(d.Name(), ".") || d.Name() == "testdata"):
			return fs.SkipDir
		case !d.IsDir() && slices.Contains([]string{".yaml", ".yml"}, filepath.Ext(name)) && d.Name() != scenario.Settings && !strings.HasPrefix(d.Name(), "."):
			found = name
			return fs.SkipAll
		}
		return nil
	})
	return found, err
}

// writeNew writes a file that is not there yet.
func writeNew(name, text string) error {
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return err
	}
	_, err = f.WriteString(text)
	return errors.Join(err, f.Close())
}

// hereZone is this machine's time zone by its name. A machine's UTC is more often its
// operating system's default than where a Japanese reader is.
func hereZone(l i18n.Lang) string {
	names := []string{os.Getenv("TZ")}
	if to, err := filepath.EvalSymlinks("/etc/localtime"); err == nil {
		if _, name, ok := strings.Cut(to, "zoneinfo/"); ok {
			names = append(names, name)
		}
	}
	for _, name := range names {
		if _, err := time.LoadLocation(name); err == nil && !slices.Contains([]string{"", "Local", "UTC", "Etc/UTC"}, name) {
			return name
		}
	}
	if l == i18n.JA {
		return "Asia/Tokyo"
	}
	return "UTC"
}
