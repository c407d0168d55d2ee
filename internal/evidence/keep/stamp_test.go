package keep

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/muster-dr/muster/internal/evidence"
	"github.com/muster-dr/muster/internal/run"
	"github.com/muster-dr/muster/internal/tsatest"
	"github.com/muster-dr/muster/internal/waittest"
)

// stamped is a world whose log is stamped by a real authority, on today's clock.
func stamped(t *testing.T, a *tsatest.Authority, change func(*AuthorityOptions)) *world {
	t.Helper()
	o := AuthorityOptions{URLs: []string{a.URL}, Certificates: a.Certificates(), Every: 24 * time.Hour}
	if change != nil {
		change(&o)
	}
	authority, err := NewAuthority(o)
	if err != nil {
		t.Fatal(err)
	}
	w := newWorld(t, func(o *Options) { o.Stamps = authority })
	w.now = time.Now()
	return w
}

func (w *world) verifyStamped(b []byte, a *tsatest.Authority) evidence.Result {
	w.t.Helper()
	return evidence.Verify(b, evidence.Options{Keys: []string{w.key()}, Authorities: a.Certificates(), Version: "test", Now: time.Now()})
}

func (w *world) count(k evidence.EntryKind) int {
	n := 0
	for _, x := range w.kinds("") {
		if x == k {
			n++
		}
	}
	return n
}

func says(r evidence.Result, code evidence.Code, words string) bool {
	return !r.Sound && slices.ContainsFunc(r.Findings, func(f evidence.Finding) bool {
		return f.Code == code && strings.Contains(f.EN, words) && f.JA != "" && f.JA != f.EN
	})
}

// What is sealed gets a time stamp of an outside authority, which a bundle carries and anybody checks,
// offline, with muster or with openssl alone.
func TestWhatIsSealedIsStamped(t *testing.T) {
	t.Parallel()
	a := tsatest.Start(t, tsatest.Options{User: "muster", Password: "s3cret"})
	w := stamped(t, a, func(o *AuthorityOptions) {
		o.User, o.Password = "muster", func(context.Context) (string, error) { return "s3cret", nil }
	})
	w.ended("tokyo-loss-1", run.Drill)
	w.round()
	if !w.k.stamp(t.Context()) {
		t.Fatal("no stamp:", w.k.Status().Stamps.Trouble)
	}
	b := w.bundle("tokyo-loss-1", BundleOptions{})
	r := w.verifyStamped(b, a)
	if !r.Sound || len(r.Stamps) != 1 || len(r.Unstamped) > 0 {
		t.Fatalf("sound %v, stamps %v, findings %v", r.Sound, r.Stamps, r.Findings)
	}
	s := r.Stamps[0]
	if !s.Trusted || s.Policy != tsatest.Policy || s.AccuracyS == nil || *s.AccuracyS != 1.5 || !slices.Equal(s.Parts, []int{1}) || !strings.Contains(s.Authority, "Test time stamps") || time.Since(s.At).Abs() > time.Minute {
		t.Errorf("the stamp says %+v", s)
	}
	st := w.k.Status().Stamps
	if st.Waiting != 0 || st.Due != nil || st.Trouble != nil || st.At == nil {
		t.Errorf("status %+v", st)
	}
	// Without the authority's certificate the digest, nonce and signature still count, and it says so.
	if bare := w.verify(b); !bare.Sound || len(bare.Stamps) != 1 || bare.Stamps[0].Trusted || !slices.ContainsFunc(bare.Notes, func(n evidence.Note) bool { return strings.Contains(n.EN, "--tsa-ca") }) {
		t.Errorf("without the authority: %+v %v", bare.Stamps, bare.Notes)
	}
	opensslAccepts(t, b, a)
}

