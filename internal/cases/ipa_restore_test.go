package cases_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/muster-dr/muster/internal/pgtest"
)

// The group ipa-restore has a live PostgreSQL that archives its log, and two base backups
// of it: the media. Which of them is fetched is drawn.
func init() {
	servers["ipa-restore"] = func(t *testing.T, g *group) {
		dir := pgtest.Dir(t)
		base, wal := filepath.Join(dir, "base"), filepath.Join(dir, "wal")
		pair := pgtest.StartPairWith(t, map[string]string{"archive_mode": "on", "archive_command": fmt.Sprintf("test ! -f %s/%%f && cp %%p %[1]s/%%f", wal)})
		live := pair.Tokyo
		for _, d := range []string{base, wal} {
			if err := live.OwnDir(d); err != nil {
				t.Fatal(err)
			}
		}
		for _, table := range []string{"production", "finance", "accounting"} {
			live.Exec(t, fmt.Sprintf("CREATE TABLE %s (id bigserial PRIMARY KEY, amount bigint NOT NULL, at timestamptz NOT NULL DEFAULT clock_timestamp())", table))
		}
		media := []string{"media-1", "media-2"}
		for i, m := range media {
			live.Exec(t, fmt.Sprintf("INSERT INTO production (amount) SELECT n FROM generate_series(1, %d) n", 200+100*i))
			live.Exec(t, fmt.Sprintf("INSERT INTO finance (amount) SELECT n FROM generate_series(%d, %d) n", 1+200*i, 200+300*i))
			if _, err := live.Run(pgtest.Context(t, time.Minute), []string{"PGPASSWORD=" + pair.Password}, "pg_basebackup", "-D", filepath.Join(base, m), "-h", live.Host,
				"-p", fmt.Sprint(live.Port), "-U", pair.User, "-X", "stream", "--checkpoint=fast", "--manifest-checksums=SHA256"); err != nil {
				t.Fatal(err)
			}
		}
		live.Exec(t, "INSERT INTO accounting (amount) VALUES (1)") // after the last medium: only the log has it
		last := pgtest.Value[string](t, live, "SELECT pg_walfile_name(pg_switch_wal())")
		pgtest.Eventually(t, time.Minute, func() string {
			if _, err := os.Stat(filepath.Join(wal, last)); err != nil {
				return err.Error()
			}
			return ""
		})
		for _, system := range []string{"case-maker", "case-web", "case-vault", "case-core"} {
			area := filepath.Join(dir, system)
			if err := live.OwnDir(area); err != nil {
				t.Fatal(err)
			}
			g.set(t, "name", system+"-media", map[string]any{"backups": base, "wal": wal, "area": area, "bin": live.Bin, "run_as": live.RunAs})
		}
		g.replace(t, strings.NewReplacer("MEDIUM", media[rand.IntN(len(media))]))
	}
}
