package journal

import (
	"context"
	"errors"
	"fmt"
	"strings"
)

// Open opens the record store that url names and brings its schema up to date; it
// makes what is not there. The one form is "sqlite:PATH", the path of a file.
//
// It refuses a file that is not a muster record store and one that a newer muster
// wrote, and changes neither.
func Open(ctx context.Context, url string) (Store, error) {
	kind, rest, found := strings.Cut(url, ":")
	switch {
	case url == "":
		return nil, errors.New("record store: no address given; write sqlite:PATH, such as sqlite:/var/lib/muster/journal.db")
	case kind == "sqlite" && strings.Trim(rest, "/") == "":
		return nil, fmt.Errorf("record store %q: no file named; write sqlite:PATH, such as sqlite:/var/lib/muster/journal.db", url)
	case kind == "sqlite":
		return openSQLite(ctx, rest)
	case found:
		// Only the kind is told: the rest of such an address may hold a password.
		return nil, fmt.Errorf("record store: %q is not a kind of store this muster has; write sqlite:PATH", kind)
	}
	return nil, fmt.Errorf("record store %q: the kind is missing; write sqlite:%s", url, url)
}
