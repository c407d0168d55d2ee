package app

import (
	"context"
	"errors"
	"log/slog"
	"sync"

	"github.com/muster-dr/muster/internal/config"
	"github.com/muster-dr/muster/internal/secret"
)

// vaults are this process's clients, one for each setting of vault, so that all its parts share a
// token of it.
var vaults sync.Map

// secrets resolves the references that the settings and the plans of this installation hold.
func secrets(c config.Config) secret.Resolver {
	if c.Vault.Address == "" {
		return secret.Stores{}
	}
	o := secret.VaultOptions{Address: c.Vault.Address, CAFile: c.Vault.CAFile, Namespace: c.Vault.Namespace, Auth: c.Vault.Auth, Mount: c.Vault.Mount, Token: c.Vault.Token,
		RoleID: c.Vault.RoleID, SecretID: c.Vault.SecretID, Role: c.Vault.Role, JWTFile: c.Vault.JWTFile, Cache: c.Vault.Cache}
	if known, ok := vaults.Load(o); ok {
		return known.(secret.Resolver)
	}
	v, err := secret.NewVault(o)
	if err != nil {
		return broken{err}
	}
	known, _ := vaults.LoadOrStore(o, secret.Stores{Vault: v})
	return known.(secret.Resolver)
}

// broken says at each use why there is no vault.
type broken struct{ err error }

func (b broken) Resolve(context.Context, string) (string, error) { return "", b.err }

// guarded are options whose log holds none of the secrets that this process has read.
func (o Options) guarded() Options {
	if o.seen == nil {
		o.seen = &secret.Redactor{}
		o.Log = slog.New(secret.LogHandler(o.Log.Handler(), o.seen))
	}
	return o
}

// secrets is as the function, and has what was read taken out of what is written down.
func (o Options) secrets() secret.Resolver {
	if o.seen == nil {
		return secrets(o.Config)
	}
	return secret.Teaching{Resolver: secrets(o.Config), Redactor: o.seen}
}

// clean is an error as it may be shown.
func (o Options) clean(err error) error {
	if err == nil || o.seen == nil || o.seen.Text(err.Error()) == err.Error() {
		return err
	}
	return errors.New(o.seen.Text(err.Error()))
}
