package demo

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/muster-dr/muster/internal/api"
	"github.com/muster-dr/muster/internal/child"
	"github.com/muster-dr/muster/internal/freeport"
	"github.com/muster-dr/muster/internal/i18n"
)

// startWithin bounds the start of `muster up`.
const startWithin = 60 * time.Second

// server is `muster up` as a process of its own, so that killing it is real. When it is
// killed it is started again: the drill goes on where it was.
type server struct {
	demo    *demo
	address string
	token   string
	env     []string // more than what the process is given anyway

	mu       sync.Mutex
	process  *child.Process
	stopping bool
	watched  chan struct{} // closed when nobody watches it any more
}

// startServer starts `muster up` on the demo's folder and waits until it answers.
func (d *demo) startServer(ctx context.Context) (*server, error) {
	s, err := d.configure()
	if err != nil {
		return nil, err
	}
	if s.process, err = s.launch(); err != nil {
		return nil, err
	}
	if err := s.await(ctx); err != nil {
		close(s.watched)
		return s, err
	}
	go s.watch()
	return s, nil
}

// configure writes the server's settings; every launch then finds it at one address.
func (d *demo) configure() (*server, error) {
	port, err := freeport.Get()
	if err != nil {
		return nil, err
	}
	s := &server{demo: d, address: fmt.Sprintf("127.0.0.1:%d", port), watched: make(chan struct{})}
	settings := fmt.Sprintf("# Made by `muster demo`: MUSTER_CONFIG=%s muster drill list\ndata: %q\nplans: %q\nlisten: %q\nperson: %q\nlang: %q\n",
		d.path(Settings), d.dir, d.path(plansDir), s.address, d.person, d.Lang)
	if err := os.WriteFile(d.path(Settings), []byte(settings), 0o644); err != nil {
		return nil, err
	}
	return s, nil
}

func (s *server) launch() (*child.Process, error) {
	d := s.demo
	// Settings of the person's own must not reach the demo's server.
	var env []string
	for _, v := range os.Environ() {
		if !strings.HasPrefix(v, "MUSTER_") {
			env = append(env, v)
		}
	}
	env = append(append(env, "MUSTER_CONFIG="+d.path(Settings)), s.env...)
	return child.Start("muster up", d.path(ServerLog), d.Binary, env, "up")
}

// await waits until the server answers, and reads its token.
func (s *server) await(ctx context.Context) error {
	ctx, cancel := context.WithTimeoutCause(ctx, startWithin, errors.New(s.demo.Lang.T("muster up did not answer at http://%s within %s; see %s", "muster up が http://%s で%s以内に応答しませんでした。%s を確認してください", s.address, s.demo.Lang.Span(startWithin.Seconds()), s.process.Log)))
	defer cancel()
	c := api.Connect("http://"+s.address, "", string(s.demo.Lang))
	defer c.Close()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		h, err := c.Health(ctx)
		if err == nil && h.OK {
			b, err := os.ReadFile(s.demo.path("token"))
			s.token = strings.TrimSpace(string(b))
			return err
		}
		select {
		case <-s.process.Done:
			return s.process.Failure()
		case <-ctx.Done():
			return errors.Join(context.Cause(ctx), err)
		case <-tick.C:
		}
	}
}

// watch starts the server again when somebody kills it, as a service manager does. One
// that ends by itself with an error soon after its start is left to the person.
func (s *server) watch() {
	defer close(s.watched)
	for began := time.Now(); ; began = time.Now() {
		<-s.process.Done
		s.mu.Lock()
		if s.stopping || time.Since(began) < time.Second {
			s.mu.Unlock()
			return
		}
		s.demo.say("muster up was ended from outside (%v): starting it again, the drill goes on", "muster up が外部から停止されました（%v）。再起動します。訓練は継続します", s.process.Err)
		p, err := s.launch()
		if err != nil {
			s.demo.say("it can't be started again: %v", "再起動できません: %v", err)
			s.mu.Unlock()
			return
		}
		s.process = p
		s.mu.Unlock()
	}
}

// whileUp is a context that ends, with the reason, when the server is gone for good.
func (s *server) whileUp(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancelCause(ctx)
	go func() {
		select {
		case <-s.watched:
			s.mu.Lock()
			defer s.mu.Unlock()
			cancel(s.process.Failure())
		case <-ctx.Done():
		}
	}()
	return ctx, func() { cancel(context.Canceled) }
}

func (s *server) client(l i18n.Lang) *api.Client {
	return api.Connect("http://"+s.address, s.token, string(l))
}

func (s *server) stop(ctx context.Context) error {
	s.mu.Lock()
	s.stopping = true
	p := s.process
	s.mu.Unlock()
	var err error
	if p != nil {
		err = p.End(ctx)
		<-s.watched
	}
	return err
}
