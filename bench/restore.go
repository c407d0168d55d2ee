package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/muster-dr/muster/internal/pgcluster"
	"github.com/muster-dr/muster/internal/report"
	"github.com/muster-dr/muster/internal/run"
)

// stock is a live PostgreSQL server with a backup, the log archived since, and what the
// data itself says of the point that is restored to.
type stock struct {
	pair            *pgcluster.Pair
	base, wal, area string
	bytes           int64     // of the database, live
	to              time.Time // point in time that is restored to
	newest          time.Time // of the rows that are older than that: the recovery point
	later           int64     // rows that are younger, and may not come back
}

const backedUp = "nightly"

// restore prints a restore test of a backup of b.restored MB to a point in time, a tenth of
// it in the log: its parts, and the recovery point beside the data's own newest row. Then
// the same of the backup with one byte flipped, which may not pass.
func (b *bench) restore(ctx context.Context) (err error) {
	dir := filepath.Join(b.dir, "restore")
	s, err := b.stock(ctx, dir)
	if s != nil {
		defer func() {
			for _, i := range []*pgcluster.Instance{s.pair.Primary, s.pair.Standby} {
				_, kill := i.Kill(context.WithoutCancel(ctx))
				err = errors.Join(err, kill)
			}
		}()
	}
	if err != nil {
		return err
	}
	if err := s.plans(filepath.Join(dir, "plans")); err != nil {
		return err
	}
	up, err := b.startUp(ctx, dir, "sites: osaka")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, up.process.End(context.WithoutCancel(ctx))) }()

	fmt.Printf("\nrestore test of a %d MB PostgreSQL database to a point in time, a tenth of it replayed from the log\n", s.bytes>>20)
	fmt.Printf("%-18s %9s %8s %8s %9s %8s %8s  %s\n", "backup", "verdict", "all s", "fetch s", "restore s", "replay s", "verify s", "what came back")
	whole, err := restored(ctx, up)
	if err != nil {
		return err
	}
	r := whole.Systems[0].Restore
	if r == nil || r.RecoveryPoint == nil {
		return fmt.Errorf("the report has no recovery point: %+v", whole.Steps)
	}
	off := r.RecoveryPoint.Sub(s.newest)
	fmt.Printf("%-18s %9s %8s %8s %9s %8s %8s  newest row %s; the data's own %s (%s off); isolated copy %s\n", "whole", whole.Run.Verdict, seconds(r.ActualS), seconds(r.Parts.FetchS),
		seconds(r.Parts.RestoreS), seconds(r.Parts.ReplayS), seconds(r.Parts.VerifyS), clockTime(*r.RecoveryPoint), clockTime(s.newest), off, s.left())

	file, err := s.damage()
	if err != nil {
		return err
	}
	bad, err := restored(ctx, up)
	if err != nil {
		return err
	}
	fmt.Printf("%-18s %9s %8s %8s %9s %8s %8s  %s; isolated copy %s\n", "one byte flipped", bad.Run.Verdict, "-", "-", "-", "-", "-", because(bad), s.left())
	fmt.Printf("%-18s %s\n", "", "(in "+file+")")
	live, err := s.ask(ctx, "SELECT count(*) FROM orders WHERE at > '"+s.to.Format(time.RFC3339Nano)+"'")
	if err != nil {
		return err
	}
	switch n, err := strconv.ParseInt(live, 10, 64); {
	case err != nil:
		return err
	case off != 0 || whole.Run.Verdict != run.Met || bad.Run.Verdict != run.Missed || n != s.later:
		return fmt.Errorf("want the data's own newest row, met, then missed, and %d younger rows on the live server, which has %d", s.later, n)
	}
	return nil
}

// stock makes the server, its backup and its log.
func (b *bench) stock(ctx context.Context, dir string) (*stock, error) {
	home := filepath.Join(dir, "servers")
	if err := os.MkdirAll(home, 0o755); err != nil {
		return nil, err
	}
	s := &stock{base: filepath.Join(home, "base"), wal: filepath.Join(home, "wal"), area: filepath.Join(home, "area")}
	var err error
	if s.pair, err = pgcluster.Create(ctx, pgcluster.Options{Dir: filepath.Join(home, "pair"), Settings: map[string]string{
		"archive_mode": "on", "archive_command": fmt.Sprintf("test ! -f '%s/%%f' && cp '%%p' '%[1]s/%%f'", s.wal), "max_wal_size": "4GB"}}); err != nil {
		return nil, err
	}
	for _, dir := range []string{s.base, s.wal, s.area} {
		if err := s.pair.Primary.OwnDir(dir); err != nil {
			return s, err
		}
	}
	fill := func(mb int) string { // a row is about 1 KB
		return fmt.Sprintf("INSERT INTO orders (note) SELECT md5(random()::text) || repeat('x', 900) FROM generate_series(1, %d)", mb*1000)
	}
	for _, q := range []string{
		"CREATE TABLE orders (id bigserial PRIMARY KEY, note text, at timestamptz NOT NULL DEFAULT clock_timestamp())",
		fill(b.restored - b.restored/10),
	} {
		if _, err := s.ask(ctx, q); err != nil {
			return s, err
		}
	}
	tokyo := s.pair.Primary
	if _, err := tokyo.Run(ctx, []string{"PGPASSWORD=" + s.pair.Password}, "pg_basebackup", "-D", filepath.Join(s.base, backedUp), "-h", tokyo.Host,
		"-p", fmt.Sprint(tokyo.Port), "-U", s.pair.User, "-X", "stream", "--checkpoint=fast", "--manifest-checksums=SHA256"); err != nil {
		return s, err
	}
	if _, err := s.ask(ctx, fill(b.restored/10)); err != nil {
		return s, err
	}
	if s.newest, err = s.askTime(ctx, "SELECT max(at) FROM orders"); err != nil {
		return s, err
	}
	if s.to, err = s.askTime(ctx, "SELECT clock_timestamp()"); err != nil {
		return s, err
	}
	s.later = 1000
	if _, err := s.ask(ctx, fill(1)); err != nil {
		return s, err
	}
	size, err := s.ask(ctx, "SELECT pg_database_size('postgres')")
	if err != nil {
		return s, err
	}
	if s.bytes, err = strconv.ParseInt(size, 10, 64); err != nil {
		return s, err
	}
	last, err := s.ask(ctx, "SELECT pg_walfile_name(pg_switch_wal())")
	if err != nil {
		return s, err
	}
	return s, s.archived(ctx, last)
}

