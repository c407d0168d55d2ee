package keep

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/muster-dr/muster/internal/evidence"
)

// A server that ends while something is being sealed ends: the log's library answers nothing
// once its context is over, and the server waited for it for ever. What had begun is in. Not beside the other tests:
// it counts milliseconds.
func TestAnEndDuringAnAppendIsAnEnd(t *testing.T) {
	dir := t.TempDir()
	k, err := loadKey(dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Join(dir, dirLog), 0o700); err != nil {
		t.Fatal(err)
	}
	l, err := openLedger(t.Context(), dir, k)
	if err != nil {
		t.Fatal(err)
	}
	for after := range 12 { // the library gathers entries for 20 ms
		ctx, cancel := context.WithCancel(t.Context())
		time.AfterFunc(time.Duration(2*after)*time.Millisecond, cancel)
		ended := make(chan error, 1)
		go func() { ended <- l.append(ctx, evidence.Entry{Kind: evidence.EntryHeld, Run: "tokyo-loss-1"}) }()
		select {
		case err := <-ended:
			if err != nil && !errors.Is(err, context.Canceled) {
				t.Error(err)
			}
		case <-time.After(20 * time.Second):
			t.Fatalf("ended after %d ms, and still being appended 20 s later", 2*after)
		}
		cancel()
		again, err := openLedger(t.Context(), dir, k)
		if err != nil {
			t.Fatal(err)
		}
		l = again
	}
}
