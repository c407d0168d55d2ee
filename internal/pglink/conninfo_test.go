package pglink

import (
	"slices"
	"strings"
	"testing"
)

func TestHostsOfAConnectionString(t *testing.T) {
	for _, c := range []struct {
		conninfo string
		want     []Host
	}{
		{"host=db1", []Host{{"db1", 5432}}},
		{"host=db1 port=6000 sslrootcert=/nowhere password=x", []Host{{"db1", 6000}}},
		{`host = 'db 1' password='it\'s \\ a=b' port='6000'`, []Host{{"db 1", 6000}}},
		{"host=db1,db2 port=6000", []Host{{"db1", 6000}, {"db2", 6000}}},
		{"host=db1,db2 port=6000,", []Host{{"db1", 6000}, {"db2", 5432}}},
		{"hostaddr=192.0.2.1 port=6000", []Host{{"192.0.2.1", 6000}}},
		{"host=db1 hostaddr=192.0.2.1", []Host{{"192.0.2.1", 5432}}},
		{"host=/run/postgresql", []Host{{"/run/postgresql", 5432}}},
		{"postgresql://u:p%40@db1:6000,[2001:db8::1],db3/x?sslcert=/nowhere", []Host{{"db1", 6000}, {"2001:db8::1", 5432}, {"db3", 5432}}},
		{"postgres://%2Frun%2Fpg/x?port=6000", []Host{{"/run/pg", 6000}}},
		{"postgres:///x?host=db1&port=6000", []Host{{"db1", 6000}}},
		{"postgres://db1?hostaddr=192.0.2.1", []Host{{"192.0.2.1", 5432}}},
	} {
		if got, err := Hosts(c.conninfo); err != nil || !slices.Equal(got, c.want) {
			t.Errorf("%s: %v, %v, want %v", c.conninfo, got, err, c.want)
		}
	}
	for _, wrong := range []string{"user=x", "service=db", "host=db1,db2 port=1,2,3", "host=db1 hostaddr=192.0.2.1,192.0.2.2", "host=db1,", "host",
		"host=db1 password='hidden", "host=db1 port=hidden", "host=db1 port=70000", "postgres://u:hidden@[::1", "postgres://u:hidden@/x", "postgres://u:hidden@%zz/x"} {
		if got, err := Hosts(wrong); err == nil || strings.Contains(err.Error(), "hidden") {
			t.Errorf("%s: %v, %v, want an error that repeats nothing of it", wrong, got, err)
		}
	}
}
