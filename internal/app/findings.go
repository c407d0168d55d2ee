package app

import (
	"context"
	"time"

	"github.com/muster-dr/muster/internal/calendar"
	"github.com/muster-dr/muster/internal/channel/webhook"
	"github.com/muster-dr/muster/internal/finding"
	"github.com/muster-dr/muster/internal/journal"
	"github.com/muster-dr/muster/internal/plan"
)

// followUp is what the server does once the outcomes of ended runs are kept: the findings are brought up
// to date, and whoever is to be told of them is.
func followUp(o Options, ledger *finding.Ledger, store journal.Documents, estate func(context.Context) (plan.Estate, error), days func() calendar.Calendar) (func(context.Context) error, error) {
	l, c := o.Lang, o.Config
	if c.Findings.Webhook == "" {
		return ledger.Refresh, nil
	}
	w := c.Webhook
	to, err := webhook.New(webhook.Options{URL: c.Findings.Webhook, Secret: w.Secret, SecretNext: w.SecretNext, Allow: w.Allow, CAFile: w.CAFile, Secrets: o.secrets()})
	if err != nil {
		return nil, &Trouble{Mistake: true, What: l.T("findings.webhook is not in order", "findings.webhook の設定に誤りがあります"), Err: spoken{l, err}}
	}
	t := &finding.Teller{Ledger: ledger, Store: store, Now: time.Now, Days: days,
		Send: func(ctx context.Context, key string, what finding.Told) error { return to.Post(ctx, key, what) },
		Zone: func(ctx context.Context) *time.Location {
			if e, err := estate(ctx); err == nil {
				if zone, err := time.LoadLocation(e.Zone); err == nil {
					return zone
				}
			}
			return time.UTC
		}}
	return func(ctx context.Context) error {
		if err := ledger.Refresh(ctx); err != nil {
			return err
		}
		return t.Tell(ctx)
	}, nil
}
