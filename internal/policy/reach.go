package policy

import (
	"cmp"
	"context"
	"net"
	"net/netip"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/muster-dr/muster/activities"
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/yamldoc"
)

// hostRule is an entry of hosts: a name, with * for a part of it, or a network; with a
// port, or for all of them.
type hostRule struct {
	name string
	net  netip.Prefix
	port string
}

// check notes mistakes in a rule's hosts and paths.
func (r *Rule) check(log *yamldoc.Log) {
	for _, h := range r.Hosts {
		if _, err := parseHost(h.V); h.Set && err != nil {
			log.Add(h.Place, "hosts: %v", "hosts: %v", err)
		}
	}
	checkPaths("paths", r.Paths, log)
	for what, patterns := range map[string][]text{"env": r.Env, "queues": r.Queues} {
		for _, p := range patterns {
			if _, err := path.Match(p.V, ""); p.Set && (err != nil || p.V == "") {
				log.Add(p.Place, "%s: %q is no name, in which * stands for any part", "%s: %q は名前として正しくありません（* は任意の文字列を表します）", what, p.V)
			}
		}
	}
}

func checkPaths(field string, paths []text, log *yamldoc.Log) {
	for _, p := range paths {
		if p.Set && !filepath.IsAbs(p.V) {
			log.Add(p.Place, "%s: %q is not absolute; write it from / on", "%s: %q は絶対パスではありません。/ から書いてください", field, p.V)
		}
	}
}

func parseHost(text string) (hostRule, error) {
	host, port := text, ""
	if i := strings.LastIndex(text, ":"); i >= 0 && (strings.Count(text, ":") == 1 || strings.HasPrefix(text, "[") && strings.HasSuffix(text[:i], "]")) {
		host, port = text[:i], text[i+1:]
		if n, err := strconv.Atoi(port); err != nil || n < 1 || n > 65535 {
			return hostRule{}, plan.Wrong("%q: the port is not a number from 1 to 65535", "%q: ポートは 1〜65535 の数値で書いてください", text)
		}
	}
	if strings.HasPrefix(host, "[") && strings.HasSuffix(host, "]") {
		host = host[1 : len(host)-1]
	}
	if n, err := netip.ParsePrefix(host); err == nil {
		return hostRule{net: n.Masked(), port: port}, nil
	}
	if a, err := netip.ParseAddr(host); err == nil {
		a = a.Unmap().WithZone("")
		return hostRule{net: netip.PrefixFrom(a, a.BitLen()), port: port}, nil
	}
	if _, err := path.Match(host, ""); err != nil || host == "" || strings.ContainsAny(host, "/:[] \t") {
		return hostRule{}, plan.Wrong("%q is no name, address or network such as db.example.com, *.example.com:5432, 10.0.0.7 or 10.0.0.0/8", "%q はホスト名、アドレス、ネットワークのいずれでもありません。db.example.com、*.example.com:5432、10.0.0.7、10.0.0.0/8 のように書いてください", text)
	}
	return hostRule{name: plainName(host), port: port}, nil
}

// hosts are the rule's; its mistakes kept the worker from starting.
func (r Rule) hosts() []hostRule {
	out := make([]hostRule, len(r.Hosts))
	for i, h := range r.Hosts {
		out[i], _ = parseHost(h.V)
	}
	return out
}

func plainName(name string) string { return strings.ToLower(strings.TrimSuffix(name, ".")) }

// touched is what a deny rule finds in a call's reach, or nothing. The error says
// that it can't be told.
func (r Rule) touched(ctx context.Context, find *finder, reach *activities.Reach) (plan.Text, error) {
	if reach == nil {
		return nothing, nil
	}
	for _, h := range reach.Hosts {
		host, port := apart(h)
		for _, rule := range r.hosts() {
			if rule.port != "" && port != "" && rule.port != port {
				continue
			}
			if rule.name != "" {
				if ok, _ := path.Match(rule.name, host); ok {
					return hostText(h), nil
				}
				continue
			}
			addrs, err := find.of(ctx, host)
			if err != nil {
				return nothing, err
			}
			for _, a := range addrs {
				if rule.net.Contains(a) {
					return hostText(h), nil
				}
			}
		}
	}
	for _, file := range slices.Concat(reach.Paths, reach.Secrets) {
		if below(r.Paths, filepath.Clean(file)) || below(r.Paths, resolved(file)) {
			return pathText(file), nil
		}
	}
	for _, name := range reach.Env {
		if fits(r.Env, name) {
			return plan.Say("the environment variable %s", "環境変数 %s", name), nil
		}
	}
	for _, queue := range reach.Queues {
		if fits(r.Queues, queue) {
			return plan.Say("task queue %s", "タスクキュー %s", queue), nil
		}
	}
	return nothing, nil
}

