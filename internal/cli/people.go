package cli

import (
	"encoding/csv"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/muster-dr/muster/internal/api"
	"github.com/muster-dr/muster/internal/i18n"
	"github.com/muster-dr/muster/internal/identity"
	"github.com/muster-dr/muster/internal/run"
)

// people is who may come in, and who came.
func (c *command) people() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "people",
		Short: c.t("Personal tokens, links, who may come in and who came", "個人トークン・リンク・利用停止・アクセス記録を扱う"),
		Args:  cobra.NoArgs,
		RunE:  func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(c.peopleMe(), c.peopleToken(), c.peopleTokens(), c.peopleRevoke(), c.peopleDisable(), c.peopleEnable(), c.peopleDisabled(), c.peopleLink(), c.peopleLog(), c.peopleReview())
	return cmd
}

func (c *command) peopleMe() *cobra.Command {
	return &cobra.Command{
		Use: "me", Short: c.t("Say who the server takes you for", "サーバーが認識している操作者を表示する"), Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			client, err := c.client()
			if err != nil {
				return err
			}
			defer client.Close()
			me, err := client.Me(cmd.Context())
			if err != nil {
				return err
			}
			if c.json() {
				return c.printJSON(me)
			}
			who := me.Person
			if me.Console {
				who = c.t("the console: whoever --as names", "コンソール（--as で指定した人として操作）")
			}
			_, err = fmt.Fprintf(c.Out, "%s  %s  (%s)\n", who, strings.Join(me.Roles, ", "), me.Via)
			return err
		},
	}
}

func (c *command) peopleToken() *cobra.Command {
	var in api.TokenRequest
	var lasts time.Duration
	var to, purpose string
	cmd := &cobra.Command{
		Use:   "token [PERSON]",
		Short: c.t("Issue a personal token, for yourself or for PERSON; it is shown this once", "個人トークンを発行する (自分またはPERSON用)。表示は一度だけ"),
		Long: c.t(`Issue a personal token. The secret goes to stdout, or with --to into a file that only you may
read, and is kept nowhere else: the server has only its hash. Use it with token_file in muster.yaml or
MUSTER_TOKEN; --as is not needed with it. One with --for metrics reads /metrics and opens nothing else:
give it to Prometheus.`,
			`個人トークンを発行します。トークンは標準出力に一度だけ表示され (--to を付けるとファイルに保存)、
サーバーにはハッシュだけが残ります。muster.yamlのtoken_fileか環境変数MUSTER_TOKENで指定して使います。
個人トークンを使う場合、--as は不要です。--for metrics を付けたトークンは /metrics の読み取り専用で、
ほかには何もできません。Prometheusにはこれを渡します。`),
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			in.Person, in.Lasts, in.For = first(args, ""), run.Duration(lasts), identity.Purpose(purpose)
			if in.For != "" && in.For != identity.ForMetrics {
				return mistake(errors.New(c.t("there are no tokens for %q", "用途 %q のトークンはありません", purpose)), c.t("Give --for metrics, or leave it out for a token with which its person may do whatever they may", "--for metrics と指定するか、本人の権限をすべて使えるトークンなら省略してください"))
			}
			var file *os.File
			if to != "" { // before the token is made, so that none is made in vain
				var err error
				if file, err = os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600); err != nil {
					return mistake(err, c.t("Name a file that does not exist yet, in a directory of yours", "自分のディレクトリにある、まだ存在しないファイルを指定してください"))
				}
				defer file.Close()
			}
			client, err := c.client()
			if err != nil {
				return err
			}
			defer client.Close()
			t, err := client.IssueToken(cmd.Context(), in)
			if err != nil {
				if file != nil {
					_ = os.Remove(to)
				}
				return err
			}
			c.say("token %s of %s, until %s; this is the only time that it is shown", "%[2]s のトークン %[1]s（期限 %[3]s）。表示はこの一度だけです", t.ID, t.Person, i18n.Moment(t.ExpiresAt, c.zone(cmd.Context(), client)))
			switch {
			case file != nil:
				if _, err := fmt.Fprintln(file, t.Secret); err != nil {
					return err
				}
				return file.Sync()
			case c.json():
				return c.printJSON(t)
			}
			_, err = fmt.Fprintln(c.Out, t.Secret)
			return err
		},
	}
	cmd.Flags().StringVar(&in.Name, "name", "", c.t("what it is for, as in \"laptop\"", "用途 (例: laptop)"))
	cmd.Flags().StringVar(&purpose, "for", "", c.t("the one thing that it is good for: metrics (reads /metrics)", "用途を1つに限る: metrics (/metrics の読み取り専用)"))
	cmd.Flags().DurationVar(&lasts, "lasts", 0, c.t("how long it is good, 8760h at most (default 2160h)", "有効期間。最長8760h (既定 2160h)"))
	cmd.Flags().StringVar(&to, "to", "", c.t("write it into this new file, mode 0600, instead of stdout", "標準出力の代わりに、このファイル (新規、モード0600) に書き込む"))
	return cmd
}

