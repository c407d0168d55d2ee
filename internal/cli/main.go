// Package cli is muster's command line: one file a command, the printer and the exit
// codes. stdout is data, stderr is talk.
package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime/debug"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"golang.org/x/term"

	"github.com/muster-dr/muster/internal/api"
	"github.com/muster-dr/muster/internal/app"
	"github.com/muster-dr/muster/internal/config"
	"github.com/muster-dr/muster/internal/i18n"
	"github.com/muster-dr/muster/internal/identity"
)

// Stdio is what a command reads and writes.
type Stdio struct {
	In       io.Reader
	Out, Err io.Writer
}

// Main runs the command that args name and returns the process's exit code.
func Main(args []string, stdio Stdio) int {
	c := &command{Stdio: stdio, lang: i18n.Of(langIn(args), os.Getenv)}
	root := c.root()
	root.SetArgs(args)
	root.SetIn(stdio.In)
	root.SetOut(stdio.Out)
	root.SetErr(stdio.Err)
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	err := root.ExecuteContext(ctx)
	return c.exit(ctx, err)
}

// langIn finds the language before the commands are made, since their help is in it.
func langIn(args []string) string {
	if v := flagIn(args, "--lang"); v != "" {
		return v
	}
	if v := os.Getenv("MUSTER_LANG"); v != "" {
		return v
	}
	return config.Lang(flagIn(args, "--config"))
}

// flagIn is what a flag is given; "" is nothing. The last one counts, as with the flags themselves.
func flagIn(args []string, flag string) (value string) {
	for i, a := range args {
		if a == "--" {
			break
		}
		if v, ok := strings.CutPrefix(a, flag+"="); ok {
			value = v
		} else if a == flag && i+1 < len(args) {
			value = args[i+1]
		}
	}
	return value
}

// command is what all commands share.
type command struct {
	Stdio
	lang   i18n.Lang
	config config.Config
	file   string         // --config
	output string         // --output
	code   int            // of a command that ended well with something to tell
	in     *time.Location // times are shown in it; nil before the server was asked

	running *cobra.Command // nil before flags and arguments were read
}

// t is a sentence in the reader's language.
func (c *command) t(en, ja string, args ...any) string { return c.lang.T(en, ja, args...) }

// say is talk: it goes to stderr.
func (c *command) say(en, ja string, args ...any) {
	fmt.Fprintln(c.Err, c.t(en, ja, args...))
}

func (c *command) root() *cobra.Command {
	root := &cobra.Command{
		Use:           "muster",
		Short:         c.t("Rehearse disasters, and run the real ones", "災害対応の訓練と本番の対応を実施する"),
		SilenceUsage:  true,
		SilenceErrors: true,
		Args:          cobra.NoArgs,
		RunE:          func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
		PersistentPreRunE: func(cmd *cobra.Command, _ []string) error {
			c.running = cmd
			return c.load(cmd)
		},
	}
	f := root.PersistentFlags()
	f.StringVar(&c.file, "config", "", c.t("settings file (default muster.yaml, when there is one)", "設定ファイル (既定はmuster.yaml)"))
	f.StringVarP(&c.output, "output", "o", "text", c.t("text or json; csv too for the lists of muster people", "text または json。muster people の一覧は csv も可"))
	c.settings(f, "data", "plans", "server", "token_file", "person", "lang")
	root.SetFlagErrorFunc(c.wrongFlag)
	root.CompletionOptions.HiddenDefaultCmd = false
	root.AddGroup(
		&cobra.Group{ID: "act", Title: c.t("Drills and responses:", "訓練と本番対応:")},
		&cobra.Group{ID: "people", Title: c.t("What people do in a run:", "実施中に人が行うこと:")},
		&cobra.Group{ID: "files", Title: c.t("Plan files:", "計画ファイル:")},
		&cobra.Group{ID: "serve", Title: c.t("Processes:", "プロセス:")},
	)
	add := func(group string, cmds ...*cobra.Command) {
		for _, cmd := range cmds {
			cmd.GroupID = group
			root.AddCommand(cmd)
		}
	}
	add("act", c.drill(), c.activate(), c.proposal(), c.alarm(), c.check(), c.report(), c.evidence(), c.verify(), c.photos(), c.findings(), c.freshness())
	add("act", c.schedule(), c.coverage())
	add("people", c.checkin(), c.arrive(), c.ack(), c.relocate(), c.handover(), c.strength(), c.inspect(), c.attest(), c.assess(), c.prioritize(), c.reach(), c.order(), c.followUp(), c.custody(),
		c.draft(), c.consult(), c.decide(), c.approve(), c.confirm(), c.notice(), c.situation(), c.remark(), c.step())
	add("files", c.initial(), c.intake(), c.validate(), c.plan(), c.export(), c.actions(), c.schema())
	add("serve", c.up(), c.server(), c.worker(), c.site(), c.certificates(), c.people(), c.demo(), c.doctor(), c.store(), c.key(), c.bundle(), c.merge(),
		c.upgradeCheck(), c.channel())
	root.AddCommand(c.version())
	root.Version = Version() // --version, as people try first
	root.SetVersionTemplate("muster {{.Version}}\n")
	root.Flags().Bool("version", false, c.t("print the version", "版を表示する"))
	c.cobras(root)
	c.countArgs(root)
	c.heads(root)
	return root
}

