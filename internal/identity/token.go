package identity

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/muster-dr/muster/internal/journal"
)

// Token is a personal token, without its secret, which only its person has.
type Token struct {
	ID     string `json:"id"`
	Person string `json:"person"`
	Name   string `json:"name"` // what it is for, as its person calls it
	By     string `json:"by"`   // who issued it
	// For is the one thing that it is good for; "" is whatever its person may do.
	For Purpose `json:"for,omitempty"`
	// Parent is the token that it was issued with: it falls when that is taken back.
	Parent string `json:"parent,omitempty"`
	// Issuer is who else had a secret of this line of tokens first, see Actor.
	Issuer    string    `json:"issuer,omitempty"`
	CreatedAt time.Time `json:"created_at"`
	ExpiresAt time.Time `json:"expires_at"`
	// UsedAt is when it was last used, within an hour; zero when never.
	UsedAt    time.Time `json:"used_at,omitzero"`
	RevokedAt time.Time `json:"revoked_at,omitzero"`
	RevokedBy string    `json:"revoked_by,omitempty"`
}

// keptToken is a token as it lies in the store.
type keptToken struct {
	Token
	Hash string `json:"hash"` // of the whole secret
}

// tokenMark begins every personal token, so that scanners for leaked secrets know one.
const tokenMark = "mstr_"

// IsPersonal reports whether a secret is a personal token, good or not.
func IsPersonal(secret string) bool { return strings.HasPrefix(secret, tokenMark) }

// usedEvery is how exactly the last use of a token is known.
const usedEvery = time.Hour

// longestLine bounds how often a token is issued with one that was itself issued with another.
const longestLine = 8

// actor is who comes with a token.
func (t Token) actor() Actor {
	a := Actor{Person: t.Person, Via: t.via("token " + t.ID), Token: t.ID, Issuer: t.issuer(), Handed: t.By != t.Person && t.By != Console}
	if t.For != "" {
		a.Limit = &Limit{Purpose: t.For}
	}
	return a
}

// issuer is Issuer also of tokens that were issued before it was kept.
func (t Token) issuer() string {
	if t.Issuer == "" && t.By != t.Person {
		return t.By
	}
	return t.Issuer
}

// via adds who else had the secret, for the record.
func (t Token) via(way string) string {
	if by := t.issuer(); by != "" {
		way += " issued by " + by
	}
	return way
}

// fromConsole adds to a via, for four eyes and the record, that the line of a token begins at the
// console although somebody else issued this one.
func (t Token) fromConsole(via string, line []Token) string {
	if t.issuer() != Console && slices.ContainsFunc(append([]Token{t}, line...), func(one Token) bool { return one.By == Console || one.issuer() == Console }) {
		return via + ", its line issued from the console"
	}
	return via
}

// line is the tokens that a token was issued with, the nearest first. ErrNoToken when one of
// them is gone.
func (s *Service) line(ctx context.Context, id string) ([]Token, error) {
	var out []Token
	for id != "" {
		t, err := s.TokenOf(ctx, id)
		if err != nil {
			return nil, err
		}
		out, id = append(out, t), t.Parent
		if len(out) > longestLine {
			return nil, fmt.Errorf("%w: the line of token %s has no end", ErrNoToken, out[0].ID)
		}
	}
	return out, nil
}

// above is the line of a token, and whether it was issued with one that has been taken back.
func (s *Service) above(ctx context.Context, t Token) (line []Token, fallen bool, err error) {
	line, err = s.line(ctx, t.Parent)
	if errors.Is(err, ErrNoToken) {
		return nil, true, nil
	}
	return line, slices.ContainsFunc(line, func(t Token) bool { return !t.RevokedAt.IsZero() }), err
}

// issuers is everybody else who had a secret with which they could have come by this token:
// whoever issued one of its line, and whose those were.
func (t Token) issuers(line []Token) []string {
	var out []string
	for _, one := range append([]Token{t}, line...) {
		for _, who := range []string{one.issuer(), one.By, one.Person} {
			if who != "" && who != t.Person && who != Console && !slices.Contains(out, who) {
				out = append(out, who)
			}
		}
	}
	return out
}

// Console is the issuer of tokens that were issued with the server's own.
const Console = "console"

// ErrAsked: what was asked for can't be; the error says why.
var ErrAsked = errors.New("not possible")

// ErrNoToken: there is no such token.
var ErrNoToken = errors.New("there is no such token")

