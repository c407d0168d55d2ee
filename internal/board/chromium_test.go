package board_test

import (
	"context"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"

	"github.com/muster-dr/muster/internal/temporaltest"
)

// within bounds whatever a test waits for.
const within = 5 * time.Minute

var chromium struct {
	once sync.Once
	ctx  context.Context
	stop func()
	err  error
}

func TestMain(m *testing.M) {
	code := m.Run()
	if chromium.stop != nil {
		chromium.stop()
	}
	temporaltest.Stop()
	os.Exit(code)
}

// tab is a page in a real browser, with cookies of its own.
type tab struct {
	t   *testing.T
	ctx context.Context
	url string // of the board
	end func()
}

// close ends the tab before the test does.
func (b *tab) close() { b.end() }

// chromiumBrowser starts one browser for all tests of the package.
func chromiumBrowser(t *testing.T) context.Context {
	t.Helper()
	chromium.once.Do(func() {
		path, err := exec.LookPath("chromium-headless-shell") // without windows to keep up: a fraction of the work
		if err != nil {
			path, err = exec.LookPath("chromium")
		}
		if err != nil {
			chromium.err = err
			return
		}
		options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(path), chromedp.NoSandbox, chromedp.Flag("hide-scrollbars", true),
			chromedp.Flag("disable-dev-shm-usage", true), chromedp.Flag("font-render-hinting", "none"),
			chromedp.WSURLReadTimeout(3*time.Minute),            // a start on a busy machine
			chromedp.Flag("force-prefers-reduced-motion", true)) // else every open page is drawn sixty times a second
		alloc, stopAlloc := chromedp.NewExecAllocator(context.Background(), options...)
		ctx, stop := chromedp.NewContext(alloc)
		chromium.ctx, chromium.stop = ctx, func() { stop(); stopAlloc() }
		chromium.err = chromedp.Do(ctx)
	})
	if chromium.err != nil {
		t.Fatalf("the tests need Chromium (Debian's package chromium-headless-shell, or chromium): %v", chromium.err)
	}
	return chromium.ctx
}

// open is a fresh tab of somebody who reads lang.
func open(t *testing.T, url, lang string) *tab {
	t.Helper()
	ctx, stop := chromedp.NewContext(chromiumBrowser(t), chromedp.WithNewBrowserContext())
	ctx, cancel := context.WithTimeout(ctx, 30*time.Minute)
	b := &tab{t: t, ctx: ctx, url: url, end: sync.OnceFunc(func() { cancel(); stop() })}
	t.Cleanup(b.end)
	call(b, network.Enable, network.EnableParams{})
	call(b, network.SetExtraHTTPHeaders, network.SetExtraHTTPHeadersParams{Headers: network.Headers{"Accept-Language": lang}})
	b.size(1440, 900, false)
	return b
}

// call sends a command to the browser.
func call[P, R any](b *tab, cmd cdp.Command[P, R], params P) R {
	b.t.Helper()
	out, err := chromedp.Call(b.ctx, cmd, params)
	if err != nil {
		b.t.Fatalf("the browser refuses: %v", err)
	}
	return out
}

func (b *tab) run(steps ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, within)
	defer cancel()
	err := chromedp.Do(ctx, steps...)
	// What was looked at was replaced by something newer: people look again.
	for err != nil && ctx.Err() == nil && (strings.Contains(err.Error(), "find node") || strings.Contains(err.Error(), "belong to the document")) {
		err = chromedp.Do(ctx, steps...)
	}
	if err != nil {
		b.t.Fatalf("in the browser: %v; it shows:\n%s", err, b.text())
	}
}

// value is what an expression of the page comes to.
func value[T any](b *tab, expression string) T {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, within)
	defer cancel()
	v, err := chromedp.Run(ctx, chromedp.Evaluate[T](expression))
	if err != nil {
		b.t.Fatalf("%s: %v", expression, err)
	}
	return v
}

func (b *tab) size(w, h int64, phone bool) {
	b.t.Helper()
	call(b, emulation.SetDeviceMetricsOverride, emulation.SetDeviceMetricsOverrideParams{Width: w, Height: h, DeviceScaleFactor: 1, Mobile: phone})
}

// to goes to a page and waits until it is there.
func (b *tab) to(path string) {
	b.t.Helper()
	b.run(chromedp.Navigate(b.url+path), chromedp.WaitReady(chromedp.CSS("main")))
}

// text is what the page says, for failures.
func (b *tab) text() string {
	ctx, cancel := context.WithTimeout(b.ctx, 5*time.Second)
	defer cancel()
	s, _ := chromedp.Run(ctx, chromedp.Text("body"))
	return s
}

// until waits for an expression of the page to hold.
func (b *tab) until(expression string) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, within)
	defer cancel()
	for {
		if ok, err := chromedp.Run(ctx, chromedp.Evaluate[bool](expression)); err == nil && ok {
			return
		}
		select {
		case <-ctx.Done():
			b.t.Fatalf("not within %s: %s; the page says:\n%s", within, expression, b.text())
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// says waits for a text.
func (b *tab) says(text string) {
	b.t.Helper()
	b.until("!!document.body && document.body.innerText.includes(" + quote(text) + ")")
}

func quote(s string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`).Replace(s) + `"`
}

// signIn signs in by the page, with a personal token.
func (b *tab) signIn(token string) {
	b.t.Helper()
	b.to("/login")
	b.run(chromedp.SendKeys(chromedp.CSS("#token"), token), chromedp.Submit(chromedp.CSS("#token")), chromedp.WaitVisible(chromedp.CSS("nav")))
}

// press clicks what matches.
func (b *tab) press(selector string) {
	b.t.Helper()
	s := chromedp.CSS(selector)
	b.run(chromedp.WaitVisible(s), chromedp.ScrollIntoView(s), chromedp.Click(s))
}
