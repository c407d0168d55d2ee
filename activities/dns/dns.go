// Package dns is the family of actions on DNS records: a dynamic update (RFC 2136) signed
// with TSIG (RFC 8945), which is not done before every authoritative server that answers at
// all answers the new value, and waiting for it elsewhere.
package dns

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/miekg/dns"

	"github.com/muster-dr/muster/activities"
	"github.com/muster-dr/muster/internal/dnsname"
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/run"
)

// Zone is a target of kind "dns_zone".
type Zone struct {
	Zone      string            `json:"zone" help:"Name of the zone." ja:"ゾーンの名前" example:"example.com"`
	Primary   string            `json:"primary" reach:"host" help:"Server that takes updates, host:port." ja:"更新を受け付けるサーバー（ホスト:ポート）" example:"ns1.example.com:53"`
	Servers   []string          `json:"servers" reach:"host" help:"The other authoritative servers, host:port each." ja:"ほかの権威サーバー。それぞれ ホスト:ポート" default:"[]"`
	Key       string            `json:"key" help:"Name of the TSIG key; empty sends updates unsigned." ja:"TSIG鍵の名前。空なら署名せずに更新を送る" default:""`
	Secret    activities.Secret `json:"secret" help:"The key's secret, base64." ja:"鍵の秘密値（base64）" default:""`
	Algorithm string            `json:"algorithm" help:"The key's algorithm." ja:"鍵のアルゴリズム" default:"hmac-sha256" enum:"hmac-sha256,hmac-sha512,hmac-sha1"`
}

// Target is a parameter that names one.
type Target = activities.Target[Zone]

// TargetKinds declares what the estate may hold for this family.
func TargetKinds() []activities.TargetKind {
	return []activities.TargetKind{activities.DefineTarget[Zone]("dns_zone", plan.Text{EN: "A DNS zone that takes dynamic updates.", JA: "動的更新を受け付けるDNSゾーン。"})}
}

// Actions lists the family's actions.
func Actions() []activities.Action {
	return []activities.Action{
		activities.Define("dns.update", activities.Doc{
			Summary:   "Set a record's values, and wait until every authoritative server that answers has them.",
			SummaryJA: "レコードの値を更新し、応答するすべての権威サーバーに反映されるまで待つ。",
			Effect:    run.Disrupt, Undo: "dns.update", Settle: 2 * time.Second,
		}, update, activities.Look(look), activities.Ready(ready)),
		activities.Define("dns.wait", activities.Doc{
			Summary:    "Wait until servers answer a record's values.",
			SummaryJA:  "各サーバーがレコードの新しい値を応答するまで待つ。",
			Effect:     run.Observe,
			Repeatable: true,
		}, await),
	}
}

// askWithin bounds one question to one server, sendWithin an update; every is the time between
// two rounds.
const (
	askWithin  = 2 * time.Second
	sendWithin = 10 * time.Second
	every      = 100 * time.Millisecond
	// silentFor is how long a server that answered old values must have been silent before it counts as gone: it may be
	// restarting, or the network may lose what it says.
	silentFor = 15 * time.Second
)

// ways are how a server is asked before it counts as silent, each apart after the one before where that had no answer:
// one lost packet says nothing of a server.
var ways = []string{"udp", "udp", "tcp"}

const apart = 400 * time.Millisecond

// Record is a record set with the values it shall have.
type Record struct {
	Zone   Target   `json:"zone" kind:"dns_zone" example:"orders-zone" help:"Zone that holds it." ja:"登録先のゾーン"`
	Name   string   `json:"name" help:"Name within the zone; @ is the zone itself." ja:"ゾーン内の名前。@ はゾーン自身" example:"www"`
	Type   string   `json:"type" help:"Type of the record." ja:"レコードの種類" default:"A" enum:"A,AAAA,CNAME,MX,TXT"`
	Values []string `json:"values" help:"All values that it shall have; of an MX the preference and the server, as in 10 mx1.example.com." ja:"設定する値のすべて。MXは優先度とサーバー（10 mx1.example.com など）" example:"[\"192.0.2.10\"]"`
}