// opensslAccepts follows README.txt: a time stamp by hand.
func opensslAccepts(t *testing.T, bundle []byte, a *tsatest.Authority) {
	t.Helper()
	files, _, err := evidence.Read(bundle)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for name, b := range files {
		if strings.HasPrefix(name, evidence.DirStamps) {
			if err := os.WriteFile(filepath.Join(dir, filepath.Base(name)), b, 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "ca.pem"), a.CA, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{
		{"ts", "-verify", "-data", "checkpoint", "-in", "answer.tsr", "-CAfile", "ca.pem"},
		{"ts", "-verify", "-queryfile", "request.tsq", "-in", "answer.tsr", "-CAfile", "ca.pem"},
		{"ts", "-verify", "-data", "checkpoint", "-in", "answer.tsr", "-CAfile", "ca.pem", "-attime", strconv.FormatInt(time.Now().Add(time.Hour).Unix(), 10)},
	} {
		cmd := exec.Command("openssl", args...)
		cmd.Dir = dir
		if out, err := cmd.CombinedOutput(); err != nil || !strings.Contains(string(out), "Verification: OK") {
			t.Errorf("openssl %s: %v: %s", strings.Join(args, " "), err, out)
		}
	}
}

// An authority that is away, lies, or answers something else holds up nothing: runs are sealed, it
// is asked again, and the stamp that comes in the end says how late it is.
func TestAnAuthorityThatCanNotBeReliedOnHoldsNothingUp(t *testing.T) {
	t.Parallel()
	foreign := tsatest.Start(t, tsatest.Options{Name: "Another authority"})
	ended := tsatest.Start(t, tsatest.Options{Name: "Ended authority", NotAfter: time.Now().Add(-24 * time.Hour)})
	for name, c := range map[string]struct {
		change func(*AuthorityOptions)
		lie    tsatest.Lie
		off    time.Duration // of this server's clock
		want   string
	}{
		"away":           {lie: tsatest.Away, want: "HTTP 503"},
		"another page":   {lie: tsatest.Page, want: "no time stamp"},
		"wrong digest":   {lie: tsatest.WrongDigest, want: "time stamp of something else"},
		"wrong nonce":    {lie: tsatest.WrongNonce, want: "its nonce is"},
		"altered":        {lie: tsatest.Altered, want: "does not hold"},
		"old":            {off: time.Hour, want: "the stamp is old, or one of the clocks is wrong"},
		"wrong policy":   {lie: tsatest.OtherPolicy, change: func(o *AuthorityOptions) { o.Policy = tsatest.Policy }, want: "its policy is 1.2.392.99999.2"},
		"policy refused": {change: func(o *AuthorityOptions) { o.Policy = "1.2.3.4.5.6" }, want: "the authority refused"},
		"another's":      {change: func(o *AuthorityOptions) { o.URLs = []string{foreign.URL} }, want: "leads to none of the authorities"},
		"ended":          {change: func(o *AuthorityOptions) { o.URLs, o.Certificates = []string{ended.URL}, ended.Certificates() }, want: "is valid from"},
		"wrong password": {change: func(o *AuthorityOptions) {
			o.User, o.Password = "muster", func(context.Context) (string, error) { return "hunter2", nil }
		}, want: "refuses user and password"},
		"nobody is there": {change: func(o *AuthorityOptions) { o.URLs = []string{"http://127.0.0.1:1/tsa"} }, want: "127.0.0.1:1: not reached"},
	} {
		t.Run(name, func(t *testing.T) {
			a := tsatest.Start(t, tsatest.Options{})
			a.Lies(c.lie)
			w := stamped(t, a, c.change)
			w.pass(c.off)
			w.ended("tokyo-loss-1", run.Drill)
			w.round()
			if w.k.stamp(t.Context()) {
				t.Fatal("it was taken")
			}
			st := w.k.Status()
			if st.Sealed != 1 || st.Stamps.Trouble == nil || !strings.Contains(st.Stamps.Trouble.EN, c.want) || st.Stamps.Trouble.JA == st.Stamps.Trouble.EN {
				t.Fatalf("sealed %d, trouble %+v, want %q", st.Sealed, st.Stamps.Trouble, c.want)
			}
			if strings.Contains(st.Stamps.Trouble.EN, "hunter2") {
				t.Error("the trouble names the password")
			}
			if n := w.count(evidence.EntryStamped); n != 0 {
				t.Errorf("the log names %d stamps", n)
			}
			if r := w.verify(w.bundle("tokyo-loss-1", BundleOptions{})); !r.Sound {
				t.Errorf("the bundle: %v", r.Findings)
			}
		})
	}
}

func TestALateStampSaysHowLate(t *testing.T) {
	t.Parallel()
	a := tsatest.Start(t, tsatest.Options{})
	a.Lies(tsatest.Away)
	w := stamped(t, a, nil)
	w.pass(-3 * time.Hour)
	w.ended("tokyo-loss-1", run.Drill)
	w.round()
	w.k.stamp(t.Context())
	asked := a.Asked()
	w.k.stamp(t.Context())
	if a.Asked() != asked {
		t.Error("it was asked again at once")
	}
	w.pass(3 * time.Hour)
	if st := w.k.Status().Stamps; st.Waiting == 0 || st.Due == nil || w.clock().Sub(*st.Due) < 2*time.Hour || st.Since == nil {
		t.Errorf("while it is away: %+v", st)
	}
	a.Lies(tsatest.Honest)
	if !w.k.stamp(t.Context()) {
		t.Fatal(w.k.Status().Stamps.Trouble)
	}
	r := w.verifyStamped(w.bundle("tokyo-loss-1", BundleOptions{}), a)
	if !r.Sound || len(r.Stamps) != 1 || r.Stamps[0].GapS < 3*3600-60 || r.Stamps[0].GapS > 3*3600+600 {
		t.Errorf("%v %+v", r.Findings, r.Stamps)
	}
}

// Nothing new asks for no stamp: neither a stamp's own entry nor an arrival elsewhere does. What is new
// waits for the interval, and each part has the earliest stamp over it.
func TestStampsComeWhenThereIsSomethingToStamp(t *testing.T) {
	t.Parallel()
	a := tsatest.Start(t, tsatest.Options{})
	w := stamped(t, a, nil)
	w.k.places = []*placeState{{place: Folder{t.TempDir()}}}
	events := w.ended("tokyo-loss-1", run.Drill)
	w.round()
	w.k.stamp(t.Context())
	w.k.deliver(t.Context())
	w.pass(48 * time.Hour)
	w.k.stamp(t.Context())
	if n := w.count(evidence.EntryStamped); n != 1 {
		t.Fatalf("%d stamps of one thing", n)
	}
	w.pass(-48 * time.Hour)
	w.remark("tokyo-loss-1", events)
	w.k.stamp(t.Context())
	if st := w.k.Status().Stamps; w.count(evidence.EntryStamped) != 1 || st.Waiting != 1 || st.Due.Sub(*st.At) != 24*time.Hour {
		t.Fatalf("before the interval is over: %+v", st)
	}
	r := w.verifyStamped(w.bundle("tokyo-loss-1", BundleOptions{}), a)
	if !r.Sound || !slices.Equal(r.Unstamped, []int{2}) {
		t.Errorf("unstamped %v, findings %v", r.Unstamped, r.Findings)
	}
	// A day later, by a clock that the authority's agrees with.
	w.k.index.stamps[0].At = w.clock().Add(-24 * time.Hour)
	w.k.stamp(t.Context())
	if n := w.count(evidence.EntryStamped); n != 2 {
		t.Fatalf("%d stamps, want 2: %+v", n, w.k.Status().Stamps.Trouble)
	}
	r = w.verifyStamped(w.bundle("tokyo-loss-1", BundleOptions{}), a)
	if !r.Sound || len(r.Stamps) != 2 || len(r.Unstamped) > 0 || !slices.Equal(r.Stamps[0].Parts, []int{1}) || !slices.Equal(r.Stamps[1].Parts, []int{2}) {
		t.Errorf("%+v, unstamped %v, findings %v", r.Stamps, r.Unstamped, r.Findings)
	}
}

// A bundle whose stamps were exchanged, altered or taken out is told from one that has its own.
func TestForgedStampsAreRejected(t *testing.T) {
	t.Parallel()
	a, foreign := tsatest.Start(t, tsatest.Options{}), tsatest.Start(t, tsatest.Options{Name: "Another authority"})
	w := stamped(t, a, nil)
	w.ended("tokyo-loss-1", run.Drill)
	w.round()
	w.k.stamp(t.Context())
	files, _, err := evidence.Read(w.bundle("tokyo-loss-1", BundleOptions{}))
	if err != nil {
		t.Fatal(err)
	}
	dir := ""
	for name := range files {
		if strings.HasSuffix(name, "/"+stampAnswer) {
			dir = strings.TrimSuffix(name, stampAnswer)
		}
	}
	other := stamped(t, a, nil)
	other.ended("tokyo-loss-1", run.Drill)
	other.round()
	other.k.stamp(t.Context())
	others, err := other.k.readStamp(other.k.index.stamps[0])
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		change func(map[string][]byte)
		words  string
	}{
		"another log's": {func(f map[string][]byte) {
			f[dir+stampCheckpoint], f[dir+stampRequest], f[dir+stampAnswer] = others.Checkpoint, others.Request, others.Answer
		}, "not of"},
		"another log's answer": {func(f map[string][]byte) { f[dir+stampAnswer] = others.Answer }, "time stamp of something else"},
		"one bit of the answer": {func(f map[string][]byte) {
			b := bytes.Clone(f[dir+stampAnswer])
			b[len(b)-8] ^= 1
			f[dir+stampAnswer] = b
		}, "does not hold"},
		"a rewritten checkpoint": {func(f map[string][]byte) {
			f[dir+stampCheckpoint] = bytes.Replace(f[dir+stampCheckpoint], []byte("\n2\n"), []byte("\n1\n"), 1)
		}, "not of"},
		"no proof": {func(f map[string][]byte) {
			var p evidence.Proofs
			_ = json.Unmarshal(f[evidence.FileProofs], &p)
			p.Stamps = nil
			f[evidence.FileProofs], _ = json.Marshal(p)
		}, "no proof shows"},
		"no answer": {func(f map[string][]byte) { delete(f, dir+stampAnswer) }, "is missing"},
	} {
		t.Run(name, func(t *testing.T) {
			f := map[string][]byte{}
			for n, b := range files {
				f[n] = b
			}
			c.change(f)
			b, err := evidence.Write(f)
			if err != nil {
				t.Fatal(err)
			}
			r := w.verifyStamped(b, a)
			if !says(r, evidence.CodeStamp, c.words) && !says(r, evidence.CodeMissing, c.words) {
				t.Errorf("not rejected with %q: %v", c.words, r.Findings)
			}
		})
	}
	t.Run("an authority that nobody gave", func(t *testing.T) {
		b, _ := evidence.Write(files)
		if r := w.verifyStamped(b, foreign); !says(r, evidence.CodeStamp, "leads to none of the authorities") {
			t.Error(r.Findings)
		}
	})
	t.Run("taken out", func(t *testing.T) {
		f := map[string][]byte{}
		for n, b := range files {
			if !strings.HasPrefix(n, dir) {
				f[n] = b
			}
		}
		b, _ := evidence.Write(f)
		if r := w.verifyStamped(b, a); !slices.Equal(r.Unstamped, []int{1}) {
			t.Errorf("unstamped %v", r.Unstamped)
		}
	})
}

// The stamp that comes after a bundle has arrived elsewhere follows it there, with what proves that it
// covers it: whoever has only that place has both.
func TestStampsArriveAtTheOtherPlaceToo(t *testing.T) {
	t.Parallel()
	a := tsatest.Start(t, tsatest.Options{})
	w := stamped(t, a, nil)
	place := Folder{t.TempDir()}
	w.k.places = []*placeState{{place: place}}
	w.ended("tokyo-loss-1", run.Drill)
	w.round()
	w.k.deliver(t.Context())
	w.k.stamp(t.Context())
	w.k.deliver(t.Context())
	w.k.deliver(t.Context())
	log := w.k.Status().Log
	there, err := filepath.Glob(filepath.Join(place.Dir, log, "*.zip"))
	if err != nil || len(there) != 2 {
		t.Fatal(there, err, w.k.Status().Places)
	}
	read := func(glob string) []byte {
		found, _ := filepath.Glob(filepath.Join(place.Dir, log, glob))
		if len(found) != 1 {
			t.Fatal(glob, found)
		}
		b, err := os.ReadFile(found[0])
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	r := evidence.Verify(read("tokyo-loss-1*"), evidence.Options{Keys: []string{w.key()}, Later: read("log-*"), Authorities: a.Certificates(), Version: "test"})
	if !r.Sound || r.Continued == nil || len(r.Stamps) != 1 || len(r.Unstamped) > 0 {
		t.Errorf("sound %v, continued %v, stamps %+v, unstamped %v, findings %v", r.Sound, r.Continued, r.Stamps, r.Unstamped, r.Findings)
	}
	if out, _ := filepath.Glob(filepath.Join(w.o.Dir, dirOutbox, "*")); len(out) != 0 {
		t.Errorf("left in the outbox: %v", out)
	}
}

// An authority that takes the question and says nothing keeps no run from being sealed.
func TestASilentAuthorityDoesNotKeepRunsFromBeingSealed(t *testing.T) {
	t.Parallel()
	a := tsatest.Start(t, tsatest.Options{})
	a.Lies(tsatest.Silent)
	w := stamped(t, a, nil)
	w.ended("tokyo-loss-1", run.Drill)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { defer close(done); w.k.Run(ctx) }()
	defer func() { cancel(); <-done }()
	until(t, "the authority to be asked", func() bool { return a.Asked() > 0 })
	w.ended("tokyo-loss-2", run.Drill)
	w.pass(time.Minute)
	w.k.Wake()
	until(t, "the second run to be sealed", func() bool { return w.k.Status().Sealed == 2 })
}

func until(t *testing.T, what string, holds func() bool) {
	t.Helper()
	waittest.Eventually(t, 60*time.Second, func() string {
		if holds() {
			return ""
		}
		return what
	})
}

// The daily look reads the log itself from the disk again: an entry, a hash or a time stamp that was
// altered or taken away is told, until it is put back.
func TestADamagedLogIsFoundByTheDailyLook(t *testing.T) {
	t.Parallel()
	a := tsatest.Start(t, tsatest.Options{})
	w := stamped(t, a, nil)
	w.ended("tokyo-loss-1", run.Drill)
	w.ended("tokyo-loss-2", run.Drill)
	w.round()
	w.k.stamp(t.Context())
	for _, c := range []struct{ glob, words string }{
		{"log/tile/entries/*", "evidence log"},
		{"log/tile/0/*", "prove entry"},
		{"log/checkpoint", "the checkpoint"},
		{"stamps/*/answer.tsr", "not the time stamp that the log speaks of"},
		{"stamps/*/checkpoint", "not that of the checkpoint"},
	} {
		var found []string
		under, err := filepath.Glob(filepath.Join(w.o.Dir, c.glob))
		if err != nil {
			t.Fatal(err)
		}
		for _, path := range under {
			_ = filepath.WalkDir(path, func(p string, d os.DirEntry, err error) error {
				if err == nil && d.Type().IsRegular() {
					found = append(found, p)
				}
				return err
			})
		}
		if len(found) == 0 {
			t.Fatal(c.glob, " is not there")
		}
		kept := map[string][]byte{}
		for _, path := range found {
			b, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			kept[path] = bytes.Clone(b)
			b[len(b)/2] ^= 1
			if err := os.WriteFile(path, b, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		w.pass(24 * time.Hour)
		w.round()
		if st := w.k.Status(); !strings.Contains(st.LogDamaged, c.words) || len(st.NotAsSealed()) != 1 {
			t.Errorf("%s: told %q", c.glob, st.LogDamaged)
		}
		for path, b := range kept {
			if err := os.WriteFile(path, b, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		w.pass(24 * time.Hour)
		w.round()
		if st := w.k.Status(); len(st.NotAsSealed()) != 0 {
			t.Errorf("%s, put back: %v", c.glob, st.NotAsSealed())
		}
	}
}
