package identity

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"time"

	"github.com/muster-dr/muster/internal/journal"
)

// LinkPath is where the pages of signed links are: the link follows.
const LinkPath = "/l/"

// A signed link says by itself who may do what in which run and until when, so that five
// thousand of them cost the store nothing. As bytes, before base64url:
//
//	1  layout, 1
//	4  ID of the key
//	6  ID of the link, random
//	6  made at, Unix milliseconds
//	4  lasts, seconds
//	1+ purpose, run and person, each with its length before it
//	16 HMAC-SHA256 of all before, the first half: 128 bits, which nobody can forge
const (
	linkLayout = 1
	linkHead   = 1 + 4 + 6 + 6 + 4
	linkMAC    = 16
	linkIDs    = 1 + 4 // where the link's ID begins
)

// keyDoc is the document that holds the keys.
const keyDoc = "keys"

// keys are those that links are signed with. The first signs; all verify.
type keys struct {
	Keys []key `json:"keys"`
}

type key struct {
	ID     string    `json:"id"`     // 4 bytes, hexadecimal
	Secret []byte    `json:"secret"` // 32 bytes
	MadeAt time.Time `json:"made_at"`
}

// ban takes links back: all of something that were made until At.
type ban struct {
	At time.Time `json:"at"`
	By string    `json:"by"`
}

// signing returns the keys, and makes the first when there is none: the first server to come
// wins, and the others read its key.
func (s *Service) signing(ctx context.Context) (keys, error) {
	var k keys
	found, err := s.document(ctx, kindKey, keyDoc, &k)
	if err != nil || found && len(k.Keys) > 0 {
		return k, err
	}
	err = change(ctx, s, kindKey, keyDoc, func(v *keys, found bool) error {
		if len(v.Keys) > 0 {
			k = *v
			return errKeep
		}
		v.Keys = []key{newKey(s.o.Now())}
		k = *v
		return nil
	})
	return k, err
}

func newKey(now time.Time) key {
	b := make([]byte, 36)
	_, _ = rand.Read(b)
	return key{ID: hex.EncodeToString(b[:4]), Secret: b[4:], MadeAt: now.UTC()}
}

// RotateKey makes a new signing key. Links of the last three keys stay good until they expire;
// with all set they are all refused from now on, as when a copy of the store got away.
func (s *Service) RotateKey(ctx context.Context, by string, all bool) error {
	err := change(ctx, s, kindKey, keyDoc, func(v *keys, _ bool) error {
		kept := v.Keys[:min(len(v.Keys), 2)]
		if all {
			kept = nil
		}
		v.Keys = append([]key{newKey(s.o.Now())}, kept...)
		return nil
	})
	if err == nil {
		s.note(ctx, journal.Access{Person: by, Act: "rotate link key", Outcome: "ok"})
	}
	return err
}

// Link makes the text of a signed link: it lets one person do one thing in one run, until ttl
// is over, and needs no account. It goes into the path of a page that asks before it acts
// (see OpenLink).
func (s *Service) Link(ctx context.Context, run, person string, purpose Purpose, ttl time.Duration) (string, error) {
	switch {
	case run == "" || person == "" || purpose == "" || len(run) > 255 || len(person) > 255 || len(purpose) > 255:
		return "", fmt.Errorf("%w: a link is for one run, one person and one purpose, not %q %q %q", ErrAsked, run, person, purpose)
	case ttl < time.Minute || ttl > LinkLongest:
		return "", fmt.Errorf("%w: a link lasts from a minute to %d days, not %s", ErrAsked, int(LinkLongest.Hours()/24), ttl)
	}
	now := s.o.Now()
	if err := s.standing(ctx, person, "", now); err != nil {
		return "", err
	}
	k, err := s.signing(ctx)
	if err != nil {
		return "", err
	}
	id, err := hex.DecodeString(k.Keys[0].ID)
	if err != nil {
		return "", err
	}
	b := append([]byte{linkLayout}, id...)
	random := make([]byte, 6)
	_, _ = rand.Read(random)
	b = append(b, random...)
	var ms [8]byte
	binary.BigEndian.PutUint64(ms[:], uint64(now.UnixMilli()))
	b = append(b, ms[2:]...)
	b = binary.BigEndian.AppendUint32(b, uint32(ttl.Seconds()))
	for _, t := range []string{string(purpose), run, person} {
		b = append(append(b, byte(len(t))), t...)
	}
	return base64.RawURLEncoding.EncodeToString(append(b, sign(k.Keys[0].Secret, b)...)), nil
}

