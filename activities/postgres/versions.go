package postgres

import (
	"context"
	"os"
	"path/filepath"

	"github.com/muster-dr/muster/activities"
	"github.com/muster-dr/muster/internal/pgcluster"
	"github.com/muster-dr/muster/internal/pglink"
	"github.com/muster-dr/muster/internal/plan"
)

// unsuited says why the server's programs are none for its data, which may not be there yet: of several
// versions side by side another's start nothing, and copy what they can't start. It is empty when they suit.
func unsuited(ctx context.Context, i *pgcluster.Instance) []plan.Text {
	data, programs, err := i.Versions(ctx)
	switch {
	case err != nil:
		return []plan.Text{activities.Lacking("the programs of %s can't be held against its data: %v", "%s のプログラムとデータのバージョンを照合できません：%v", i.Name, err)}
	case data != 0 && programs != 0 && data != programs:
		return []plan.Text{activities.Lacking("the data of %s are of PostgreSQL %d, and the programs in %s are of %d: install those of %[2]d, or correct its bin in the estate",
			"%s のデータは PostgreSQL %d のもので、%s のプログラムは %d のものです。%[2]d のプログラムを導入するか、構成台帳の bin を修正してください", i.Name, data, i.Bin, programs)}
	}
	return nil
}

// suited refuses what unsuited tells, before anything is stopped.
func suited(ctx context.Context, i *pgcluster.Instance) error {
	return refuse(unsuited(ctx, i))
}

// unsuited looks at the primary as well, of whose version the data will be.
func (j *joining) unsuited(ctx context.Context) []plan.Text {
	var major int
	if err := ask(ctx, j.primary, "SELECT current_setting('server_version_num')::int / 10000", nil, &major); err != nil {
		return []plan.Text{unusable(j.Follow, err)}
	}
	if data, err := pgcluster.DataVersion(j.i.Data); err == nil && data == 0 && j.Server.Spec.Bin == "" {
		if bin, ok := pgcluster.FindBinOf(major); ok {
			j.i.Bin = bin
		}
	}
	if why := unsuited(ctx, j.i); len(why) > 0 {
		return why
	}
	if programs, err := j.i.ProgramVersion(ctx); err == nil && programs != 0 && programs != major {
		return []plan.Text{activities.Lacking("%s is PostgreSQL %d, and %s is %d, which can't follow it: give both the same major version",
			"%s は PostgreSQL %d で、%s は %d のため追随できません。メジャーバージョンを揃えてください", j.Follow.Name, major, j.Server.Name, programs)}
	}
	return j.unreached(ctx)
}

// unreached says what keeps the server's own programs, as their user, from the primary: a file that this user
// may not read, a key that others may.
func (j *joining) unreached(ctx context.Context) []plan.Text {
	f := j.Follow.Spec
	alone := pglink.Verified(f) && f.CA == "" // muster has the system's authorities, they their user's root.crt
	if !alone && f.CA == "" && f.Cert == "" {
		return nil // they need what muster's own connection does
	}
	if _, err := os.Stat(filepath.Join(j.i.Bin, "psql")); err != nil {
		return nil //nolint:nilerr // of another package than the server
	}
	ctx, cancel := context.WithTimeout(ctx, 2*answerWithin)
	defer cancel()
	if _, err := j.i.Run(ctx, j.env(), "psql", "-XAtw", "-d", j.conninfo(), "-c", "SELECT 1"); alone && err != nil {
		return []plan.Text{activities.Lacking("the programs of %s can't connect to %s, which has to prove who it is (sslmode %s); PostgreSQL does not use the system's authorities: give ca_file of %[2]s in the estate: %[4]v",
			"%s のプログラムが、身元の証明を求められている %s（sslmode %s）に接続できません。PostgreSQL はシステムの認証局を使いません。構成台帳で %[2]s の ca_file を指定してください：%[4]v", j.Server.Name, j.Follow.Name, f.SSLMode, err)}
	} else if err != nil {
		return []plan.Text{activities.Lacking("the programs of %s can't connect to %s: %v", "%s のプログラムが %s に接続できません：%v", j.Server.Name, j.Follow.Name, err)}
	}
	return nil
}

// refuse makes a refusal of what is lacking.
func refuse(lacking []plan.Text) error {
	for _, why := range lacking {
		return activities.Refused("%s", why.Both())
	}
	return nil
}