// archived waits until a log segment is in the archive.
func (s *stock) archived(ctx context.Context, segment string) error {
	ctx, cancel := context.WithTimeoutCause(ctx, time.Minute, errors.New("the log was not archived within a minute"))
	defer cancel()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		if _, err := os.Stat(filepath.Join(s.wal, segment)); err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-tick.C:
		}
	}
}

// ask asks the live server for one value.
func (s *stock) ask(ctx context.Context, query string) (string, error) {
	i := s.pair.Primary
	out, err := i.Answer(ctx, []string{"PGPASSWORD=" + s.pair.Password, "PGTZ=UTC"}, "psql", "-XAtq", "-h", i.Host, "-p", fmt.Sprint(i.Port), "-U", s.pair.User, "-d", "postgres", "-c", query)
	return strings.TrimSpace(string(out)), err
}

func (s *stock) askTime(ctx context.Context, query string) (time.Time, error) {
	text, err := s.ask(ctx, query)
	if err != nil {
		return time.Time{}, err
	}
	return time.Parse("2006-01-02 15:04:05.999999-07", text)
}

// plans are those of a restore test of the stock.
func (s *stock) plans(dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	for name, text := range map[string]string{
		"estate.yaml": fmt.Sprintf(`kind: Estate
name: restore
zone: Asia/Tokyo
control: osaka
sites: [{name: osaka}]
targets:
  - {name: backups, kind: pgbackups, site: osaka, backups: %q, wal: %q, area: %q}
systems:
  - {name: orders, home: osaka, drillable: [isolated], objectives: {restore: {within: 10m, point: 1h}}, runbooks: {restore: restore}}
people:
  - {id: bench, name: Bench, roles: [commander]}
muster_places: [{name: online, title: Online, online: true}]
`, s.base, s.wal, s.area),
		"runbook.yaml": fmt.Sprintf(`kind: Runbook
name: restore
system: orders
steps:
  - {id: restore, uses: pgbackup.restore, with: {backups: backups, backup: %s, to: %q}, timeout: 10m, undo: {uses: pgbackup.discard, with: {backups: backups}}}
  - {id: verify, uses: pgbackup.verify, with: {backups: backups, newest: SELECT max(at) FROM orders}, timeout: 10m}
  - {id: discard, uses: pgbackup.discard, with: {backups: backups}, timeout: 2m}
`, backedUp, s.to.Format(time.RFC3339Nano)),
		"scenario.yaml": `kind: Scenario
name: restore
title: Restore test
hazard: restore-test
depth: isolated
systems: [orders]
failback: stay
people: {simulate: {after: 0s, spread: 0s}}
decision: {by: commander, within: 1s}
fail_wait: 1s
`,
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			return err
		}
	}
	return nil
}

// restored runs the restore test and returns its report.
func restored(ctx context.Context, u *up) (r report.Report, err error) {
	id, err := u.start(ctx, "restore")
	if err != nil {
		return r, err
	}
	if _, err := u.events(ctx, id); err != nil {
		return r, err
	}
	b, err := u.client.Report(ctx, id, "json", "en")
	if err != nil {
		return r, err
	}
	if err := json.Unmarshal(b, &r); err != nil {
		return r, err
	}
	if len(r.Systems) != 1 {
		return r, fmt.Errorf("the report has %d systems", len(r.Systems))
	}
	return r, nil
}

// damage flips a byte in the middle of the backup's largest file.
func (s *stock) damage() (file string, err error) {
	var largest int64
	root := filepath.Join(s.base, backedUp, "base")
	err = filepath.WalkDir(root, func(path string, d os.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		info, err := d.Info()
		if err == nil && info.Size() > largest {
			file, largest = path, info.Size()
		}
		return err
	})
	if err != nil {
		return "", err
	}
	f, err := os.OpenFile(file, os.O_RDWR, 0)
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	one := make([]byte, 1)
	if _, err := f.ReadAt(one, largest/2); err != nil {
		return "", err
	}
	one[0] ^= 1
	_, err = f.WriteAt(one, largest/2)
	name, _ := filepath.Rel(filepath.Dir(root), file)
	return name, err
}

// left says what is left of the isolated copy.
func (s *stock) left() string {
	found, err := os.ReadDir(s.area)
	switch {
	case err != nil:
		return err.Error()
	case len(found) > 0:
		return fmt.Sprintf("left %s behind", found[0].Name())
	}
	return "gone"
}

func seconds(s *float64) string {
	if s == nil {
		return "-"
	}
	return fmt.Sprintf("%.1f", *s)
}

func clockTime(t time.Time) string { return t.UTC().Format("15:04:05.000000") }

// because is the reason of the first step that did not pass.
func because(r report.Report) string {
	for _, s := range r.Steps {
		if s.Outcome != run.Passed {
			en, _, _ := strings.Cut(s.Reason, " / ")
			return en
		}
	}
	return "no step failed"
}
