package pglink

import (
	"net/url"
	"path"
	"strconv"
	"strings"

	"github.com/muster-dr/muster/internal/plan"
)

// Host is one of the servers that a connection string names.
type Host struct {
	Name string // address, name, or directory of a socket
	Port int
}

// Hosts reads the servers that a connection string of libpq's names, in its order. It looks
// at nothing else in there: the files of keys that it may name are the server's, not ours.
// Its errors repeat none of it, since a password may be in it.
func Hosts(conninfo string) ([]Host, error) {
	values, err := keywords(conninfo)
	if err != nil {
		return nil, err
	}
	split := func(key string) []string {
		if values[key] == "" {
			return nil
		}
		return strings.Split(values[key], ",")
	}
	names, addresses, ports := split("host"), split("hostaddr"), split("port")
	if len(addresses) > 0 && len(names) > 0 && len(addresses) != len(names) {
		return nil, plan.Wrong("it has %d host and %d hostaddr", "host が %d 個、hostaddr が %d 個ある", len(names), len(addresses))
	}
	n := max(len(names), len(addresses))
	if n == 0 {
		return nil, plan.Wrong("it names no host", "host がない")
	}
	if len(ports) > 1 && len(ports) != n {
		return nil, plan.Wrong("it has %d hosts and %d ports", "ホストが %d 個、port が %d 個ある", n, len(ports))
	}
	out := make([]Host, n)
	for i := range out {
		out[i].Port = 5432
		if i < len(names) {
			out[i].Name = names[i]
		}
		if i < len(addresses) && addresses[i] != "" { // it is what libpq connects to
			out[i].Name = addresses[i]
		}
		if out[i].Name == "" {
			return nil, plan.Wrong("one of its hosts is empty", "host の一部が空である")
		}
		port := ""
		if len(ports) > 0 {
			port = ports[min(i, len(ports)-1)]
		}
		if port = strings.TrimSpace(port); port != "" {
			if out[i].Port, err = strconv.Atoi(port); err != nil || out[i].Port < 1 || out[i].Port > 65535 {
				return nil, plan.Wrong("its port is no number from 1 to 65535", "port が1から65535の数ではない")
			}
		}
	}
	return out, nil
}

// Socket reports whether the host is the directory of a socket, on the machine of whoever connects.
func (h Host) Socket() bool { return path.IsAbs(h.Name) || strings.HasPrefix(h.Name, "@") }

func keywords(conninfo string) (map[string]string, error) {
	for _, scheme := range []string{"postgresql://", "postgres://"} {
		if rest, ok := strings.CutPrefix(conninfo, scheme); ok {
			return fromURI(rest)
		}
	}
	out := map[string]string{}
	broken := plan.Wrong("it is no connection string", "接続文字列として読めない")
	for rest := strings.TrimLeft(conninfo, spaces); rest != ""; rest = strings.TrimLeft(rest, spaces) {
		key, after, ok := strings.Cut(rest, "=")
		if key = strings.TrimRight(key, spaces); !ok || key == "" || strings.ContainsAny(key, spaces) {
			return nil, broken
		}
		after = strings.TrimLeft(after, spaces)
		quoted := strings.HasPrefix(after, "'")
		if quoted {
			after = after[1:]
		}
		var value strings.Builder
		i, ended := 0, !quoted
		for ; i < len(after); i++ {
			b := after[i]
			if b == '\\' && i+1 < len(after) {
				i++
				value.WriteByte(after[i])
				continue
			}
			if quoted && b == '\'' {
				i, ended = i+1, true
				break
			}
			if !quoted && strings.IndexByte(spaces, b) >= 0 {
				break
			}
			value.WriteByte(b)
		}
		if !ended {
			return nil, broken
		}
		out[key], rest = value.String(), after[i:]
	}
	return out, nil
}

const spaces = " \t\r\n\f\v"

// fromURI reads what follows the scheme: [user[:password]@][host[:port][,...]][/database][?key=value[&...]].
// net/url takes one host only.
func fromURI(rest string) (map[string]string, error) {
	broken := plan.Wrong("it is no connection URI", "接続URIとして読めない")
	rest, query, _ := strings.Cut(rest, "?")
	rest, _, _ = strings.Cut(rest, "/")
	rest = rest[strings.LastIndexByte(rest, '@')+1:]
	var hosts, ports []string
	for h := range strings.SplitSeq(rest, ",") {
		name, port, _ := strings.Cut(h, ":")
		if strings.HasPrefix(h, "[") {
			in, after, ok := strings.Cut(h[1:], "]")
			if !ok {
				return nil, broken
			}
			name, port = in, strings.TrimPrefix(after, ":")
		}
		name, err := url.PathUnescape(name)
		if err != nil {
			return nil, broken
		}
		hosts, ports = append(hosts, name), append(ports, port)
	}
	out := map[string]string{"host": strings.Join(hosts, ","), "port": strings.Join(ports, ",")}
	values, err := url.ParseQuery(query)
	if err != nil {
		return nil, broken
	}
	for key := range values {
		out[key] = values.Get(key)
	}
	return out, nil
}
