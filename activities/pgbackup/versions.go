package pgbackup

import (
	"context"

	"github.com/muster-dr/muster/activities"
	"github.com/muster-dr/muster/internal/pgcluster"
)

// chooseBin takes the programs of the version of a data directory, where the estate names none.
func chooseBin(t Target, i *pgcluster.Instance, data string) {
	if t.Spec.Bin == "" {
		if bin, err := pgcluster.FindBinFor(data); err == nil {
			i.Bin = bin
		}
	}
}

// suited refuses programs of another version than the backup's, which can neither verify nor start it.
func suited(ctx context.Context, t Target, i *pgcluster.Instance, data string) error {
	chooseBin(t, i, data)
	major, err := pgcluster.DataVersion(data)
	if err != nil || major == 0 { // what can't be read or is missing is said of its checksums
		return nil //nolint:nilerr // as above
	}
	programs, err := i.ProgramVersion(ctx)
	if err != nil {
		return activities.RefusedBoth("the server's programs can't be used: %v", "サーバーのプログラムを使えない：%v", err)
	}
	if programs != 0 && programs != major {
		return activities.RefusedBoth("the backup is of PostgreSQL %d, and the programs in %s are of %d: install those of %[1]d, or correct bin of %[4]s in the estate",
			"バックアップは PostgreSQL %d のもので、%s のプログラムは %d のものである。%[1]d のプログラムを導入するか、構成台帳の %[4]s の bin を修正する", major, i.Bin, programs, t.Name)
	}
	return nil
}
