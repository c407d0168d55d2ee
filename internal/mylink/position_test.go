package mylink

import (
	"testing"

	"github.com/muster-dr/muster/internal/mycluster"
)

const (
	one = "3e11fa47-71ca-11e1-9e33-c80aa9429562"
	two = "4f22ab58-71ca-11e1-9e33-c80aa9429562"
)

func position(t *testing.T, of Flavour, s string) Position {
	t.Helper()
	p, err := ParsePosition(of, s)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestLacks(t *testing.T) {
	for _, c := range []struct {
		of         Flavour
		have, want string
		lacks      int64
	}{
		{mycluster.MariaDB, "", "", 0},
		{mycluster.MariaDB, "", "0-1-100", 100},
		{mycluster.MariaDB, "0-1-90", "0-1-100", 10},
		{mycluster.MariaDB, "0-2-101", "0-1-100", 0}, // a later writer of the same domain
		{mycluster.MariaDB, "0-1-100", "0-1-100,7-1-3", 3},
		{mycluster.MySQL, one + ":1-5", one + ":1-5", 0},
		{mycluster.MySQL, one + ":1-5", one + ":1-5:7,\n" + two + ":1-3", 4},
		{mycluster.MySQL, one + ":1-3:5-9", one + ":2-6", 1},
		{mycluster.MySQL, one + ":1-2:3", one + ":1-3", 0}, // neighbours are one span
		{mycluster.MySQL, one + ":1-5", one + ":1-5:nightly:1-2", 2},
		{mycluster.MySQL, "3E11FA47-71CA-11E1-9E33-C80AA9429562:1-5", one + ":1", 0},
	} {
		if n := position(t, c.of, c.have).Lacks(position(t, c.of, c.want)); n != c.lacks {
			t.Errorf("%s: %q lacks %d of %q, want %d", c.of, c.have, n, c.want, c.lacks)
		}
	}
	both := position(t, mycluster.MySQL, one+":1-3").With(position(t, mycluster.MySQL, one+":4-5,"+two+":1"))
	if !both.Has(position(t, mycluster.MySQL, one+":1-5,"+two+":1")) || len(both[one]) != 1 {
		t.Errorf("both = %v", both)
	}
}

func TestMeets(t *testing.T) {
	for _, c := range []struct {
		of   Flavour
		a, b string
		want bool
	}{
		{mycluster.MariaDB, "0-1-100", "0-2-7", true}, // one domain, whoever wrote
		{mycluster.MariaDB, "0-1-100,7-1-3", "7-2-1", true},
		{mycluster.MariaDB, "0-1-100", "7-1-3", false},
		{mycluster.MariaDB, "", "0-1-100", false},
		{mycluster.MySQL, one + ":1-5", one + ":9", true},
		{mycluster.MySQL, one + ":1-5", two + ":1-5", false},
	} {
		a, b := position(t, c.of, c.a), position(t, c.of, c.b)
		if a.Meets(b) != c.want || b.Meets(a) != c.want {
			t.Errorf("%s: %q meets %q: %v, want %v", c.of, c.a, c.b, a.Meets(b), c.want)
		}
	}
}

func TestParsePositionRefusesRubbish(t *testing.T) {
	for of, texts := range map[Flavour][]string{
		mycluster.MariaDB: {"0-1", "0-1-x", "x-1-1", "0-1-2-3"},
		mycluster.MySQL:   {one, one + ":", one + ":0-3", one + ":5-3", one + ":1-", ":1-3", one + ":1-99999999999999999999"},
	} {
		for _, s := range texts {
			if p, err := ParsePosition(of, s); err == nil {
				t.Errorf("%s %q = %v", of, s, p)
			}
		}
	}
}

func FuzzParsePosition(f *testing.F) {
	f.Add(true, "0-1-100,1-2-7")
	f.Add(false, one+":1-5:7:nightly:1-2,"+two+":9")
	f.Fuzz(func(t *testing.T, maria bool, s string) {
		of := mycluster.MySQL
		if maria {
			of = mycluster.MariaDB
		}
		p, err := ParsePosition(of, s)
		if err != nil {
			return
		}
		if !p.Has(p) || p.Lacks(Position{}) != 0 || !p.With(p).Has(p) {
			t.Errorf("%q = %v, which does not have itself", s, p)
		}
	})
}