func (c *command) peopleTokens() *cobra.Command {
	return &cobra.Command{
		Use: "tokens [PERSON]", Short: c.t("List personal tokens, without their secrets", "個人トークンの一覧を表示する (秘密の値は含まない)"), Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			client, err := c.client()
			if err != nil {
				return err
			}
			defer client.Close()
			c.zone(cmd.Context(), client)
			person := first(args, "")
			if me, err := client.Me(cmd.Context()); err == nil && person == "" && !me.Console && len(args) == 0 {
				if all, err := client.Tokens(cmd.Context(), ""); err == nil {
					return c.printTokens(all)
				}
				person = me.Person // who does not administer sees their own
			}
			list, err := client.Tokens(cmd.Context(), person)
			if err != nil {
				return err
			}
			return c.printTokens(list)
		},
	}
}

func (c *command) printTokens(list []identity.Token) error {
	if c.json() {
		return c.printJSON(list)
	}
	head := []string{"id", "person", "name", "created", "expires", "used", "revoked", "by", "for"}
	var rows [][]string
	for _, t := range list {
		rows = append(rows, []string{t.ID, t.Person, t.Name, c.stamp(t.CreatedAt), c.stamp(t.ExpiresAt), c.stamp(t.UsedAt), c.stamp(t.RevokedAt), t.By, string(t.For)})
	}
	return c.list(head, rows)
}

// stamp is a time for people to read; for a spreadsheet it is RFC 3339.
func (c *command) stamp(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	if c.output == "csv" || c.in == nil {
		return t.UTC().Format(time.RFC3339)
	}
	return i18n.Moment(t, c.in)
}

// columnsJA are the columns of lists that are for spreadsheets too, which keep the English names.
var columnsJA = map[string]string{
	"id": "ID", "person": "要員", "name": "名前", "created": "発行", "expires": "期限", "used": "最終使用", "revoked": "失効", "by": "操作者", "for": "用途",
	"at": "日時", "reason": "理由", "position": "番号", "via": "経路", "act": "操作", "object": "対象", "outcome": "結果", "from": "接続元",
	"came": "利用", "read": "閲覧", "refused": "拒否", "break_glass": "緊急権限", "last": "最終",
}

// columnsEN are those whose names in spreadsheets are no words.
var columnsEN = map[string]string{"break_glass": "break-glass"}

// list prints rows as a table, or with --output csv for a spreadsheet.
func (c *command) list(head []string, rows [][]string) error {
	if c.output != "csv" {
		shown := slices.Clone(head)
		for i, h := range shown {
			words := columnsEN
			if c.lang == i18n.JA {
				words = columnsJA
			}
			if said := words[h]; said != "" {
				shown[i] = said
			}
		}
		table(c.Out, shown, rows)
		return nil
	}
	w := csv.NewWriter(c.Out)
	for _, row := range append([][]string{head}, rows...) {
		safe := make([]string, len(row))
		for i, cell := range row {
			safe[i] = plainCell(cell)
		}
		if err := w.Write(safe); err != nil {
			return err
		}
	}
	w.Flush()
	return w.Error()
}

