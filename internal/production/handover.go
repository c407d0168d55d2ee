package production

import (
	"context"
	"fmt"
	"slices"
	"syscall"
)

// Service is a part as a service manager is given it.
type Service struct {
	Part Part
	Dir  string
	Argv []string
	Env  []string
	As   *syscall.Credential // nil is whoever set the installation up
}

// HandOver ends the parts and has a service manager start and keep them from then on; whoever gave
// it that ends them. What only watches the installation stays as it is.
func (i *Installation) HandOver(ctx context.Context, begin func(context.Context, Service) error) error {
	i.mu.Lock()
	var given, kept []*part
	for _, p := range i.parts {
		if p.name == Prometheus {
			kept = append(kept, p)
		} else {
			given = append(given, p)
		}
	}
	i.parts = kept
	i.mu.Unlock()
	services := make([]Service, len(given))
	for n, p := range slices.Backward(given) {
		p.mu.Lock()
		cmd := p.process.Cmd
		p.mu.Unlock()
		services[n] = Service{Part: p.name, Dir: cmd.Dir, Argv: append([]string{cmd.Path}, cmd.Args[1:]...), Env: cmd.Env, As: cmd.SysProcAttr.Credential}
		if err := p.stop(ctx); err != nil {
			return fmt.Errorf("hand over %s: %w", p.name, err)
		}
	}
	for _, s := range services {
		if err := begin(ctx, s); err != nil {
			return fmt.Errorf("hand over %s: %w", s.Part, err)
		}
	}
	return nil
}
