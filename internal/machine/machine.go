// Package machine tells whether a server of the estate runs on this very machine. A path
// that exists here proves nothing: the machines of a system are built alike, and a fence
// that takes the neighbour's data directory for the target's ends the wrong server.
package machine

import (
	"cmp"
	"context"
	"errors"
	"net"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/muster-dr/muster/internal/plan"
)

// Place is where the estate says that a managed server is.
type Place struct {
	Server, Site string
	Elsewhere    bool     // see activities.Target
	Host         string   // at which it is reached
	Machine      string   // hostname of its machine, where Host is no address of it; may be empty
	Paths        []string // files of which one at least is on its machine; "" counts for nothing
}

// Here reports whether the server is on this machine, and if not, why it is not and where
// the step should run.
func (p Place) Here() (ok bool, why plan.Text) {
	paths := slices.DeleteFunc(slices.Clone(p.Paths), func(path string) bool { return path == "" })
	switch {
	case p.Elsewhere:
		return false, plan.Say("server %[1]s is not managed from this host: it is at site %[2]s, and this is the worker of another; run the step at: %[2]s",
			"サーバー %[1]s はこのホストでは管理していない。サーバーは拠点 %[2]s にあり、このワーカーは別の拠点のもの。ステップに at: %[2]s を指定する", p.Server, p.Site)
	case !slices.ContainsFunc(paths, exists):
		return false, plan.Say("server %s is not managed from this host: %s is not here; run the step on the worker of its own site (at: %s)",
			"サーバー %s はこのホストでは管理していない（%s がない）。そのサーバーの拠点のワーカーで実行する（at: %s）", p.Server, strings.Join(paths, ", "), p.Site)
	case !runs(p.Host, p.Machine):
		own, _ := os.Hostname()
		return false, plan.Say("server %s is not managed from this host: %s is not this machine (%s), although the paths of the estate exist here; run the step on the server's own machine, or, if it does run here (behind NAT, in a container), give the target machine: %s",
			"サーバー %s はこのホストでは管理していない。構成台帳のパスは存在するが、%s はこのマシン（%s）ではない。サーバー自身のマシンで実行する。NAT やコンテナーなどで実際にここで動いている場合は、操作対象に machine: %s を指定する",
			p.Server, cmp.Or(p.Machine, p.Host), own, own)
	}
	return true, plan.Text{}
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// resolveWithin bounds the question what a name's addresses are: a fence must not wait
// for a name server that went down with the site.
const resolveWithin = 2 * time.Second

const remember = 10 * time.Second

// runs reports whether a server that is reached at host may run here. named is the
// machine's hostname where host is no address of it (behind NAT, in a container), and
// then decides alone. A host of "" is not held against the machine, nor is a name that no
// name server answers for: that is what a disaster looks like. A name that does not exist is.
func runs(host, named string) bool {
	own, _ := os.Hostname()
	if named != "" {
		return sameName(named, own)
	}
	if host == "" || strings.HasPrefix(host, "/") || host == "localhost" || strings.EqualFold(host, own) {
		return true
	}
	if ip := net.ParseIP(host); ip != nil {
		return has(ip)
	}
	return asked.of(host, resolves)
}

// asked remembers for some moments what was found of a name: an action asks more than
// once, and a dead name server would cost it seconds each time.
var asked = memory{answers: map[string]answer{}}

type memory struct {
	sync.Mutex
	answers map[string]answer
}

type answer struct {
	here bool
	at   time.Time
}

// of asks without holding up the questions about other hosts: fences run side by side.
func (m *memory) of(host string, ask func(string) bool) bool {
	m.Lock()
	a, ok := m.answers[host]
	m.Unlock()
	if ok && time.Since(a.at) < remember {
		return a.here
	}
	a = answer{here: ask(host), at: time.Now()}
	m.Lock()
	defer m.Unlock()
	m.answers[host] = a
	return a.here
}

// resolves reports whether an address of the name is this machine's, see runs.
func resolves(host string) bool {
	ctx, cancel := context.WithTimeout(context.Background(), resolveWithin)
	defer cancel()
	found, err := net.DefaultResolver.LookupIPAddr(ctx, host)
	if err != nil {
		unknown := new(net.DNSError)
		return !errors.As(err, &unknown) || !unknown.IsNotFound
	}
	for _, a := range found {
		if has(a.IP) {
			return true
		}
	}
	return false
}

// sameName compares hostnames; the short one stands for the full one.
func sameName(a, b string) bool {
	a, b = strings.ToLower(strings.TrimSuffix(a, ".")), strings.ToLower(strings.TrimSuffix(b, "."))
	shortA, _, fullA := strings.Cut(a, ".")
	shortB, _, fullB := strings.Cut(b, ".")
	return a != "" && (a == b || shortA == shortB && fullA != fullB)
}

// has reports whether an interface of this machine, or of this network namespace, has
// the address. A machine whose interfaces can't be read has every address.
func has(ip net.IP) bool {
	if ip.IsLoopback() || ip.IsUnspecified() {
		return true
	}
	all, err := net.InterfaceAddrs()
	if err != nil {
		return true
	}
	for _, a := range all {
		if n, ok := a.(*net.IPNet); ok && n.IP.Equal(ip) {
			return true
		}
	}
	return false
}
