package app

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/muster-dr/muster/internal/api"
	"github.com/muster-dr/muster/internal/config"
	"github.com/muster-dr/muster/internal/secret"
)

// opened are this process's stores, one for each setting of them, so that all its parts share a vault's
// token and what is kept.
var opened sync.Map

// sources are where the values of references come from: what a break-glass bundle brought along, then the stores.
// Whoever needs one asks Options.secrets.
func sources(c config.Config) secret.Resolver {
	if c.Carried == "" {
		return stores(c)
	}
	known, ok := carried.Load(c.Carried)
	if !ok {
		var values map[string]string
		b, err := os.ReadFile(c.Carried)
		if err == nil {
			err = json.Unmarshal(b, &values)
		}
		if err != nil {
			return broken{err}
		}
		known, _ = carried.LoadOrStore(c.Carried, values)
	}
	return secret.Carried{Values: known.(map[string]string), Else: stores(c)}
}

// carried are the secrets that break-glass bundles brought along, by their file.
var carried sync.Map

// stores are where the settings say that secrets are kept.
func stores(c config.Config) secret.Resolver {
	v := secret.VaultOptions{Address: c.Vault.Address, CAFile: c.Vault.CAFile, Namespace: c.Vault.Namespace, Auth: c.Vault.Auth, Mount: c.Vault.Mount, Token: c.Vault.Token,
		RoleID: c.Vault.RoleID, SecretID: c.Vault.SecretID, Role: c.Vault.Role, JWTFile: c.Vault.JWTFile, Cache: c.Vault.Cache}
	o := struct {
		secret.VaultOptions
		secret.CloudOptions
	}{v, secret.CloudOptions{Program: c.Cloud.Program, Cache: c.Cloud.Cache}}
	if known, ok := opened.Load(o); ok {
		return known.(secret.Resolver)
	}
	s := secret.Stores{Cloud: secret.NewCloud(o.CloudOptions)}
	if v.Address != "" {
		var err error
		if s.Vault, err = secret.NewVault(v); err != nil {
			return broken{err}
		}
	}
	known, _ := opened.LoadOrStore(o, s)
	return known.(secret.Resolver)
}

// awaitVault waits for the vault that secrets of the settings are in: after a power failure everything starts at once, and a process
// that ended over it would not be started again for ever. starting, when there is one, says meanwhile what is waited for.
func (o Options) awaitVault(ctx context.Context, starting *api.Starting) error {
	if !o.Config.NeedsVault() {
		return nil
	}
	from, ok := stores(o.Config).(secret.Stores)
	if !ok {
		return nil // what asks for a secret says why there is none
	}
	var told reminder
	var wait time.Duration
	for {
		err := from.Vault.Serves(ctx)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		starting.VaultIs(err)
		if err == nil {
			if told.said() {
				o.Log.Info("vault reached", "address", o.Config.Vault.Address)
			}
			return nil
		}
		if told.due() {
			o.Log.Warn("the vault does not answer; trying again", "address", o.Config.Vault.Address, "err", err)
		}
		if err := pause(ctx, &wait); err != nil {
			return err
		}
	}
}

// broken says at each use why there is no vault.
type broken struct{ err error }

func (b broken) Resolve(context.Context, string) (string, error) { return "", b.err }

// guarded are options whose log holds none of the secrets that this process has read.
func (o Options) guarded() Options {
	if o.seen == nil {
		o.seen = &secret.Redactor{}
		o.Log = slog.New(secret.LogHandler(o.Log.Handler(), o.seen))
		for _, ref := range []string{o.Config.Vault.Token, o.Config.Vault.RoleID, o.Config.Vault.SecretID} { // which the vault's client reads for itself
			if ref != "" {
				_, _ = o.local().Resolve(context.Background(), ref) // it says what is wrong when it needs it
			}
		}
	}
	return o
}

// secrets resolves the references that the settings and the plans of this installation hold, and has
// what was read taken out of what is written down.
func (o Options) secrets() secret.Resolver { return o.teaching(sources(o.Config)) }

// readable finds the mistakes of references to this machine before they are needed. A store elsewhere may be away when a process
// starts, which is no mistake.
func (o Options) readable(ctx context.Context, refs ...string) error {
	_, err := resolved(ctx, o.secrets(), slices.DeleteFunc(refs, func(ref string) bool { return !secret.OnMachine(ref) }))
	return err
}

// resolved are the values of references, or the first error.
func resolved(ctx context.Context, from secret.Resolver, refs []string) ([]string, error) {
	var out []string
	for _, ref := range refs {
		value, err := from.Resolve(ctx, ref)
		if err != nil {
			return nil, err
		}
		out = append(out, value)
	}
	return out, nil
}

// local is secrets for what needs no vault.
func (o Options) local() secret.Resolver { return o.teaching(secret.Local{}) }

func (o Options) teaching(from secret.Resolver) secret.Resolver {
	if o.seen == nil {
		return from
	}
	return secret.Teaching{Resolver: from, Redactor: o.seen}
}

// learn has a secret that stands in no setting taken out of what is written down.
func (o Options) learn(value string) {
	if o.seen != nil {
		o.seen.Add(value)
	}
}

// clean is an error as it may be shown.
func (o Options) clean(err error) error {
	if err == nil || o.seen == nil || o.seen.Text(err.Error()) == err.Error() {
		return err
	}
	return errors.New(o.seen.Text(err.Error()))
}