// Update is the parameters of dns.update.
type Update struct {
	Record
	TTL  run.Duration `json:"ttl" help:"How long others may keep the new values." ja:"新しい値をキャッシュしてよい時間" default:"60s"`
	Wait run.Duration `json:"wait" help:"How long the servers may take." ja:"全サーバーへの反映を待つ時間" default:"2m"`
}

// Updated is its result.
type Updated struct {
	Name        string    `json:"name" help:"Full name of the record." ja:"レコードの完全な名前"`
	OldValues   []string  `json:"old_values" help:"What it was before; empty when it was not there. An undo sets these; an empty list removes the record." ja:"変更前の値。なかった場合は空。取り消しではこの値に戻す（空ならレコードを削除する）"`
	OldTTLS     float64   `json:"old_ttl_s" help:"Seconds for which others may have kept the old values." ja:"古い値がキャッシュされうる秒数"`
	CachedUntil time.Time `json:"cached_until" help:"Until then resolvers may answer the old values." ja:"この時刻まではリゾルバーが古い値を返すことがある"`
	Answering   []string  `json:"answering" help:"Servers that answer the new values." ja:"新しい値を返すサーバー"`
	Silent      []string  `json:"silent" help:"Authoritative servers that answered nothing, and may come back with old values." ja:"応答がなく、古い値のまま復帰するおそれのある権威サーバー"`
}

func (r Record) name() string { return dnsname.Full(r.Zone.Spec.Zone, r.Name) }

// set makes the records, which checks the values.
func (r Record) set(ttl time.Duration) ([]dns.RR, error) {
	var out []dns.RR
	for _, v := range r.Values {
		if r.Type == "TXT" {
			out = append(out, &dns.TXT{Hdr: dns.RR_Header{Name: r.name(), Rrtype: dns.TypeTXT, Class: dns.ClassINET, Ttl: uint32(ttl.Seconds())}, Txt: []string{v}})
			continue
		}
		given := v
		switch r.Type {
		case "CNAME":
			v = dns.Fqdn(v)
		case "MX":
			given = strings.Replace(v, " ", "", 1) // between preference and server
			v = canonical("MX", v)
		}
		if strings.ContainsAny(given, " \t\n;\"") {
			return nil, activities.RefusedBoth("values: %q is no value of a %s record", "values：%q は %s レコードの値ではない", v, r.Type)
		}
		rr, err := dns.NewRR(fmt.Sprintf("%s %d IN %s %s", r.name(), int(ttl.Seconds()), r.Type, v))
		if err != nil || rr == nil {
			return nil, activities.RefusedBoth("values: %q is no value of a %s record", "values：%q は %s レコードの値ではない", v, r.Type)
		}
		out = append(out, rr)
	}
	if len(out) == 0 {
		return nil, activities.RefusedBoth("values is empty: a record without values would be gone; name at least one", "values が空：値のないレコードは消えてしまうため、1つ以上指定する")
	}
	return out, nil
}

// target is the records that shall be there. Only an undo may want none: of a record that its step has made.
func (p Update) target(ctx context.Context) ([]dns.RR, error) {
	if len(p.Values) == 0 && activities.Undoes(ctx) {
		return nil, nil
	}
	return p.set(p.TTL.Std())
}

// shown is values as people read them.
func shown(values []string) plan.Text {
	if len(values) == 0 {
		return activities.Lacking("no record", "レコードなし")
	}
	text := strings.Join(values, ", ")
	return plan.Text{EN: text, JA: text}
}

// answer is what one server says of a record.
type answer struct {
	server string
	values []string // sorted
	ttl    time.Duration
	err    error
}

func (r Record) wanted() []string {
	out := make([]string, len(r.Values))
	for i, v := range r.Values {
		out[i] = canonical(r.Type, v)
	}
	slices.Sort(out)
	return out
}