// plainCell keeps a spreadsheet from taking a cell for a formula: what people wrote could
// otherwise act when an auditor opens the file.
func plainCell(s string) string {
	if s != "" && strings.ContainsRune("=+-@\t\r\n", rune(s[0])) {
		return "'" + s
	}
	return s
}

func (c *command) peopleRevoke() *cobra.Command {
	var in api.RevokeLinksRequest
	cmd := &cobra.Command{
		Use:   "revoke [TOKEN]",
		Short: c.t("Take a token back at once, by its ID; or links", "トークン (IDで指定) またはリンクを直ちに取り消す"), Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			links := in != (api.RevokeLinksRequest{})
			if links == (len(args) == 1) {
				return mistake(fmt.Errorf("%s", c.t("say what to take back: a token's ID, or one of --link, --links-of, --links-in", "取り消す対象を、トークンのID、--link、--links-of、--links-in のいずれか1つで指定してください")), "")
			}
			if len(args) == 1 && strings.HasPrefix(args[0], "mstr_") {
				return mistake(fmt.Errorf("%s", c.t("that is the secret itself: it is now in your shell's history", "トークンそのものが指定されました。シェルの履歴に残っている可能性があります")),
					c.t("Name the token by its ID, which `muster people tokens` shows", "`muster people tokens` で表示されるIDで指定してください"))
			}
			client, err := c.client()
			if err != nil {
				return err
			}
			defer client.Close()
			if links {
				if err := client.RevokeLinks(cmd.Context(), in); err != nil {
					return err
				}
				c.say("taken back; refused on every server within seconds", "取り消しました。数秒以内に全サーバーで無効になります")
				return nil
			}
			t, err := client.RevokeToken(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			if c.json() {
				return c.printJSON(t)
			}
			c.say("token %s of %s is taken back; refused on every server within seconds", "%[2]s のトークン %[1]s を取り消しました。数秒以内に全サーバーで無効になります", t.ID, t.Person)
			return nil
		},
	}
	cmd.Flags().StringVar(&in.ID, "link", "", c.t("ID of one link, as the journal has it", "リンクのID (記録に表示されるもの)"))
	cmd.Flags().StringVar(&in.Person, "links-of", "", c.t("all links of a person", "ある人のすべてのリンク"))
	cmd.Flags().StringVar(&in.Run, "links-in", "", c.t("all links of a run", "ある実施のすべてのリンク"))
	return cmd
}

func (c *command) peopleDisable() *cobra.Command {
	var reason string
	cmd := &cobra.Command{
		Use: "disable PERSON", Short: c.t("Refuse all tokens, sign-ins and links of a person, at once", "ある人のトークン・サインイン・リンクを直ちに無効にする"), Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if reason == "" {
				return mistake(fmt.Errorf("%s", c.t("--reason is needed", "--reason が必要です")), c.t("It stands in the access log", "アクセス記録に残ります"))
			}
			client, err := c.client()
			if err != nil {
				return err
			}
			defer client.Close()
			if err := client.DisablePerson(cmd.Context(), args[0], reason); err != nil {
				return err
			}
			c.say("%s is disabled; refused on every server within seconds", "%s を利用停止にしました。数秒以内に全サーバーで拒否されます", args[0])
			return nil
		},
	}
	cmd.Flags().StringVar(&reason, "reason", "", c.t("why; it stands in the access log", "理由 (アクセス記録に残る)"))
	return cmd
}

func (c *command) peopleEnable() *cobra.Command {
	return &cobra.Command{
		Use: "enable PERSON", Short: c.t("Let a person in again; what they had before stays shut", "利用停止を解除する (以前のトークンなどは無効のまま)"), Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			client, err := c.client()
			if err != nil {
				return err
			}
			defer client.Close()
			if err := client.EnablePerson(cmd.Context(), args[0]); err != nil {
				return err
			}
			c.say("%s may come in again; they need a new token: muster people token %s", "%s の利用停止を解除しました。新しいトークンが必要です: muster people token %s", args[0], args[0])
			return nil
		},
	}
}

