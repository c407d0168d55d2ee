package app

import (
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"github.com/muster-dr/muster/internal/i18n"
)

// copyCall looks at what the caller of a copy has named, before anything is opened: nil is in order.
func copyCall(l i18n.Lang, from, to string) *Trouble {
	wrong := func(what, way string) *Trouble { return &Trouble{What: what, WayOut: way, Mistake: true} }
	var paths [2]string
	for i, side := range []string{from, to} {
		kind, rest, found := strings.Cut(side, ":")
		switch {
		case kind == "sqlite" && strings.Trim(rest, "/") != "":
			paths[i] = filepath.Clean(strings.TrimPrefix(rest, "//"))
			if whole, err := filepath.Abs(paths[i]); err == nil {
				paths[i] = whole
			}
		case kind == "postgres" || kind == "postgresql":
			if _, err := url.Parse(side); err != nil { // it may hold a password, which is not told again
				return wrong(l.T("the address of a record store in PostgreSQL can't be read", "PostgreSQLの保存先のアドレスを読み取れません"), l.T("Write postgres://USER@HOST/DATABASE", "postgres://USER@HOST/DATABASE の形式で指定してください"))
			}
		case found:
			return wrong(l.T("%q is no kind of record store", "%q という種類の保存先はありません", kind), l.T("Write sqlite:PATH or postgres://USER@HOST/DATABASE", "sqlite:PATH または postgres://USER@HOST/DATABASE の形式で指定してください"))
		default:
			return wrong(l.T("%q does not say of which kind the record store is", "%q は保存先の種類が不明です", side), l.T("Write sqlite:%s for a file, or postgres://USER@HOST/DATABASE", "ファイルなら sqlite:%s、または postgres://USER@HOST/DATABASE と書いてください", side))
		}
	}
	if from == to || paths[0] != "" && paths[0] == paths[1] {
		return wrong(l.T("FROM and TO are the same record store", "コピー元とコピー先が同じ保存先です"), l.T("Name an empty one as TO", "コピー先には空の保存先を指定してください"))
	}
	if paths[0] != "" {
		if info, err := os.Stat(paths[0]); err != nil || info.IsDir() {
			return wrong(l.T("there is no record store in %s", "%s に記録の保存先（ファイル）がありません", paths[0]), l.T("Name the file journal.db of a data directory as FROM, such as sqlite:.muster/journal.db", "コピー元にはデータディレクトリの journal.db を指定してください（例: sqlite:.muster/journal.db）"))
		}
	}
	return nil
}
