package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/muster-dr/muster/internal/api"
	"github.com/muster-dr/muster/internal/breakglass"
	"github.com/muster-dr/muster/internal/evidence"
	"github.com/muster-dr/muster/internal/wholefile"
)

// broughtBack is a file with what was done on a laptop.
type broughtBack struct {
	breakglass.Held
	File   string `json:"file"`
	Bytes  int    `json:"bytes"`
	SHA256 string `json:"sha256"`
}

// bringBack writes what a server that works from a bundle has to bring back, and says what that is. A file that is there stays: it may be all that
// is left of an earlier laptop.
func (c *command) bringBack(ctx context.Context, client *api.Client, path string) error {
	if _, err := os.Lstat(path); err == nil {
		return mistake(errors.New(c.t("%s is there already, and was left as it is", "%s はすでに存在するため、書き換えていません", path)),
			c.t("Name another file: a new one holds all that earlier ones do", "別のファイル名を指定してください（新しい書き出しは以前の内容をすべて含みます）"))
	}
	if dir, err := os.Stat(filepath.Dir(path)); err != nil || !dir.IsDir() {
		return mistake(errors.New(c.t("the folder %s is not there, and nothing was written", "フォルダー %s がないため、書き出していません", filepath.Dir(path))), c.t("Mount the medium, or make the folder yourself", "媒体をマウントするか、フォルダーを作成してから再実行してください"))
	}
	b, err := client.ExportBundle(ctx)
	if err != nil {
		return err
	}
	held, err := breakglass.Holds(b)
	if err != nil {
		return err
	}
	if err := wholefile.Write(path, b, 0o600); err != nil {
		return mistake(err, "")
	}
	out := broughtBack{Held: held, File: path, Bytes: len(b), SHA256: evidence.Sum(b)}
	if c.json() {
		return c.printJSON(out)
	}
	if _, err := fmt.Fprintln(c.Out, path); err != nil {
		return err
	}
	c.zone(ctx, client)
	c.holds(out)
	c.say("muster: carry it to the main server: muster merge %s --as PERSON --reason WHY", "muster: 本来のサーバーに運び、muster merge %s --as 人 --reason 理由 で取り込んでください", filepath.Base(path))
	return nil
}

// holds tells what is in it.
func (c *command) holds(b broughtBack) {
	size := c.t("%d bytes", "%d バイト", b.Bytes)
	if len(b.Runs) == 0 {
		c.say("muster: no run of bundle %s has ended: only its evidence log is in it, %s", "muster: パッケージ %s で終了した実施はまだありません。証拠台帳だけが入っています（%s）", b.ID, size)
	} else {
		c.say("muster: of bundle %s: %d run(s) (%s) with %d events, from %s to %s; %s", "muster: パッケージ %s: %d 件の実施（%s）、イベント %d 件、%s から %s まで、%s",
			b.ID, len(b.Runs), strings.Join(b.Runs, ", "), b.Records, c.stamp(*b.First), c.stamp(*b.Last), size)
	}
	c.say("  SHA-256 %s", "  SHA-256 %s", b.SHA256)
	if len(b.Open) > 0 {
		c.say("  still going on, and not in it: %s; export again when it has ended", "  実施中のため入っていないもの: %s。終了後にもう一度書き出してください", strings.Join(b.Open, ", "))
	}
	if len(b.Removed) > 0 {
		c.say("  removed here after its time, and not in it: %s", "  保存期間の満了により削除済みのため入っていないもの: %s", strings.Join(b.Removed, ", "))
	}
}
