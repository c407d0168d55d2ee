package cases_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/muster-dr/muster/internal/pgtest"
)

// The group ipa-counter has the counters' web service on either side, each with a database
// of its own: the main one issues 40 certificates a second, the fallback system 28. The
// main database can read the other's entries, to bring them home.
func init() {
	servers["ipa-counter"] = func(t *testing.T, g *group) {
		main, fallback, secret := apart(t)
		for _, s := range []*pgtest.Server{main, fallback} {
			s.Exec(t, counterSchema)
		}
		reads(t, main, fallback, "fallback")
		counter, applications := freePort(t), freePort(t)
		limited, whole := freePort(t), freePort(t)
		socket := balancer(t, door("counter", address(counter), [2]string{"main", openCounter(t, "main", main, 40)}, [2]string{"-fallback", openCounter(t, "fallback", fallback, 28)})+
			door("applications", address(applications), [2]string{"main", address(whole)}, [2]string{"-limited", address(limited)})+
			page("whole", address(whole))+page("limited", address(limited)))
		g.serves(t, "counter-main", main, secret)
		g.serves(t, "counter-fallback", fallback, secret)
		g.set(t, "name", "doors", map[string]any{"socket": socket})
		g.replace(t, strings.NewReplacer("127.0.0.1:8081", address(counter), "127.0.0.1:8082", address(applications)))
	}
	// The data centre that is cut off has one database, which its own counter reads too.
	servers["ipa-counter-inside"] = func(t *testing.T, g *group) {
		_, inside, secret := apart(t)
		inside.Exec(t, counterSchema)
		residents, line := freePort(t), freePort(t)
		socket := balancer(t, door("residents", address(residents), [2]string{"branches", address(line)}, [2]string{"-lobby", openCounter(t, "inside", inside, 40)})+
			door("line", address(line), [2]string{"wan", openCounter(t, "branches", inside, 40)}))
		g.serves(t, "inside-db", inside, secret)
		g.set(t, "name", "inside-doors", map[string]any{"socket": socket})
		g.replace(t, strings.NewReplacer("127.0.0.1:8083", address(residents), "127.0.0.1:8084", address(line)))
	}
}

func address(port int) string { return fmt.Sprintf("127.0.0.1:%d", port) }

// page is a frontend that answers a word.
func page(word, address string) string {
	return fmt.Sprintf("frontend page-%[1]s\n  bind %[2]s\n  http-request return status 200 content-type text/plain string %[1]s\n", word, address)
}