// Issue makes a personal token. The secret is returned once and is kept nowhere; by is who
// asks for it. ttl 0 is TokenLife, and TokenLongest is the longest.
func (s *Service) Issue(ctx context.Context, person, name, by string, ttl time.Duration) (secret string, t Token, err error) {
	return s.IssueFor(ctx, "", person, name, by, ttl)
}

// IssueFor makes a personal token that is good for one thing; "" is whatever its person may do.
func (s *Service) IssueFor(ctx context.Context, purpose Purpose, person, name, by string, ttl time.Duration) (secret string, t Token, err error) {
	switch {
	case purpose != "" && purpose != ForMetrics:
		return "", t, fmt.Errorf("%w: a token is for %q or for whatever its person may do, not for %q", ErrAsked, ForMetrics, purpose)
	case person == "":
		return "", t, fmt.Errorf("%w: a token is for a person", ErrAsked)
	case len(name) > 100:
		return "", t, fmt.Errorf("%w: the name of a token has at most 100 bytes", ErrAsked)
	case ttl == 0:
		ttl = TokenLife
	case ttl < time.Minute || ttl > TokenLongest:
		return "", t, fmt.Errorf("%w: a token lasts from a minute to %d days, not %s", ErrAsked, int(TokenLongest.Hours()/24), ttl)
	}
	now := s.o.Now().UTC()
	// Also for somebody who was disabled: such a token would open at the next enabling.
	if err := s.standing(ctx, person, "", now); err != nil {
		return "", t, err
	}
	k := keptToken{Token: Token{ID: text(5), Person: person, Name: name, By: by, For: purpose, CreatedAt: now, ExpiresAt: now.Add(ttl)}}
	a, _ := From(ctx)
	if k.Parent = a.Token; a.Token != "" {
		above, err := s.line(ctx, a.Token)
		if err != nil {
			return "", t, err
		}
		if len(above) >= longestLine {
			return "", t, fmt.Errorf("%w: this token was issued with one that was issued with another, and so on; sign in through the provider, or have one issued at the console", ErrAsked)
		}
		if own := above[0]; own.Person == person && own.ExpiresAt.Before(k.ExpiresAt) {
			k.ExpiresAt = own.ExpiresAt // who has a secret of a day must not make a year of it
		}
	}
	if k.Issuer = a.Issuer; by != person {
		k.Issuer = by
	}
	secret = tokenMark + k.ID + "_" + text(32)
	k.Hash = digest(secret)
	body, err := json.Marshal(k)
	if err != nil {
		return "", t, err
	}
	if _, err := s.store.PutDocument(ctx, journal.Document{Kind: kindToken, ID: k.ID, ChangedAt: now, Body: body}); err != nil {
		return "", t, err
	}
	s.note(ctx, journal.Access{Person: by, Act: "issue token", Object: person + " " + k.ID, Outcome: "ok"})
	return secret, k.Token, nil
}

const (
	reliedOn  = 30 * 24 * time.Hour // who has not used a token for so long does not rely on it
	mournedOf = 7 * 24 * time.Hour  // how long after its end it is still told of
)

// Relied are the ends of the tokens that somebody relies on, by their IDs: they were used lately, count or did
// until lately, and no successor of the same person and name has taken their place.
func (s *Service) Relied(ctx context.Context) (map[string]time.Time, error) {
	all, err := s.Tokens(ctx, "")
	if err != nil {
		return nil, err
	}
	now, out, next := s.o.Now(), map[string]time.Time{}, map[[2]string]time.Time{}
	for _, t := range all { // the newest first
		if !t.RevokedAt.IsZero() || now.Sub(t.ExpiresAt) > mournedOf {
			continue
		}
		of := [2]string{t.Person, t.Name}
		successor, has := next[of]
		if !t.UsedAt.IsZero() && now.Sub(t.UsedAt) < reliedOn && (!has || t.UsedAt.After(successor.Add(usedEvery))) {
			out[t.ID] = t.ExpiresAt
		}
		next[of] = t.CreatedAt
	}
	return out, nil
}

// Tokens lists a person's tokens, or everybody's for "", newest first.
func (s *Service) Tokens(ctx context.Context, person string) ([]Token, error) {
	docs, err := s.store.DocumentsOf(ctx, kindToken)
	if err != nil {
		return nil, err
	}
	out := []Token{}
	for _, d := range docs {
		var k keptToken
		if err := json.Unmarshal(d.Body, &k); err != nil {
			return nil, fmt.Errorf("token %s in the record store: %w", d.ID, err)
		}
		if person == "" || k.Person == person {
			out = append(out, k.Token)
		}
	}
	slices.SortFunc(out, func(a, b Token) int { return b.CreatedAt.Compare(a.CreatedAt) })
	return out, nil
}