func (c *command) peopleDisabled() *cobra.Command {
	return &cobra.Command{
		Use: "disabled", Short: c.t("List who is disabled", "利用停止中の人を表示する"), Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			client, err := c.client()
			if err != nil {
				return err
			}
			defer client.Close()
			c.zone(cmd.Context(), client)
			list, err := client.DisabledPeople(cmd.Context())
			if err != nil {
				return err
			}
			if c.json() {
				return c.printJSON(list)
			}
			var rows [][]string
			for _, o := range list {
				rows = append(rows, []string{o.Person, c.stamp(o.At), o.By, o.Reason})
			}
			return c.list([]string{"person", "at", "by", "reason"}, rows)
		},
	}
}

func (c *command) peopleLink() *cobra.Command {
	var purpose string
	var lasts time.Duration
	cmd := &cobra.Command{
		Use:   "link [RUN] PERSON",
		Short: c.t("Make a signed link by which a person without an account does one thing in a run", "アカウントのない人が1つの操作だけを行える署名付きリンクを作る"), Args: cobra.RangeArgs(1, 2),
		RunE: func(cmd *cobra.Command, args []string) error {
			p, err := oneOf(c, "--for", purpose, identity.ForCheckIn, identity.ForArrival, identity.ForAck)
			if err != nil {
				return err
			}
			client, id, err := c.clientAndRun(cmd.Context(), args[:len(args)-1])
			if err != nil {
				return err
			}
			defer client.Close()
			link, err := client.MakeLink(cmd.Context(), id, api.LinkRequest{Person: args[len(args)-1], Purpose: p, Lasts: run.Duration(lasts)})
			if err != nil {
				return err
			}
			if c.json() {
				return c.printJSON(link)
			}
			if link.URL == "" {
				c.say("others reach it only when public_url in muster.yaml says by which address", "他の端末から開くには、muster.yamlのpublic_urlにこのサーバーの公開URLを設定してください")
				link.URL = strings.TrimRight(c.config.ServerURL(), "/") + identity.LinkPath + link.Text
			}
			_, err = fmt.Fprintln(c.Out, link.URL)
			return err
		},
	}
	cmd.Flags().StringVar(&purpose, "for", string(identity.ForCheckIn), c.t("checkin, arrive or ack", "checkin (安否)、arrive (参集)、ack (確認) のいずれか"))
	cmd.Flags().DurationVar(&lasts, "lasts", 0, c.t("how long it is good, 744h at most (default 24h)", "有効期間。最長744h (既定 24h)"))
	return cmd
}

func (c *command) peopleLog() *cobra.Command {
	var after int64
	var limit int
	cmd := &cobra.Command{
		Use: "log", Short: c.t("Show the access log: who came, from where, to what, and whether they were let in", "アクセス記録を表示する"), Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			client, err := c.client()
			if err != nil {
				return err
			}
			defer client.Close()
			c.zone(cmd.Context(), client)
			list, err := client.Accesses(cmd.Context(), after, limit)
			if err != nil {
				return err
			}
			if c.json() {
				return c.printJSON(list)
			}
			var rows [][]string
			for _, a := range list {
				rows = append(rows, []string{fmt.Sprint(a.Position), c.stamp(a.At), a.Person, a.Via, a.Act, a.Object, a.Outcome, a.From})
			}
			return c.list([]string{"position", "at", "person", "via", "act", "object", "outcome", "from"}, rows)
		},
	}
	cmd.Flags().Int64Var(&after, "after", 0, c.t("position after which to begin", "この位置より後から表示する"))
	cmd.Flags().IntVar(&limit, "limit", 1000, c.t("how many entries at most, up to 5000", "最大件数 (5000まで)"))
	return cmd
}
