package app

import (
	"context"
	"time"

	"github.com/muster-dr/muster/internal/evidence/keep"
	"github.com/muster-dr/muster/internal/identity"
)

// identityOptions is how the settings have people known.
func identityOptions(o Options, token string, people identity.Directory) identity.Options {
	c := o.Config.Identity
	out := identity.Options{Console: token, PublicURL: o.Config.PublicURL, Secure: o.Config.Encrypted(), Idle: c.Idle, Longest: c.Longest, People: people, Log: o.Log}
	if c.Console != nil && !*c.Console {
		out.Console = ""
	}
	if c.OIDC.Issuer != "" {
		out.OIDC = identity.OIDC{Issuer: c.OIDC.Issuer, ClientID: c.OIDC.ClientID, Scopes: c.OIDC.Scopes, ByMail: c.OIDC.ByMail}
		if ref := c.OIDC.Secret; ref != "" { // read at each use, so that it can be rotated
			out.OIDC.Secret = func() (string, error) {
				ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
				defer cancel()
				return o.secrets().Resolve(ctx, ref)
			}
		}
	}
	return out
}

// tidyIdentity erases what is over, once a day.
func (s *server) tidyIdentity(ctx context.Context) {
	tick := time.NewTicker(24 * time.Hour)
	defer tick.Stop()
	for {
		believed, err := keep.ClockBelieved(ctx, s.store, time.Now())
		if err == nil {
			err = s.identity.Tidy(ctx, s.o.Config.Identity.LogKept, believed)
		}
		if err != nil && ctx.Err() == nil {
			s.o.Log.Warn("old sessions and access log entries could not be erased", "err", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}
