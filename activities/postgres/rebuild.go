package postgres

import (
	"errors"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"github.com/muster-dr/muster/activities"
	"github.com/muster-dr/muster/internal/pgcluster"
	"github.com/muster-dr/muster/internal/plan"
)

// inPlace is where a server's data really lie, which is where their copy is made and put: the data
// directory may be a link to a disk with room. Where no copy can take their place it says why.
func inPlace(i *pgcluster.Instance) (data string, why []plan.Text, err error) {
	if to, err := os.Readlink(i.Data); err == nil {
		if _, err := os.Stat(i.Data); errors.Is(err, os.ErrNotExist) {
			return "", []plan.Text{activities.Lacking("the data directory of %s links to %s, which is not there: mount its disk, or remove the link",
				"%s のデータディレクトリのリンク先 %s がありません。ディスクをマウントする（mount）か、リンクを削除してください", i.Name, to)}, nil
		}
	}
	if data, err = i.RealData(); err != nil {
		return "", nil, err
	}
	if spaces, err := os.ReadDir(filepath.Join(data, "pg_tblspc")); err == nil && len(spaces) > 0 {
		why = append(why, activities.Lacking("server %s has tablespaces outside its data directory; rebuild it by hand",
			"サーバー %s にはデータディレクトリ外のテーブル空間があります。手動で再構築してください", i.Name))
	}
	if to, err := os.Readlink(filepath.Join(data, "pg_wal")); err == nil {
		why = append(why, activities.Lacking("pg_wal of server %s links to %s, outside its data directory; rebuild it by hand",
			"サーバー %s の pg_wal は、データディレクトリ外の %s へのリンクです。手動で再構築してください", i.Name, to))
	}
	var inner, outer unix.Stat_t
	if unix.Stat(data, &inner) == nil && unix.Stat(filepath.Dir(data), &outer) == nil && inner.Dev != outer.Dev {
		why = append(why, activities.Lacking("the data directory %s is a mount point, which can't be replaced; put it one level below",
			"データディレクトリ %s はマウントポイントで、置き換えられません。1階層下に置いてください", data))
	}
	return data, why, nil
}
