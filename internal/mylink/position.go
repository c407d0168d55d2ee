package mylink

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/muster-dr/muster/internal/mycluster"
)

// Position is the transactions that a server has, by their global IDs: of each source the
// numbers it has, in order and apart from one another. A source is MySQL's UUID (with a
// tag, where there is one) or MariaDB's replication domain, whose numbers have no holes.
type Position map[string][]Span

// Span is the numbers From to To.
type Span struct{ From, To int64 }

// ParsePosition reads a server's text: MariaDB's "0-1-100,1-2-7", MySQL's
// "3e11fa47-...:1-5:7,...:1-3".
func ParsePosition(of Flavour, s string) (Position, error) {
	p := Position{}
	for _, part := range strings.FieldsFunc(s, func(r rune) bool { return r == ',' || r == '\n' || r == ' ' }) {
		var err error
		if of == mycluster.MariaDB {
			err = p.domain(part)
		} else {
			err = p.set(part)
		}
		if err != nil {
			return nil, fmt.Errorf("%.200q is no position: %w", s, err)
		}
	}
	for source, spans := range p {
		p[source] = joined(spans)
	}
	return p, nil
}

func (p Position) domain(s string) error {
	parts := strings.Split(s, "-")
	if len(parts) != 3 {
		return fmt.Errorf("%q is not domain-server-number", s)
	}
	if _, err := strconv.ParseUint(parts[0], 10, 32); err != nil {
		return err
	}
	n, err := strconv.ParseInt(parts[2], 10, 64)
	if err != nil {
		return err
	}
	if n < 0 {
		return fmt.Errorf("%q is below 0", parts[2])
	}
	if n > 0 {
		p[parts[0]] = append(p[parts[0]], Span{1, n})
	}
	return nil
}

// set reads UUID:interval[:interval...], with tags in between since MySQL 8.3.
func (p Position) set(s string) error {
	parts := strings.Split(s, ":")
	if len(parts) < 2 || parts[0] == "" {
		return fmt.Errorf("%q is not source:numbers", s)
	}
	uuid := strings.ToLower(parts[0])
	source := uuid
	for _, part := range parts[1:] {
		if part == "" {
			return fmt.Errorf("%q has an empty part", s)
		}
		if part[0] < '0' || part[0] > '9' {
			source = uuid + ":" + strings.ToLower(part)
			continue
		}
		from, to, ranged := strings.Cut(part, "-")
		if !ranged {
			to = from
		}
		a, err1 := strconv.ParseInt(from, 10, 64)
		b, err2 := strconv.ParseInt(to, 10, 64)
		if err1 != nil || err2 != nil || a <= 0 || b < a {
			return fmt.Errorf("%q is no interval", part)
		}
		p[source] = append(p[source], Span{a, b})
	}
	return nil
}

func joined(spans []Span) []Span {
	slices.SortFunc(spans, func(a, b Span) int { return cmp.Compare(a.From, b.From) })
	out := spans[:0]
	for _, s := range spans {
		if n := len(out); n > 0 && s.From <= out[n-1].To+1 {
			out[n-1].To = max(out[n-1].To, s.To)
			continue
		}
		out = append(out, s)
	}
	return out
}

// Lacks counts the transactions of want that p does not have.
func (p Position) Lacks(want Position) (n int64) {
	for source, spans := range want {
		for _, s := range spans {
			n += s.To - s.From + 1
			for _, have := range p[source] {
				if from, to := max(s.From, have.From), min(s.To, have.To); from <= to {
					n -= to - from + 1
				}
			}
		}
	}
	return n
}

// Has reports whether p has every transaction of want.
func (p Position) Has(want Position) bool { return p.Lacks(want) == 0 }

// Meets reports whether p and q have transactions of one source, so that their servers may be copies of one database.
func (p Position) Meets(q Position) bool {
	for source := range p {
		if len(p[source]) > 0 && len(q[source]) > 0 {
			return true
		}
	}
	return false
}

// With is every transaction of p and of q.
func (p Position) With(q Position) Position {
	out := Position{}
	for _, one := range []Position{p, q} {
		for source, spans := range one {
			out[source] = append(out[source], spans...)
		}
	}
	for source, spans := range out {
		out[source] = joined(spans)
	}
	return out
}