func sign(secret, b []byte) []byte {
	mac := hmac.New(sha256.New, secret)
	mac.Write(b)
	return mac.Sum(nil)[:linkMAC]
}

// OpenLink is who comes with a signed link; the actor's Limit says what it is good for. Its
// error is a *Refusal that tells forged, expired and revoked apart, unless the store can't be
// read.
//
// Opening changes nothing and uses nothing up, so that the programs which fetch links for a
// preview do no harm. The page it leads to has to keep to that: GET shows a form, and only
// its POST acts.
func (s *Service) OpenLink(ctx context.Context, text string) (Actor, error) {
	forged := &Refusal{Reason: Forged, Via: "link"}
	// Strict, so that a link has one text only: else trailing bits could be changed.
	b, err := base64.RawURLEncoding.Strict().DecodeString(text)
	if err != nil || len(b) < linkHead+3+linkMAC || b[0] != linkLayout {
		return Actor{}, forged
	}
	body, mac := b[:len(b)-linkMAC], b[len(b)-linkMAC:]
	k, err := s.signing(ctx)
	if err != nil {
		return Actor{}, err
	}
	signed, keyID := false, hex.EncodeToString(body[1:linkIDs])
	for _, key := range k.Keys {
		signed = signed || key.ID == keyID && hmac.Equal(mac, sign(key.Secret, body))
	}
	if !signed {
		return Actor{}, forged
	}
	var said [3]string
	rest := body[linkHead:]
	for i := range said {
		if len(rest) == 0 || len(rest) < 1+int(rest[0]) {
			return Actor{}, forged
		}
		said[i], rest = string(rest[1:1+rest[0]]), rest[1+rest[0]:]
	}
	id := hex.EncodeToString(body[linkIDs : linkIDs+6])
	made := time.UnixMilli(int64(binary.BigEndian.Uint64(append([]byte{0, 0}, body[linkIDs+6:linkIDs+12]...))))
	lasts := time.Duration(binary.BigEndian.Uint32(body[linkHead-4:linkHead])) * time.Second
	a := Actor{Person: said[2], Via: "link " + id, Limit: &Limit{Run: said[1], Purpose: Purpose(said[0])}}
	if !s.o.Now().Before(made.Add(lasts)) {
		return Actor{}, &Refusal{Reason: Expired, Person: a.Person, Via: a.Via}
	}
	for _, what := range []string{"id " + id, "person " + a.Person, "run " + a.Limit.Run} {
		var by ban
		found, err := s.document(ctx, kindLinkBan, what, &by)
		if err != nil {
			return Actor{}, err
		}
		if found && !made.After(by.At) {
			return Actor{}, &Refusal{Reason: Revoked, Person: a.Person, Via: a.Via}
		}
	}
	if err := s.standing(ctx, a.Person, a.Via, made); err != nil {
		return Actor{}, err
	}
	return a, nil
}

// Links says which links: one, those of a person, or those of a run; exactly one is set.
type Links struct {
	ID     string // as in the Via of its actor, "link ID"
	Person string
	Run    string
}

// RevokeLinks takes links back that were made until now.
func (s *Service) RevokeLinks(ctx context.Context, which Links, by string) error {
	what := ""
	for _, w := range []struct{ kind, id string }{{"id ", which.ID}, {"person ", which.Person}, {"run ", which.Run}} {
		if w.id == "" {
			continue
		}
		if what != "" {
			return fmt.Errorf("%w: say one of them, a link, a person or a run", ErrAsked)
		}
		what = w.kind + w.id
	}
	if what == "" {
		return fmt.Errorf("%w: say which links, one, a person's or a run's", ErrAsked)
	}
	now := s.o.Now().UTC()
	err := change(ctx, s, kindLinkBan, what, func(b *ban, _ bool) error {
		*b = ban{At: now, By: by}
		return nil
	})
	if err == nil {
		s.note(ctx, journal.Access{Person: by, Act: "revoke links", Object: what, Outcome: "ok"})
	}
	return err
}

// Allows refuses what a link is not good for. An actor without a limit is allowed here;
// what they may do is said elsewhere.
func (a Actor) Allows(run string, purpose Purpose) error {
	switch {
	case a.Limit == nil:
		return nil
	case a.Limit.Run != run:
		return &Refusal{Reason: OtherRun, Person: a.Person, Via: a.Via}
	case a.Limit.Purpose != purpose:
		return &Refusal{Reason: OtherPurpose, Person: a.Person, Via: a.Via}
	}
	return nil
}