func canonical(kind, v string) string {
	switch kind {
	case "A", "AAAA":
		if ip := net.ParseIP(v); ip != nil {
			return ip.String()
		}
	case "CNAME":
		return strings.ToLower(dns.Fqdn(v))
	case "MX":
		if preference, server, ok := strings.Cut(v, " "); ok {
			return preference + " " + strings.ToLower(dns.Fqdn(server))
		}
	}
	return v
}

// ask asks one server itself, without recursion when it is an authoritative one.
func ask(ctx context.Context, server, name, kind string, recurse bool) answer {
	out := answer{server: server}
	q := new(dns.Msg)
	q.SetQuestion(name, dns.StringToType[kind])
	q.RecursionDesired = recurse
	ctx, cancel := context.WithTimeout(ctx, askWithin)
	defer cancel()
	in, err := exchange(ctx, q, address(server))
	if err == nil && in.Truncated {
		in, err = exchangeBy(ctx, "tcp", q, address(server))
	}
	switch {
	case err != nil:
		out.err = fmt.Errorf("%s does not answer: %w", server, err)
	case in.Rcode != dns.RcodeSuccess && in.Rcode != dns.RcodeNameError:
		out.err = fmt.Errorf("%s answers %s", server, dns.RcodeToString[in.Rcode])
	case !recurse && !in.Authoritative:
		out.err = fmt.Errorf("%s is not authoritative for %s", server, name)
	}
	if out.err != nil {
		return out
	}
	for _, rr := range in.Answer {
		if rr.Header().Rrtype != dns.StringToType[kind] || !strings.EqualFold(rr.Header().Name, name) {
			continue
		}
		out.ttl = time.Duration(rr.Header().Ttl) * time.Second
		switch v := rr.(type) {
		case *dns.A:
			out.values = append(out.values, v.A.String())
		case *dns.AAAA:
			out.values = append(out.values, v.AAAA.String())
		case *dns.CNAME:
			out.values = append(out.values, strings.ToLower(v.Target))
		case *dns.MX:
			out.values = append(out.values, fmt.Sprintf("%d %s", v.Preference, strings.ToLower(v.Mx)))
		case *dns.TXT:
			out.values = append(out.values, strings.Join(v.Txt, ""))
		}
	}
	slices.Sort(out.values)
	return out
}

// exchange asks in each of the ways until one has an answer, or the host says that nothing listens there.
func exchange(ctx context.Context, q *dns.Msg, address string) (*dns.Msg, error) {
	type reply struct {
		in  *dns.Msg
		err error
		way string
	}
	ctx, cancel := context.WithCancel(ctx) // ends those that are not needed any more
	defer cancel()
	replies := make(chan reply, len(ways))
	for i, way := range ways {
		go func() {
			select {
			case <-time.After(time.Duration(i) * apart):
			case <-ctx.Done():
				return
			}
			in, err := exchangeBy(ctx, way, q.Copy(), address)
			replies <- reply{in, err, way}
		}()
	}
	var first error
	for range ways {
		select {
		case r := <-replies:
			if r.err == nil || r.way == "udp" && errors.Is(r.err, syscall.ECONNREFUSED) {
				return r.in, r.err
			}
			if first == nil {
				first = r.err
			}
		case <-ctx.Done():
			return nil, cmp.Or(first, ctx.Err())
		}
	}
	return nil, first
}

// exchangeBy asks in one way; unlike the library's, it ends with ctx.
func exchangeBy(ctx context.Context, way string, q *dns.Msg, address string) (*dns.Msg, error) {
	c := &dns.Client{Net: way, Timeout: askWithin}
	conn, err := c.DialContext(ctx, address)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { _ = conn.Close() })()
	in, _, err := c.ExchangeWithConnContext(ctx, q, conn)
	return in, err
}

