package cases_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// The group ipa-industry has the main centre's database, that of the backup centre, which
// takes no writes yet, two older tapes, and the key that only the backup centre has.
func init() {
	servers["ipa-industry"] = func(t *testing.T, g *group) {
		dir := folders(t, "main/spool", "main/tapes", "custody", "backup/work")
		main, backup, secret := apart(t)
		main.Exec(t, "CREATE DATABASE holders")
		backup.Exec(t, "CREATE DATABASE holders")
		inside(main, "holders").Exec(t, `CREATE TABLE holders (id bigint PRIMARY KEY, name text NOT NULL, since date NOT NULL);
			INSERT INTO holders SELECT n, 'holder ' || n, date '2011-03-11' + n % 4000 FROM generate_series(1, 3000) n`)
		inside(backup, "holders").Exec(t, `CREATE TABLE exercises (held_on date NOT NULL, scope text NOT NULL, minutes int NOT NULL, ended text NOT NULL);
			INSERT INTO exercises VALUES (current_date - 200, 'tape loaded', 240, 'missed'), (current_date - 80, 'whole switch', 190, 'met');
			ALTER DATABASE holders SET default_transaction_read_only = on`)
		for _, old := range []string{"gen-0001.tape", "gen-0002.tape"} {
			if err := os.WriteFile(filepath.Join(dir, "main/tapes", old), []byte("an older generation: "+old), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		key := filepath.Join(dir, "backup/key.txt")
		said, err := exec.Command("age-keygen", "-o", key).CombinedOutput()
		if err != nil {
			t.Fatalf("make a key (package age): %v %s", err, said)
		}
		public := regexp.MustCompile(`age1\w+`).Find(said)
		if err := os.WriteFile(filepath.Join(dir, "main/backup-centre.pub"), append(public, '\n'), 0o644); err != nil {
			t.Fatal(err)
		}
		g.serves(t, "holders-main", main, secret)
		g.serves(t, "holders-backup", backup, secret)
		g.replace(t, strings.NewReplacer("/srv/muster-cases", dir, `"5432"`, `"`+port(main)+`"`, `"5433"`, `"`+port(backup)+`"`,
			"secret://env/MUSTER_CASES_PASSWORD", secret, "PGUSER: postgres", "PGUSER: "+main.Target.Spec.User))
	}
}
