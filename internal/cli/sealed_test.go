package cli

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	"golang.org/x/mod/sumdb/note"

	"github.com/muster-dr/muster/internal/evidence/example"
	"github.com/muster-dr/muster/internal/evidence/keep"
	"github.com/muster-dr/muster/internal/journal"
	"github.com/muster-dr/muster/internal/run"
	"github.com/muster-dr/muster/internal/tsatest"
)

// script is a script as an authority's test.
type script struct{ *testscript.TestScript }

func (s script) Helper()           {}
func (s script) Fatal(args ...any) { s.Fatalf("%s", fmt.Sprint(args...)) }
func (s script) Cleanup(do func()) { s.Defer(do) }
func (s script) TempDir() string {
	dir := s.MkAbs(fmt.Sprintf("tsa-%d", time.Now().UnixNano()))
	s.Check(os.MkdirAll(dir, 0o700))
	return dir
}

// sealed puts a run's bundle, its key and some others into a folder: sealed DIR.
func sealed(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: sealed DIR")
	}
	ts.Check(func() error {
		dir, elsewhere := ts.MkAbs(args[0]), ts.MkAbs("server")
		ctx := context.Background()
		store, err := journal.Open(ctx, "sqlite:"+elsewhere+"/journal.db")
		if err != nil {
			return err
		}
		defer store.Close()
		p, err := example.Plan(3)
		if err != nil {
			return err
		}
		authority := tsatest.Start(script{ts}, tsatest.Options{})
		stamps, err := keep.NewAuthority(keep.AuthorityOptions{URLs: []string{authority.URL}, Certificates: authority.Certificates(), Every: 24 * time.Hour})
		if err != nil {
			return err
		}
		k := keep.New(keep.Options{Dir: elsewhere + "/seal", Attachments: elsewhere, Store: store, Version: Version(), Stamps: stamps})
		defer k.Close()
		if err := errors.Join(store.PutPlan(ctx, p), store.Append(ctx, example.Events("tokyo-loss-1", run.Drill, p)), k.Round(ctx)); err != nil {
			return err
		}
		b, err := k.Bundle(ctx, "tokyo-loss-1", keep.BundleOptions{})
		if err != nil {
			return err
		}
		earlier, err := k.Log(ctx, 0)
		if err != nil {
			return err
		}
		// One that no report can be made of, and one that another version has sealed.
		broken := run.Event{Run: "tokyo-loss-2", Writer: "orders/failover", Seq: 100, At: time.Now().UTC(), Kind: run.StepEnded, By: run.Engine, Data: json.RawMessage(`"broken"`)}
		if err := errors.Join(store.Append(ctx, append(example.Events("tokyo-loss-2", run.Drill, p), broken)), k.Round(ctx)); err != nil {
			return err
		}
		unreported, err := k.Bundle(ctx, "tokyo-loss-2", keep.BundleOptions{})
		if err != nil {
			return err
		}
		public, _, err := keep.PublicKey(elsewhere + "/seal")
		if err != nil {
			return err
		}
		later, err := k.Log(ctx, 0)
		if err != nil {
			return err
		}
		k.Close()
		older := keep.New(keep.Options{Dir: elsewhere + "/seal", Attachments: elsewhere, Store: store, Version: "0.0.1"})
		defer older.Close()
		if err := errors.Join(store.Append(ctx, example.Events("tokyo-loss-3", run.Drill, p)), older.Round(ctx)); err != nil {
			return err
		}
		old, err := older.Bundle(ctx, "tokyo-loss-3", keep.BundleOptions{})
		if err != nil {
			return err
		}
		_, foreign, err := note.GenerateKey(rand.Reader, "muster-evidence-0000beef")
		if err != nil {
			return err
		}
		for name, content := range map[string][]byte{"run.zip": b, "cut.zip": b[:len(b)/2], "unreported.zip": unreported, "old.zip": old, "key.pub": []byte(public + "\n"), "foreign.pub": []byte(foreign + "\n"),
			"log.zip": earlier, "later.zip": later, "tsa.pem": authority.CA, "other.pem": tsatest.Start(script{ts}, tsatest.Options{Name: "Another authority"}).CA} {
			if err := os.WriteFile(dir+"/"+name, content, 0o600); err != nil {
				return err
			}
		}
		return os.RemoveAll(elsewhere)
	}())
}
