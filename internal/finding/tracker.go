package finding

import (
	"net/url"
	"strings"

	"github.com/muster-dr/muster/internal/tracker"
)

// Issue is the finding as an issue of a tracker. board is where people find the board, "" where that is
// not known.
func (f Finding) Issue(board, lang string) tracker.Issue {
	body := f.Title.In(lang)
	if d := f.Detail.In(lang); d != "" {
		body += "\n\n" + d
	}
	body += "\n\n" + f.ID + " · " + f.Place
	if board != "" && f.SeenIn != "" {
		body += "\n" + strings.TrimRight(board, "/") + "/runs/" + url.PathEscape(f.SeenIn) + "/report"
	}
	return tracker.Issue{ID: f.ID, Title: f.ID + " " + f.Title.In(lang), Body: body, System: f.System, Kind: string(f.Kind), Owner: f.Owner, Due: f.Due}
}