// TokenOf is one token; ErrNoToken when there is none.
func (s *Service) TokenOf(ctx context.Context, id string) (Token, error) {
	var k keptToken
	found, err := s.document(ctx, kindToken, id, &k)
	if err == nil && !found {
		err = fmt.Errorf("%w: %s", ErrNoToken, id)
	}
	return k.Token, err
}

// Revoke takes a token back, with the sessions that began with it. Once revoked is revoked:
// a second time changes nothing. ErrNoToken when there is none.
func (s *Service) Revoke(ctx context.Context, id, by string) (Token, error) {
	var t Token
	err := change(ctx, s, kindToken, id, func(k *keptToken, found bool) error {
		if !found {
			return fmt.Errorf("%w: %s", ErrNoToken, id)
		}
		t = k.Token
		if !k.RevokedAt.IsZero() {
			return errKeep
		}
		k.RevokedAt, k.RevokedBy = s.o.Now().UTC(), by
		t = k.Token
		return nil
	})
	if err == nil {
		s.note(ctx, journal.Access{Person: by, Act: "revoke token", Object: t.Person + " " + id, Outcome: "ok"})
	}
	return t, err
}

// Bearer is who comes with a secret: a personal token, or the server's own. Its error is a
// *Refusal, unless the store can't be read.
func (s *Service) Bearer(ctx context.Context, secret string) (Actor, error) {
	if s.isConsole(secret) {
		return Actor{Console: true, Via: "console"}, nil
	}
	rest, ok := strings.CutPrefix(secret, tokenMark)
	id, _, whole := strings.Cut(rest, "_")
	if !ok || !whole || len(id) > 16 {
		return Actor{}, refuse(Unknown)
	}
	var k keptToken
	found, err := s.document(ctx, kindToken, id, &k)
	if err != nil {
		return Actor{}, err
	}
	if !found {
		return Actor{}, refuse(Unknown)
	}
	if subtle.ConstantTimeCompare([]byte(k.Hash), []byte(digest(secret))) != 1 {
		return Actor{}, &Refusal{Reason: Unknown, Via: "token " + id} // somebody guesses at that one
	}
	line, err := s.good(ctx, k.Token)
	if err != nil {
		return Actor{}, err
	}
	if err := s.used(ctx, k); err != nil {
		s.o.Log.Warn("the last use of a token is not in the record store", "err", err)
	}
	a := k.actor()
	a.Issuers = k.issuers(line)
	a.Via = k.fromConsole(a.Via, line)
	return a, nil
}

func (s *Service) isConsole(secret string) bool {
	got := sha256.Sum256([]byte(secret))
	return s.o.Console != "" && subtle.ConstantTimeCompare(got[:], s.console[:]) == 1
}

// good refuses a token that is no good any more, and gives its line.
func (s *Service) good(ctx context.Context, t Token) ([]Token, error) {
	via := "token " + t.ID
	switch {
	case !t.RevokedAt.IsZero():
		return nil, &Refusal{Reason: Revoked, Person: t.Person, Via: via}
	case !s.o.Now().Before(t.ExpiresAt):
		return nil, &Refusal{Reason: Expired, Person: t.Person, Via: via}
	}
	line, gone, err := s.above(ctx, t)
	if err != nil {
		return nil, err
	}
	if gone {
		return nil, &Refusal{Reason: Revoked, Person: t.Person, Via: via}
	}
	return line, s.standing(ctx, t.Person, via, t.CreatedAt)
}

// used notes the use of a token, once an hour.
func (s *Service) used(ctx context.Context, k keptToken) error {
	now := s.o.Now().UTC()
	if now.Sub(k.UsedAt) < usedEvery {
		return nil
	}
	first := false
	err := change(ctx, s, kindToken, k.ID, func(k *keptToken, found bool) error {
		if !found || now.Sub(k.UsedAt) < usedEvery {
			return errKeep
		}
		k.UsedAt, first = now, true
		return nil
	})
	if err == nil && first {
		s.note(ctx, journal.Access{Person: k.Person, Via: "token " + k.ID, Act: ActUseToken, Outcome: "ok"})
	}
	return err
}