// countArgs has every command say how it is used when its arguments are wrong, and a
// command of commands which one was probably meant.
func (c *command) countArgs(cmd *cobra.Command) {
	check := cmd.Args
	cmd.Args = func(cmd *cobra.Command, args []string) error {
		if check == nil || check(cmd, args) == nil {
			return nil
		}
		if !cmd.HasSubCommands() || len(args) == 0 {
			return mistake(errors.New(c.t("wrong number of arguments: %d", "引数の数が正しくありません: %d", len(args))), c.t("Usage: %s", "使い方: %s", cmd.UseLine()))
		}
		return c.unknown(cmd, args[0])
	}
	for _, sub := range cmd.Commands() {
		c.countArgs(sub)
	}
}

// settings adds flags for settings. The token has none: a secret in a flag is in
// everybody's list of processes. A name ending in "." is all below it.
func (c *command) settings(f *pflag.FlagSet, names ...string) {
	for _, k := range config.Keys() {
		for _, name := range names {
			if k.Name != name && !(strings.HasSuffix(name, ".") && strings.HasPrefix(k.Name, name)) {
				continue
			}
			// Back quotes in a flag's help would name its value.
			f.String(k.Flag(), k.Default, strings.ReplaceAll(c.t(k.Help, k.HelpJA), "`", "\""))
		}
	}
}

// load reads the settings once the flags are known.
func (c *command) load(cmd *cobra.Command) error {
	ofPeople := cmd.Parent() != nil && cmd.Parent().Name() == "people" && cmd.Parent().Parent() == cmd.Root()
	switch known := c.output == "text" || c.output == "json" || c.output == "markdown" && cmd.Name() == "actions" || c.output == "csv" && ofPeople; {
	case known:
	case ofPeople:
		return mistake(fmt.Errorf("%s", c.t("--output %q is none of text, json, csv", "--output %q は text, json, csv のいずれでもありません", c.output)), "")
	default:
		return mistake(fmt.Errorf("%s", c.t("--output %q is none of text, json", "--output %q は text, json のいずれでもありません", c.output)), "")
	}
	conf, err := config.Load(config.Source{File: c.file, Flags: cmd.Flags()})
	if err != nil {
		return err
	}
	c.config = conf
	// Whose a personal token is goes before the person in the settings file: that one was
	// written for whoever has none.
	if as := cmd.Flags().Lookup("as"); conf.Person != "" && (as == nil || !as.Changed) && os.Getenv("MUSTER_PERSON") == "" {
		if token, err := c.token(); err == nil && identity.IsPersonal(token) {
			c.config.Person = ""
		}
	}
	if conf.Lang != "" {
		c.lang = i18n.Parse(conf.Lang)
	}
	return nil
}

