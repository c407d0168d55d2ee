package pgcluster

import (
	"context"
	"fmt"
	"os"
)

// Single is a server that nobody follows.
type Single struct {
	*Instance
	User         string // superuser
	Password     string
	PasswordFile string
}

// CreateOne makes a server alone and starts it; its name is PrimaryName. What holds for Create
// holds for it.
func CreateOne(ctx context.Context, o Options) (*Single, error) {
	p, err := Locate(o)
	if err != nil {
		return nil, err
	}
	if left, err := os.ReadDir(p.Dir); err == nil && len(left) > 0 {
		return nil, fmt.Errorf("create a PostgreSQL server in %s: the directory is not empty; name another one or remove it", p.Dir)
	}
	if err := p.initialise(ctx, o, p.Primary); err != nil {
		_, _ = p.Primary.Kill(context.WithoutCancel(ctx))
		return nil, fmt.Errorf("create a PostgreSQL server in %s: %w", p.Dir, err)
	}
	return &Single{Instance: p.Primary, User: p.User, Password: p.Password, PasswordFile: p.PasswordFile}, nil
}