// beyond is what of a call's reach an allow rule does not cover, or nothing. Secret files
// count as paths unless they have folders of their own.
func (r Rule) beyond(ctx context.Context, find *finder, reach *activities.Reach, vault bool) plan.Text {
	if reach == nil {
		return nothing
	}
	for _, h := range reach.Hosts {
		if len(r.Hosts) > 0 && !r.coversHost(ctx, find, h) {
			return hostText(h)
		}
	}
	paths := reach.Paths
	if !vault {
		paths = slices.Concat(paths, reach.Secrets)
	}
	for _, file := range paths {
		if len(r.Paths) > 0 && !below(r.Paths, resolved(file)) {
			return pathText(file)
		}
	}
	for _, name := range reach.Env {
		if len(r.Paths)+len(r.Env) > 0 && !fits(r.Env, name) {
			return plan.Say("the environment variable %s, which its env does not name", "環境変数 %s（env に記載がない）", name)
		}
	}
	for _, queue := range reach.Queues {
		if len(r.Queues) > 0 && !fits(r.Queues, queue) {
			return plan.Say("task queue %s", "タスクキュー %s", queue)
		}
	}
	return nothing
}

// hostText and pathText are what a call reaches, by its name or else in words.
func hostText(h string) plan.Text {
	return plan.Text{EN: cmp.Or(h, "an address that can't be read"), JA: cmp.Or(h, "解釈できないアドレス")}
}

func pathText(file string) plan.Text {
	return plan.Text{EN: cmp.Or(file, "a path that can't be read"), JA: cmp.Or(file, "解釈できないパス")}
}

// coversHost: a name is covered by its name, or when every address that it has now is in
// one of the networks.
func (r Rule) coversHost(ctx context.Context, find *finder, h string) bool {
	host, port := apart(h)
	var nets []netip.Prefix
	for _, rule := range r.hosts() {
		if rule.port != "" && rule.port != port {
			continue
		}
		if rule.name == "" {
			nets = append(nets, rule.net)
		} else if ok, _ := path.Match(rule.name, host); ok {
			return true
		}
	}
	if len(nets) == 0 {
		return false
	}
	addrs, err := find.of(ctx, host)
	if err != nil || len(addrs) == 0 {
		return false
	}
	for _, a := range addrs {
		in := false
		for _, n := range nets {
			in = in || n.Contains(a)
		}
		if !in {
			return false
		}
	}
	return true
}

// apart takes host:port apart; what names no host, as ":80", is this machine.
func apart(h string) (host, port string) {
	host = h
	if a, p, err := net.SplitHostPort(h); err == nil {
		if host, port = a, p; host == "" {
			host = "localhost"
		}
	}
	return plainName(strings.Trim(host, "[]")), port
}

// finder looks names up, each once for a question.
type finder struct {
	lookup func(context.Context, string) ([]netip.Addr, error)
	known  map[string][]netip.Addr
}

func (f *finder) of(ctx context.Context, host string) ([]netip.Addr, error) {
	if a, err := netip.ParseAddr(host); err == nil {
		return []netip.Addr{a.Unmap().WithZone("")}, nil
	}
	if addrs, ok := f.known[host]; ok {
		return addrs, nil
	}
	addrs, err := f.lookup(ctx, host)
	if err != nil {
		return nil, err
	}
	if f.known == nil {
		f.known = map[string][]netip.Addr{}
	}
	for i, a := range addrs {
		addrs[i] = a.Unmap().WithZone("")
	}
	f.known[host] = addrs
	return addrs, nil
}

// lookupWithin bounds one question to the resolver.
const lookupWithin = 3 * time.Second

func addresses(ctx context.Context, name string) ([]netip.Addr, error) {
	ctx, cancel := context.WithTimeout(ctx, lookupWithin)
	defer cancel()
	return net.DefaultResolver.LookupNetIP(ctx, "ip", name)
}

// below reports whether a file is one of the paths or in one of them, as they are written
// or where their links lead.
func below(paths []text, file string) bool {
	for _, p := range paths {
		for _, top := range []string{filepath.Clean(p.V), resolved(p.V)} {
			if file == top || top == "/" || strings.HasPrefix(file, top+"/") {
				return true
			}
		}
	}
	return false
}

// resolved is where a path leads, through links as far as it is there.
func resolved(file string) string { return follow(file, 40) }

// follow goes through at most so many links that lead nowhere yet; "" is in no folder.
func follow(file string, links int) string {
	abs, err := filepath.Abs(file)
	if err != nil {
		return ""
	}
	rest := ""
	for dir := abs; ; dir = filepath.Dir(dir) {
		if found, err := filepath.EvalSymlinks(dir); err == nil {
			return filepath.Join(found, rest)
		}
		if to, err := os.Readlink(dir); err == nil { // what is made there is made where the link leads
			if links == 0 {
				return ""
			}
			if !filepath.IsAbs(to) {
				to = filepath.Join(filepath.Dir(dir), to)
			}
			return follow(filepath.Join(to, rest), links-1)
		}
		if dir == filepath.Dir(dir) {
			return abs
		}
		rest = filepath.Join(filepath.Base(dir), rest)
	}
}
