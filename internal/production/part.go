package production

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"syscall"
	"time"

	"github.com/muster-dr/muster/internal/child"
)

// A part that ends is started again after a moment, as a service manager does it. One that does
// not stay up for settled within patience is given up.
const (
	restartAfter = 200 * time.Millisecond
	settled      = 2 * time.Second
	patience     = 90 * time.Second
)

// part is a process that is kept running.
type part struct {
	name   Part
	launch func() (*child.Process, error)
	// answers reports whether the part does its work now.
	answers func(context.Context) error
	killAll func(context.Context) error // ends what is in no group of its process; nil is nothing
	end     func(context.Context) error // asks it to end; nil asks by SIGTERM
	lost    func(error)
	say     func(en, ja string, args ...any)

	mu       sync.Mutex
	process  *child.Process
	starts   int
	stopping bool
	watched  chan struct{}
}

// begin starts the part and waits until it answers.
func (i *Installation) begin(ctx context.Context, p *part) error {
	var err error
	p.lost, p.say, p.watched = i.lost, i.Say, make(chan struct{})
	if p.process, err = p.launch(); err != nil {
		return err
	}
	p.starts = 1
	i.mu.Lock()
	i.parts = append(i.parts, p)
	i.mu.Unlock()
	go p.watch()
	return p.back(ctx)
}

// watch starts the part again whenever it ends.
func (p *part) watch() {
	defer close(p.watched)
	trouble := time.Time{} // since when it does not stay up
	for {
		p.mu.Lock()
		now := p.process
		p.mu.Unlock()
		began := time.Now()
		<-now.Done
		if p.isStopping() {
			return
		}
		switch {
		case time.Since(began) > settled:
			trouble = time.Time{}
			p.say("%s was ended (%v): it is started again", "%s が停止しました（%v）。再起動します", p.name, now.Err)
		case trouble.IsZero():
			trouble = began
		case time.Since(trouble) > patience:
			p.lost(now.Failure())
			return
		}
		time.Sleep(restartAfter)
		p.mu.Lock()
		if p.stopping {
			p.mu.Unlock()
			return
		}
		next, err := p.launch()
		if err == nil {
			p.process = next
			p.starts++
		}
		p.mu.Unlock()
		if err != nil {
			p.lost(fmt.Errorf("start %s again: %w", p.name, err))
			return
		}
	}
}

// back waits until the part answers.
func (p *part) back(ctx context.Context) error {
	ctx, cancel := context.WithTimeoutCause(ctx, patience, fmt.Errorf("%s does not answer within %v", p.name, patience))
	defer cancel()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		err := p.answers(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-p.watched:
			return fmt.Errorf("%s is down: %w", p.name, p.process.Failure())
		case <-ctx.Done():
			p.mu.Lock()
			log := p.process.Log
			p.mu.Unlock()
			return fmt.Errorf("%w: %w; see %s", context.Cause(ctx), err, log)
		case <-tick.C:
		}
	}
}

// kill ends the whole group of the part's process at once and waits for it.
func (p *part) kill(ctx context.Context) error {
	p.mu.Lock()
	now := p.process
	p.mu.Unlock()
	if p.killAll != nil {
		if err := p.killAll(ctx); err != nil {
			return err
		}
	}
	if err := syscall.Kill(-now.Cmd.Process.Pid, syscall.SIGKILL); err != nil && !errors.Is(err, syscall.ESRCH) {
		return fmt.Errorf("kill %s: %w", p.name, err)
	}
	select {
	case <-now.Done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (p *part) isStopping() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.stopping
}

// pid is the process of the part now.
func (p *part) pid() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.process.Cmd.Process.Pid
}

func (p *part) stop(ctx context.Context) error {
	p.mu.Lock()
	p.stopping = true
	now := p.process
	p.mu.Unlock()
	var err error
	if p.end != nil {
		err = p.end(ctx)
	}
	err = errors.Join(err, now.End(ctx))
	<-p.watched
	return err
}
