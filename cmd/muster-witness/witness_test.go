package main

import (
	"context"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/muster-dr/muster/internal/pgtest"
)

func addresses(p *pgtest.Pair) []server {
	var out []server
	for _, s := range []*pgtest.Server{p.Tokyo, p.Osaka} {
		out = append(out, server{name: s.Name, url: fmt.Sprintf("postgres://%s:%s@%s:%d/postgres?sslmode=disable", p.User, p.Password, s.Host, s.Port)})
	}
	return out
}

// watch runs a witness until the test ends it and hands back the log's path.
func watch(t *testing.T, p *pgtest.Pair) (path string, end func()) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "client.csv")
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- witness(ctx, addresses(p), path, 5*time.Millisecond, time.Second, 2*time.Minute) }()
	t.Cleanup(cancel)
	return path, func() {
		t.Helper()
		cancel()
		if err := <-done; err != nil {
			t.Fatal(err)
		}
	}
}

// attempts reads the log as far as it is written.
func attempts(t *testing.T, path string) (ok, failed int, lastOK bool, text string) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	whole := string(b[:strings.LastIndexByte(string(b), '\n')+1])
	records, err := csv.NewReader(strings.NewReader(whole)).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	for n, r := range records {
		if n == 0 {
			continue
		}
		if lastOK = r[2] == "true"; lastOK {
			ok++
		} else {
			failed++
			text += r[4] + "\n"
		}
	}
	return ok, failed, lastOK, text
}

func awaitOK(t *testing.T, path string, more int) {
	t.Helper()
	from, _, _, _ := attempts(t, path)
	pgtest.Eventually(t, 2*time.Minute, func() string {
		if ok, _, _, why := attempts(t, path); ok < from+more {
			return fmt.Sprintf("%d acknowledged rows, want %d; %s", ok, from+more, why)
		}
		return ""
	})
}

func TestRowsThatNeverReachedTheStandbyAreMissing(t *testing.T) {
	p := pgtest.StartPair(t)
	path, end := watch(t, p)
	awaitOK(t, path, 10)
	p.Osaka.StopServer(t) // tokyo goes on acknowledging what osaka does not get
	awaitOK(t, path, 10)
	p.Tokyo.Kill9(t)
	p.Osaka.StartServer(t)
	pgtest.Eventually(t, 2*time.Minute, func() string {
		if _, failed, _, _ := attempts(t, path); failed < 100 {
			return fmt.Sprintf("%d failed attempts, want 100: an outage that shows", failed)
		}
		return ""
	})
	p.Osaka.Exec(t, "SELECT pg_promote(true, 60)")
	awaitOK(t, path, 10)
	end()

	found, err := checkLog(context.Background(), addresses(p), path, time.Time{})
	if err != nil {
		t.Fatal(err)
	}
	acked, err := readLog(path, time.Time{}, &checked{})
	if err != nil {
		t.Fatal(err)
	}
	kept := pgtest.Value[int](t, p.Osaka, "SELECT count(*) FROM witness WHERE seq = ANY($1)", acked)
	if found.Missing < 10 || found.Missing != found.Acked-kept || found.Acked != len(acked) {
		t.Errorf("%d of %d rows missing, want all that osaka does not have, %d", found.Missing, found.Acked, len(acked)-kept)
	}
	if found.Writable != "osaka" || len(found.Gaps) == 0 || found.Gaps[0].Seconds != found.LongestGap {
		t.Fatalf("found = %+v, want osaka and the outage as the longest gap", found)
	}
}

func TestAFrozenServerHoldsNoAttemptForEver(t *testing.T) {
	p := pgtest.StartPair(t)
	path, end := watch(t, p)
	awaitOK(t, path, 3)
	p.Tokyo.Freeze(t)
	pgtest.Eventually(t, 2*time.Minute, func() string {
		if _, failed, lastOK, text := attempts(t, path); failed < 2 || lastOK || !strings.Contains(text, "i/o timeout") {
			return fmt.Sprintf("%d attempts ended without an answer, want 2: %s", failed, text)
		}
		return ""
	})
	p.Tokyo.Thaw(t)
	awaitOK(t, path, 3)
	end()
}

func TestCheckRefusesTwoWriters(t *testing.T) {
	p := pgtest.StartPair(t)
	path, end := watch(t, p)
	awaitOK(t, path, 3)
	end()
	p.Tokyo.AwaitStreaming(t, p.Osaka)
	p.Osaka.Exec(t, "SELECT pg_promote(true, 60)")
	_, err := checkLog(context.Background(), addresses(p), path, time.Time{})
	if err == nil || !strings.Contains(err.Error(), "both tokyo and osaka take writes") {
		t.Errorf("err = %v, want that both take writes", err)
	}
}

func TestCheckRefusesWhatIsNoLog(t *testing.T) {
	path := filepath.Join(t.TempDir(), "client.csv")
	for text, want := range map[string]string{
		"":            "is no log of a witness",
		"a,b,c,d,e\n": "is no log of a witness",
		"at,seq,ok,latency_ms,error\nyesterday,1,true,1.0,\n":              ":2: ",
		"at,seq,ok,latency_ms,error\n2026-11-22T10:00:00.000000Z,1,true\n": "wrong number of fields",
	} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := checkLog(context.Background(), nil, path, time.Time{}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("log %q: err = %v, want %q", text, err, want)
		}
	}
}

func TestGapsComeFromTheLogAlone(t *testing.T) {
	path := filepath.Join(t.TempDir(), "client.csv")
	log := `at,seq,ok,latency_ms,error
2026-11-22T10:00:00.000000Z,1,true,1.0,
2026-11-22T10:00:00.050000Z,2,true,1.0,
2026-11-22T10:00:00.100000Z,3,false,0.2,"tokyo: refused, ""gone"""
2026-11-22T10:00:01.550000Z,4,true,1.0,
2026-11-22T10:00:01.900000Z,5,true,1.0,
`
	if err := os.WriteFile(path, []byte(log), 0o600); err != nil {
		t.Fatal(err)
	}
	var found checked
	acked, err := readLog(path, time.Date(2026, 11, 22, 10, 0, 0, 60_000_000, time.UTC), &found)
	if err != nil {
		t.Fatal(err)
	}
	got, _ := json.Marshal(found)
	want := `{"attempts":5,"acked":0,"rows":0,"missing":0,"missing_seqs":null,"longest_gap_s":1.5,` +
		`"gaps":[{"from":"2026-11-22T10:00:00.050000Z","to":"2026-11-22T10:00:01.550000Z","s":1.5},` +
		`{"from":"2026-11-22T10:00:01.550000Z","to":"2026-11-22T10:00:01.900000Z","s":0.35}],` +
		`"first_ok_after":"2026-11-22T10:00:01.550000Z","writable":""}`
	if string(got) != want || len(acked) != 4 {
		t.Errorf("%d acknowledged, found\n%s\nwant 4 and\n%s", len(acked), got, want)
	}
}

func TestMistakesInTheCall(t *testing.T) {
	for _, args := range [][]string{{}, {"--to", "tokyo"}, {"--to", "tokyo=http://x"}, {"--to", "tokyo=postgres://x", "--every", "0s"}, {"--to", "tokyo=postgres://x", "more"}, {"--nonsense"}} {
		var talk strings.Builder
		if code := realMain(args, strings.NewReader(""), &strings.Builder{}, &talk); code != exitUsage || talk.Len() == 0 {
			t.Errorf("%q: exit code %d and %q, want %d and the way out", args, code, talk.String(), exitUsage)
		}
	}
}