func (c *command) json() bool { return c.output == "json" }

// person is who acts, or the way to say it.
func (c *command) person() (string, error) {
	if c.config.Person == "" {
		if token, err := c.token(); err == nil && identity.IsPersonal(token) {
			return "", nil // the server knows whose it is
		}
		return "", mistake(fmt.Errorf("%s", c.t("Who are you? Every act has a person.", "操作者が指定されていません。操作には必ず実施者が必要です。")),
			c.t("Say it with --as PERSON, MUSTER_PERSON, or person: in muster.yaml; PERSON is an ID of the estate. With a personal token it is not needed: muster people token", "--as PERSON、MUSTER_PERSON、muster.yamlのpersonのいずれかで指定してください。PERSONは構成台帳のIDです。個人トークンを使えば指定は不要です: muster people token"))
	}
	return c.config.Person, nil
}

// mustSay reports whether whoever acts here has to say who they are: their token does not.
func (c *command) mustSay() bool {
	token, err := c.token()
	return err != nil || !identity.IsPersonal(token)
}

// client talks to the server that the settings name.
func (c *command) client() (*api.Client, error) {
	token, err := c.token()
	if err != nil {
		return nil, err
	}
	return app.Reach(c.lang, c.config, token)
}

// clientAs is client for what is done under a person's name.
func (c *command) clientAs() (client *api.Client, by string, err error) {
	if by, err = c.person(); err != nil {
		return nil, "", err
	}
	client, err = c.client()
	return client, by, err
}

// token is what the settings say to come with; "" is none.
func (c *command) token() (string, error) {
	if c.config.Token != "" {
		return c.config.Token, nil
	}
	token, err := app.ReadToken(c.lang, c.config.TokenPath())
	if os.IsNotExist(err) && c.config.TokenFile != "" {
		return "", mistake(fmt.Errorf("%s", c.t("there is no token file %s", "トークンファイル %s がありません", c.config.TokenFile)),
			c.t("Correct --token-file (MUSTER_TOKEN_FILE, token_file in the settings), or leave it out for DATA/token; `muster people token` makes a personal token", "--token-file（MUSTER_TOKEN_FILE、設定の token_file）を直すか、省略して DATA/token を使ってください。個人トークンは `muster people token` で発行できます"))
	}
	if err != nil && !os.IsNotExist(err) {
		return "", err
	}
	// A missing file may be right: the server may be another machine's, and says so.
	return token, nil
}

// colored reports whether w may be written to in colours (https://no-color.org).
func colored(w io.Writer) bool {
	return os.Getenv("NO_COLOR") == "" && isTerminal(w)
}

// isTerminal reports whether w is a terminal that can be drawn on.
func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd())) && os.Getenv("TERM") != "dumb" && os.Getenv("TERM") != ""
}

// onTerminal reports whether w is a terminal at all: what is no text is not written to one, also where
// it can't be drawn on.
func onTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// screen is the size of the terminal that w is, or nil.
func screen(w io.Writer) func() (int, int) {
	if !isTerminal(w) {
		return nil
	}
	return func() (int, int) {
		width, height, err := term.GetSize(int(w.(*os.File).Fd()))
		if err != nil || width <= 0 {
			return 80, 24
		}
		return width, height
	}
}

// number is the version: of the release, else of the commit it was built from.
var number = ""

// Version is what `muster version` says.
func Version() string {
	if number != "" {
		return number
	}
	if info, ok := debug.ReadBuildInfo(); ok {
		if v := info.Main.Version; v != "" && v != "(devel)" {
			return strings.TrimPrefix(v, "v")
		}
		for _, s := range info.Settings {
			if s.Key == "vcs.revision" && len(s.Value) >= 12 {
				return "0-" + s.Value[:12]
			}
		}
	}
	return "0-unreleased"
}
