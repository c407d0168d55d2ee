package identity

import (
	"context"
	"errors"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/muster-dr/muster/internal/journal"
)

// kindPlaces are the documents of the networks that credentials were used from.
const kindPlaces = "places"

const (
	// mostPlaces of one credential are remembered; the one that was not used for longest goes.
	mostPlaces = 16
	viaToken   = "token "
	viaPerson  = "person "
	// placeAgain is how exactly their last use is known.
	placeAgain = 24 * time.Hour
)

// places are the networks that one credential was used from.
type places struct {
	Seen []placeSeen `json:"seen"`
}

type placeSeen struct {
	Network string    `json:"network"`
	At      time.Time `json:"at"`
}

// OutNewPlace is the outcome of an entry in the access log: a credential was used from a network
// that it was not used from before. The first one is nobody's news.
const OutNewPlace = "new place"

// came remembers where an actor's credential is used from, and enters a network that is new to it.
// It refuses nobody: people travel, and a response is led from wherever they are.
func (s *Service) came(ctx context.Context, a Actor, from string) {
	what, act := a.credential()
	network := networkOf(from)
	if what == "" || network == "" || s.places.recently(what+"\x00"+network, s.o.Now(), placeAgain) {
		return
	}
	unseen := false
	err := change(ctx, s, kindPlaces, what, func(p *places, found bool) error {
		now := s.o.Now().UTC()
		at := slices.IndexFunc(p.Seen, func(x placeSeen) bool { return x.Network == network })
		unseen = found && at < 0
		switch {
		case at >= 0 && now.Sub(p.Seen[at].At) < placeAgain:
			return errKeep
		case at >= 0:
			p.Seen = slices.Delete(p.Seen, at, at+1)
		case len(p.Seen) >= mostPlaces:
			p.Seen = p.Seen[1:]
		}
		p.Seen = append(p.Seen, placeSeen{network, now}) // the last used last
		return nil
	})
	switch {
	case err != nil:
		s.places.forget(what + "\x00" + network)
		s.o.Log.Warn("where a credential is used from is not in the record store", "via", what, "err", err)
	case unseen:
		s.note(ctx, journal.Access{Person: a.Person, Via: what, Act: act, Object: network, Outcome: OutNewPlace, From: from})
	}
}

// credential is what an actor came with, as far as places are remembered of it; links and messages
// of channels come from wherever their readers are.
func (a Actor) credential() (what, act string) {
	switch {
	case a.Limit != nil && a.Token == "": // a link
		return "", ""
	case a.Console:
		return Console, ActConsole
	case a.Token != "":
		return viaToken + a.Token, ActUseToken
	case a.Person != "":
		return viaPerson + a.Person, "use session"
	}
	return "", ""
}

// tidyPlaces erases where credentials were used from that nobody can use any more.
func (s *Service) tidyPlaces(ctx context.Context) error {
	docs, err := s.store.DocumentsOf(ctx, kindPlaces)
	if err != nil {
		return err
	}
	for _, d := range docs {
		over := false
		if id, ok := strings.CutPrefix(d.ID, viaToken); ok {
			t, err := s.TokenOf(ctx, id)
			switch {
			case errors.Is(err, ErrNoToken):
				over = true
			case err != nil:
				return err
			default:
				over = !t.RevokedAt.IsZero() || !s.o.Now().Before(t.ExpiresAt) || s.left(ctx, t.Person)
			}
		} else if person, ok := strings.CutPrefix(d.ID, viaPerson); ok {
			over = s.left(ctx, person)
		}
		if !over {
			continue
		}
		if err := s.store.DropDocument(ctx, kindPlaces, d.ID); err != nil {
			return err
		}
	}
	return nil
}

// left reports whether a person is not in the estate any more, as far as it can be read.
func (s *Service) left(ctx context.Context, person string) bool {
	if s.o.People == nil {
		return false
	}
	known, err := s.o.People.Known(ctx, person)
	return err == nil && !known
}

// networkOf is the network of an address, as wide as one line or office usually has: /24, and /48
// of IPv6. This machine itself is one place.
func networkOf(from string) string {
	at, err := netip.ParseAddr(from)
	if err != nil {
		return ""
	}
	at = at.Unmap().WithZone("")
	bits := 48
	if at.Is4() {
		bits = 24
	}
	if at == netip.IPv6Loopback() {
		at, bits = netip.AddrFrom4([4]byte{127, 0, 0, 1}), 24
	}
	network, err := at.Prefix(bits)
	if err != nil {
		return ""
	}
	return network.String()
}
