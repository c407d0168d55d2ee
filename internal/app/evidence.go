package app

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/muster-dr/muster/internal/api"
	"github.com/muster-dr/muster/internal/evidence"
	"github.com/muster-dr/muster/internal/evidence/keep"
	"github.com/muster-dr/muster/internal/finding"
	"github.com/muster-dr/muster/internal/journal"
	"github.com/muster-dr/muster/internal/run"
)

// keeper is what seals runs after their end. Nobody waits for it: a server whose disk is full
// leads a run all the same.
func keeper(ctx context.Context, o Options, store journal.Store, rows keep.Rows, findings *finding.Ledger, altered func(ctx context.Context, altered, missing keep.Unsound)) (*keep.Keeper, error) {
	places, err := evidencePlaces(ctx, o)
	if err != nil {
		return nil, &Trouble{Mistake: true, What: o.Lang.T("settings: %s", "設定: %s", "evidence.copy_to"), Err: spoken{o.Lang, err}}
	}
	stamps, err := timestamps(ctx, o)
	if err != nil {
		return nil, err
	}
	e := o.Config.Evidence
	var begin *evidence.Entry
	var only func(string) bool
	if o.Bundled != nil {
		begin, only = begins(o.Bundled), o.Bundled.OwnRun
	}
	return keep.New(keep.Options{Begin: begin, Only: only,
		Dir: o.Config.EvidenceDir(), Attachments: filepath.Join(o.Config.Data, "evidence"), Store: store, Version: o.Version, Log: o.Log.With("component", "evidence"),
		Settle: keep.Settle, Retain: keep.Retention{A: e.KeepA, B: e.KeepB, C: e.KeepC, Audit: e.NextAudit()}, Places: places, Stamps: stamps, Altered: altered, Rows: rows, Build: thisBuild(o.Version),
		Needed: func(ctx context.Context) (map[string]bool, error) { return toReview(ctx, findings) },
		Personal: func(ctx context.Context, runID string, events []run.Event) ([]keep.Item, error) {
			return api.Personal(ctx, store, runID, events)
		},
	}), nil
}

// toReview are runs in which break-glass was used that nobody has reviewed yet: their records tell who had a part, and may not.
func toReview(ctx context.Context, findings *finding.Ledger) (map[string]bool, error) {
	list, err := findings.List(ctx)
	if err != nil {
		return nil, err
	}
	out := map[string]bool{}
	for _, f := range list {
		if id := f.Glass(); id != "" && f.ClosedAt == nil {
			out[id] = true
		}
	}
	return out, nil
}

// timestamps is who stamps what was sealed; nil is nobody.
func timestamps(ctx context.Context, o Options) (*keep.Authority, error) {
	e := o.Config.Evidence
	if len(e.Timestamps) == 0 {
		return nil, nil
	}
	mistake := func(setting string, err error) error {
		return &Trouble{Mistake: true, What: o.Lang.T("settings: %s", "設定: %s", setting), Err: err}
	}
	pem, err := os.ReadFile(e.TimestampsCAFile)
	if err != nil {
		return nil, mistake("evidence.timestamps_ca_file", err)
	}
	with := keep.AuthorityOptions{URLs: e.Timestamps, User: e.TimestampsUser, Policy: e.TimestampsPolicy, Every: e.TimestampsEvery}
	if with.Certificates, err = evidence.Certificates(pem); err != nil {
		return nil, mistake("evidence.timestamps_ca_file", fmt.Errorf("%s: %w", e.TimestampsCAFile, err))
	}
	if e.TimestampsPassword != "" {
		if err := o.readable(ctx, e.TimestampsPassword); err != nil {
			return nil, mistake("evidence.timestamps_password", err)
		}
		with.Password = func(ctx context.Context) (string, error) { return o.secrets().Resolve(ctx, e.TimestampsPassword) }
	}
	out, err := keep.NewAuthority(with)
	if err != nil {
		return nil, mistake("evidence.timestamps_policy", err)
	}
	return out, nil
}

// evidencePlaces are the other places that the settings name.
func evidencePlaces(ctx context.Context, o Options) ([]keep.Place, error) {
	e := o.Config.Evidence
	var out []keep.Place
	for _, at := range e.CopyTo {
		u, err := url.Parse(at)
		if err != nil {
			return nil, err
		}
		if u.Scheme != "s3" {
			out = append(out, keep.Folder{Dir: filepath.Clean(u.Path)})
			continue
		}
		if err := o.readable(ctx, e.AccessKey, e.SecretKey); err != nil {
			return nil, err
		}
		place, err := keep.NewS3(keep.S3Options{Endpoint: u.Query().Get("endpoint"), Region: u.Query().Get("region"), Bucket: u.Host, Prefix: strings.Trim(u.Path, "/"),
			Keys: func(ctx context.Context) (string, string, error) {
				read, err := resolved(ctx, o.secrets(), []string{e.AccessKey, e.SecretKey})
				if err != nil {
					return "", "", err
				}
				return read[0], read[1], nil
			}, CAFile: e.CAFile, LockFor: e.Lock})
		if err != nil {
			return nil, err
		}
		out = append(out, place)
	}
	return out, nil
}

// when is a time that may not be there as one that is zero then.
func when(t *time.Time) time.Time {
	if t == nil {
		return time.Time{}
	}
	return *t
}