func address(server string) string {
	if _, _, err := net.SplitHostPort(server); err != nil {
		return net.JoinHostPort(server, "53")
	}
	return server
}

// askAll asks all servers side by side; the first is the primary.
func askAll(ctx context.Context, servers []string, name, kind string, recurse bool) []answer {
	out := make([]answer, len(servers))
	var wg sync.WaitGroup
	for i, s := range servers {
		wg.Go(func() { out[i] = ask(ctx, s, name, kind, recurse) })
	}
	wg.Wait()
	return out
}

func (z Zone) servers() []string { return append([]string{z.Primary}, z.Servers...) }

func update(ctx context.Context, p Update) (Updated, error) {
	set, err := p.target(ctx)
	if err != nil {
		return Updated{}, err
	}
	z := p.Zone.Spec
	before := ask(ctx, z.Primary, p.name(), p.Type, false)
	if before.err != nil {
		return Updated{}, activities.RefusedBoth("nothing was changed: %v", "何も変更していない：%v", before.err)
	}
	was, err := p.before(ctx, before)
	if err != nil {
		return Updated{}, err
	}
	out := Updated{Name: p.name(), OldValues: was.Values, OldTTLS: was.TTLS, Answering: []string{}, Silent: []string{}}
	m := new(dns.Msg)
	m.SetUpdate(dns.Fqdn(z.Zone))
	m.RemoveRRset([]dns.RR{&dns.ANY{Hdr: dns.RR_Header{Name: p.name(), Rrtype: dns.StringToType[p.Type], Class: dns.ClassINET}}})
	m.Insert(set)
	if err := p.Zone.Spec.send(ctx, m); err != nil {
		return out, err
	}
	out.CachedUntil = was.CachedUntil
	if was.fresh {
		out.CachedUntil = time.Now().Add(before.ttl).UTC()
	}
	ctx, cancel := context.WithTimeout(ctx, p.Wait.Std())
	defer cancel()
	out.Answering, out.Silent, err = until(ctx, p.Record, z.servers(), false)
	return out, err
}

// old is what a record was before a step: the site's ledger keeps it, since afterwards the
// servers answer what the step has set.
type old struct {
	Values      []string  `json:"values"`
	TTLS        float64   `json:"ttl_s"`
	CachedUntil time.Time `json:"cached_until"`
	fresh       bool      // no attempt of the step has changed it yet
}

// before is what the record was before the step: what it is now, unless an attempt of the step
// has made it so.
func (p Update) before(ctx context.Context, now answer) (old, error) {
	if slices.Equal(now.values, p.wanted()) {
		var was old
		if kept, err := activities.Kept(ctx, &was); err != nil || kept {
			return was, err
		}
	}
	was := oldOf(now)
	return was, activities.Keep(ctx, was)
}

func oldOf(now answer) old {
	return old{Values: append([]string{}, now.values...), TTLS: now.ttl.Seconds(), CachedUntil: time.Now().Add(sendWithin + now.ttl).UTC(), fresh: true}
}

// send sends an update to the primary. A lost answer leaves unknown whether it was
// taken; a look settles it.
func (z Zone) send(ctx context.Context, m *dns.Msg) error {
	c := &dns.Client{Net: "tcp", Timeout: sendWithin}
	z.sign(c, m)
	in, _, err := c.ExchangeContext(ctx, m, address(z.Primary))
	switch {
	case err != nil && in == nil:
		return fmt.Errorf("%s took the update or not, its answer did not come: %w", z.Primary, err)
	case in.Rcode != dns.RcodeSuccess:
		return activities.RefusedBoth("%s refuses the update of %s with %s: %s", "%s がゾーン %s の更新を %s で拒否した：%s", z.Primary, z.Zone, dns.RcodeToString[in.Rcode], wayOut(in.Rcode))
	case err != nil:
		return fmt.Errorf("%s answers with a signature that is not its own: %w", z.Primary, err)
	}
	return nil
}

func (z Zone) sign(c *dns.Client, m *dns.Msg) {
	if z.Key == "" {
		return
	}
	key := dns.Fqdn(strings.ToLower(z.Key))
	c.TsigSecret = map[string]string{key: z.Secret.Reveal()}
	m.SetTsig(key, dns.Fqdn(z.Algorithm), 300, time.Now().Unix())
}

func wayOut(rcode int) plan.Text {
	switch rcode {
	case dns.RcodeNotAuth, dns.RcodeRefused:
		return plan.Text{EN: "check the key's name, algorithm and secret, the clocks of both sides, and that the zone allows updates by it",
			JA: "鍵の名前・アルゴリズム・秘密、双方の時計、ゾーンがその鍵による更新を許可しているかを確認する"}
	case dns.RcodeNotZone:
		return plan.Text{EN: "the name is not in the zone", JA: "その名前はゾーンに含まれない"}
	}
	return plan.Text{EN: "see its log", JA: "サーバーのログを確認する"}
}

func look(ctx context.Context, p Update) (activities.Seen, error) {
	if _, err := p.target(ctx); err != nil {
		return activities.Seen{}, err
	}
	answers := askAll(ctx, p.Zone.Spec.servers(), p.name(), p.Type, false)
	if answers[0].err != nil {
		return activities.Seen{}, answers[0].err
	}
	out := Updated{Name: p.name(), Answering: []string{}, Silent: []string{}}
	var old []string
	want := p.wanted()
	for _, a := range answers {
		switch {
		case a.err != nil:
			out.Silent = append(out.Silent, a.server)
		case slices.Equal(a.values, want):
			out.Answering = append(out.Answering, a.server)
		default:
			old = append(old, fmt.Sprintf("%s (%s)", a.server, strings.Join(a.values, ", ")))
		}
	}
	if len(old) == 0 {
		was := oldOf(answers[0]) // it was so already, unless an attempt of this step made it
		if _, err := activities.Kept(ctx, &was); err != nil {
			return activities.Seen{}, err
		}
		out.OldValues, out.OldTTLS, out.CachedUntil = was.Values, was.TTLS, was.CachedUntil
		return activities.Seen{Sight: plan.Holds, Detail: activities.Lacking("%s is %s", "%s は %s", out.Name, shown(want)).Both(), Output: out}, nil
	}
	return activities.Seen{Sight: plan.HoldsNot, Partial: len(out.Answering) > 0, Detail: activities.Lacking("other values are answered by %s", "%s が別の値を応答している", strings.Join(old, "; ")).Both()}, nil
}

// ready asks the primary for its zone, signed: that proves the key without an update.
func ready(ctx context.Context, p Update) ([]plan.Text, error) {
	if _, err := p.set(p.TTL.Std()); err != nil {
		return nil, err
	}
	z := p.Zone.Spec
	m := new(dns.Msg)
	m.SetQuestion(dns.Fqdn(z.Zone), dns.TypeSOA)
	c := &dns.Client{Net: "tcp", Timeout: askWithin}
	z.sign(c, m)
	in, _, err := c.ExchangeContext(ctx, m, address(z.Primary))
	var out []plan.Text
	switch {
	case err != nil && in == nil:
		return nil, fmt.Errorf("%s does not answer: %w", z.Primary, err)
	case in.Rcode != dns.RcodeSuccess || err != nil:
		out = append(out, activities.Lacking("%s does not take our key (%s): check its name, algorithm and secret, and the clocks", "%s が鍵を受け付けません（%s）。鍵の名前、アルゴリズム、秘密、双方の時計を確認してください", z.Primary, dns.RcodeToString[in.Rcode]))
	}
	for _, a := range askAll(ctx, z.Servers, dns.Fqdn(z.Zone), "TXT", false) {
		if a.err != nil {
			out = append(out, activities.Lacking("authoritative server %v", "権威サーバーの異常：%v", a.err))
		}
	}
	return out, nil
}
