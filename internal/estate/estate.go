// Package estate reads the inventory: sites, targets, systems with their objectives
// and probes, people and places. What it returns is checked and has the plan's shape.
package estate

import (
	"cmp"
	"fmt"
	"net/mail"
	"slices"
	"time"

	"go.yaml.in/yaml/v4"

	"github.com/muster-dr/muster/activities"
	"github.com/muster-dr/muster/internal/i18n"
	"github.com/muster-dr/muster/internal/params"
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/run"
	"github.com/muster-dr/muster/internal/yamldoc"
)

// Catalog knows the actions and kinds of target there are.
type Catalog interface {
	params.Catalog
	TargetKind(kind string) (activities.TargetKind, bool)
	TargetKinds() []activities.TargetKind
}

// Estate is the whole inventory, checked. Lists are sorted by name; Systems have the
// same index as Declared.
type Estate struct {
	plan.Estate
	Systems  []plan.System
	Declared []System // the same systems with the places of what they say
	Roles    []string // sorted
	// Titles are what people call the roles, where the file says so.
	Titles map[string]plan.Text
	// Contacts are how people are reached, by person. They stay out of plans: a person who
	// has moved is reached where they are now, and no run's record holds private addresses
	// (requirement P-PII).
	Contacts map[string]Contact
	// DeclaredMuster is the places of what the file says of the muster; nil without it.
	DeclaredMuster *Muster
	// PartyContacts are the contact lists of parties, by name; they stay out of plans as well.
	PartyContacts map[string]PartyContact
	// Owners are the roles that answer for sites and systems, by "site NAME" and "system NAME".
	Owners map[string]string
	// FreshFor is how long a proof counts; 0 is not said. No plan holds it: it changes nothing of a run.
	FreshFor time.Duration

	local  map[string]bool // kinds of target that only their own site's worker may act on
	grants map[run.Kind][]plan.Grant
	only   map[string]run.Kind // of people and roles that are limited, by "person ID" and "role NAME"
}

// Numbers are the telephone numbers of people, by ID.
func (e *Estate) Numbers() map[string]string {
	out := make(map[string]string, len(e.Contacts))
	for id, c := range e.Contacts {
		out[id] = c.Phone
	}
	return out
}

// Contact is how a person is reached and known. Empty fields are not known.
type Contact struct {
	Phone   string // as the estate's contact
	Mail    string // checked as an address
	Slack   string // member ID
	Subject string // of the OpenID provider's ID token
	Lang    string // en, ja, or "" for the server's
}

// Language is the one that the person reads; otherwise is the server's.
func (c Contact) Language(otherwise i18n.Lang) i18n.Lang {
	if c.Lang == "" {
		return otherwise
	}
	return i18n.Parse(c.Lang)
}

// kinds are what people and roles may be limited to.
var kinds = map[string]run.Kind{"drill": run.Drill, "real": run.Response}

// For is who may act in a run of this kind, with the roles that count in it, and who may
// not.
func (e *Estate) For(kind run.Kind) (people []plan.Person, barred []string) {
	may := func(key string) bool { only := e.only[key]; return only == "" || only == kind }
	for _, p := range e.People {
		if !may("person " + p.ID) {
			barred = append(barred, p.ID)
			continue
		}
		p.Roles = slices.DeleteFunc(slices.Clone(p.Roles), func(role string) bool { return !may("role " + role) })
		people = append(people, p)
	}
	for i, p := range people {
		people[i].Deputies = slices.DeleteFunc(slices.Clone(p.Deputies), func(id string) bool { return slices.Contains(barred, id) })
	}
	return people, barred
}

// GrantsIn is what roles may do in a run of this kind; nil where nobody regulates it.
func (e *Estate) GrantsIn(kind run.Kind) []plan.Grant { return e.grants[kind] }

// Holders is how many may act in a role, in the kind of run that has the fewest. The kind
// is "" where nobody is limited.
func (e *Estate) Holders(role string) (fewest int, kind run.Kind) {
	if len(e.only) == 0 {
		return len(e.InRole(role)), ""
	}
	fewest = -1
	for _, k := range []run.Kind{run.Drill, run.Response} {
		people, _ := e.For(k)
		if n := len((plan.Estate{People: people}).InRole(role)); fewest < 0 || n < fewest {
			fewest, kind = n, k
		}
	}
	return fewest, kind
}

// Owner is the role that answers for a step of a system at a site; "" when the estate
// names none.
func (e *Estate) Owner(system, site string) string {
	return cmp.Or(e.Owners["site "+site], e.Owners["system "+system])
}

// Target returns the kind of a target.
func (e *Estate) Target(name string) (string, bool) {
	for _, t := range e.Targets {
		if t.Name == name {
			return t.Kind, true
		}
	}
	return "", false
}

// Local lists those of the named targets that only their own site's worker may act on
// (activities.TargetKind).
func (e *Estate) Local(names []string) []plan.Target {
	return slices.DeleteFunc(e.TargetsNamed(names), func(t plan.Target) bool { return !e.local[t.Kind] || t.Site == "" })
}

// SiteOf is the site of the local one among the named targets; "" when there is none.
func (e *Estate) SiteOf(names []string) string {
	if local := e.Local(names); len(local) > 0 {
		return local[0].Site
	}
	return ""
}

// OnlyAt notes a mistake when an action runs at another site than that of a target which
// only its own site's worker may act on.
func (e *Estate) OnlyAt(d *yamldoc.Decoder, where string, at yamldoc.Place, site string, targets []string) {
	for _, t := range e.Local(targets) {
		if t.Site != site {
			d.Log.Add(at, "%s: runs at %s, and %s (%s) is on the machine of %s's worker: no other may act on it; write at: %s", "%s: 実行拠点は %s ですが、%s（%s）は拠点 %s のワーカーのマシン上にあり、ほかの拠点からは操作できません。at: %s としてください", where, site, t.Name, t.Kind, t.Site, t.Site)
		}
	}
}

// TargetNames lists the targets of a kind, or all for "".
func (e *Estate) TargetNames(kind string) []string {
	var out []string
	for _, t := range e.Targets {
		if kind == "" || t.Kind == kind {
			out = append(out, t.Name)
		}
	}
	return out
}

// System returns a system and its declaration.
func (e *Estate) System(name string) (*plan.System, *System, bool) {
	for i := range e.Systems {
		if e.Systems[i].Name == name {
			return &e.Systems[i], &e.Declared[i], true
		}
	}
	return nil, nil, false
}

// SystemNames lists all systems.
func (e *Estate) SystemNames() []string {
	return listed(e.Systems, func(s plan.System) string { return s.Name })
}

// SiteNames lists all sites.
func (e *Estate) SiteNames() []string {
	return listed(e.Sites, func(s plan.Site) string { return s.Name })
}

// PlaceNames lists all muster places.
func (e *Estate) PlaceNames() []string {
	return listed(e.Places, func(p plan.Place) string { return p.Name })
}

// PersonIDs lists all people.
func (e *Estate) PersonIDs() []string {
	return listed(e.People, func(p plan.Person) string { return p.ID })
}

func listed[T any](list []T, name func(T) string) []string {
	out := make([]string, len(list))
	for i, x := range list {
		out[i] = name(x)
	}
	return out
}

// Site notes a mistake when a site that a file names does not exist. An absent one is
// none.
func (e *Estate) Site(d *yamldoc.Decoder, where string, site yamldoc.Value[string]) {
	Known(d, where, ASite, site, e.SiteNames())
}

// Role notes a mistake when nobody could have the role.
func (e *Estate) Role(d *yamldoc.Decoder, where string, role yamldoc.Value[string]) {
	if !role.Set || role.V == "" {
		return
	}
	if !slices.Contains(e.Roles, role.V) {
		d.Log.Add(role.Place, "%s: nobody has the role %q%s", "%s: 役割 %q を担う人がいません%s", where, role.V, yamldoc.Meant(role.V, e.Roles))
	} else if n, kind := e.Holders(role.V); n == 0 {
		d.Log.Add(role.Place, "%s: in a %s nobody may act as %s (only); give the role to somebody who may", "%s: 種別 %s では、役割 %s として操作できる人がいません（only）。操作できる人にこの役割を割り当ててください", where, kind, role.V)
	}
}

// What a name stands for, for Known.
var (
	ASite   = plan.Text{EN: "site", JA: "拠点"}
	ASystem = plan.Text{EN: "system", JA: "システム"}
	APerson = plan.Text{EN: "person", JA: "要員"}
	APlace  = plan.Text{EN: "muster place", JA: "参集場所"}
)

// Known notes a mistake when a file names something of which the estate has none.
func Known(d *yamldoc.Decoder, where string, what plan.Text, name yamldoc.Value[string], known []string) {
	if name.Set && name.V != "" && !slices.Contains(known, name.V) {
		d.Log.Add(name.Place, "%s: the estate has no %s %q%s", "%s: 構成台帳に%s %q はありません%s", where, what, name.V, yamldoc.Meant(name.V, known))
	}
}

// Read checks an Estate. What it returns can be used for the checks of other files
// even when there were mistakes, which are in the decoder's log.
func Read(d *yamldoc.Decoder, root *yaml.Node, catalog Catalog) *Estate {
	var f File
	d.Decode("", root, &f)
	r := &reading{Decoder: d, file: &f, catalog: catalog, out: &Estate{only: map[string]run.Kind{}, Contacts: map[string]Contact{}}}
	r.places()
	r.people()
	r.muster()
	r.rights()
	r.targets()
	r.systems()
	r.dependencies()
	r.owners()
	return r.out
}

type reading struct {
	*yamldoc.Decoder
	file    *File
	catalog Catalog
	out     *Estate
}

// once notes names that are given twice in a list.
func once[T any](d *yamldoc.Decoder, what string, list []T, name func(T) yamldoc.Value[string]) {
	seen := map[string]yamldoc.Place{}
	for _, x := range list {
		n := name(x)
		if !n.Set {
			continue
		}
		if first, ok := seen[n.V]; ok {
			d.Log.Add(n.Place, "%s %s is there twice, first in line %d; give each its own name", "%s %s が重複しています（最初は %d 行目）。それぞれ別の name にしてください", what, n.V, first.Line)
			continue
		}
		seen[n.V] = n.Place
	}
}

func (r *reading) places() {
	f, out := r.file, r.out
	out.Name, out.Zone, out.Control = f.Name.V, f.Zone.V, f.Control.V
	out.FreshFor = f.Fresh.V.Std()
	if f.Zone.Set {
		if _, err := time.LoadLocation(f.Zone.V); err != nil || f.Zone.V == "Local" || f.Zone.V == "" {
			r.Log.Add(f.Zone.Place, "zone: there is no time zone %q; write one such as Asia/Tokyo or UTC", "zone: %q というタイムゾーンはありません。Asia/Tokyo や UTC のように書いてください", yamldoc.Short(f.Zone.V))
		}
	}
	once(r.Decoder, "site", f.Sites, func(s Site) yamldoc.Value[string] { return s.Name })
	for _, s := range f.Sites {
		site := plan.Site{Name: s.Name.V, Title: titled(s.Title, s.Name.V), Region: s.Region.V}
		once(r.Decoder, "site "+s.Name.V+": check", s.Checks, func(c SiteCheck) yamldoc.Value[string] { return c.Name })
		for _, c := range s.Checks {
			site.Checks = append(site.Checks, plan.SiteCheck{Name: c.Name.V, Title: titled(c.Title, c.Name.V)})
		}
		out.Sites = append(out.Sites, site)
	}
	sortBy(out.Sites, func(s plan.Site) string { return s.Name })
	r.out.Site(r.Decoder, "control", f.Control)

	once(r.Decoder, "muster place", f.Places, func(p Place) yamldoc.Value[string] { return p.Name })
	for _, p := range f.Places {
		r.out.Site(r.Decoder, "muster place "+p.Name.V, p.Site)
		out.Places = append(out.Places, plan.Place{Name: p.Name.V, Title: titled(p.Title, p.Name.V), Site: p.Site.V, Online: p.Online.V})
	}
	sortBy(out.Places, func(p plan.Place) string { return p.Name })
	r.parties()
	sortBy(out.Parties, func(p plan.Party) string { return p.Name })
}

func (r *reading) people() {
	f, out := r.file, r.out
	once(r.Decoder, "person", f.People, func(p Person) yamldoc.Value[string] { return p.ID })
	once(r.Decoder, "role", f.Roles, func(n Role) yamldoc.Value[string] { return n.Name })
	// Two people with one account would be one person for whoever signs in.
	once(r.Decoder, "Slack member", f.People, func(p Person) yamldoc.Value[string] { return p.Slack })
	once(r.Decoder, "subject", f.People, func(p Person) yamldoc.Value[string] { return p.Subject })
	var declared []string
	for _, n := range f.Roles {
		declared = append(declared, n.Name.V)
		if n.Title.Text != (plan.Text{}) {
			if out.Titles == nil {
				out.Titles = map[string]plan.Text{}
			}
			out.Titles[n.Name.V] = n.Title.Text
			out.Estate.Roles = append(out.Estate.Roles, plan.Role{Name: n.Name.V, Title: n.Title.Text})
		}
		if n.Only.Set {
			out.only["role "+n.Name.V] = kinds[n.Only.V]
		}
	}
	for _, p := range f.People {
		if p.Only.Set {
			out.only["person "+p.ID.V] = kinds[p.Only.V]
		}
		person := plan.Person{ID: p.ID.V, Name: p.Name.Text, Section: p.Section.V, Reachable: p.Contact.V != "" || p.Mail.V != "" || p.Slack.V != ""}
		where := "person " + p.ID.V
		out.Contacts[p.ID.V] = Contact{Phone: p.Contact.V, Mail: p.Mail.V, Slack: p.Slack.V, Subject: p.Subject.V, Lang: p.Lang.V}
		if a, err := mail.ParseAddress(p.Mail.V); p.Mail.Set && (err != nil || a.Address != p.Mail.V) {
			r.Log.Add(p.Mail.Place, "%s: %q is no mail address; write one such as sato@example.jp", "%s: %q はメールアドレスではありません。sato@example.jp のように書いてください", where, yamldoc.Short(p.Mail.V))
		}
		if p.Name.Set && p.Name.EN == "" && p.Name.JA == "" {
			r.Log.Add(p.Name.Place, "%s: the name is empty", "%s: 名前が空です。氏名を書いてください", where)
		}
		if len(p.Roles) == 0 {
			r.Log.Add(p.Place, "%s: no role; give at least one, such as member", "%s: 役割がありません。member など、1つ以上を指定してください", where)
		}
		for _, role := range p.Roles {
			if declared != nil {
				Known(r.Decoder, where, plan.Text{EN: "role", JA: "役割"}, role, declared)
			}
			// A mistyped role is told here; elsewhere it is never suggested.
			if (declared == nil || slices.Contains(declared, role.V)) && !slices.Contains(out.Roles, role.V) {
				out.Roles = append(out.Roles, role.V)
			}
			person.Roles = append(person.Roles, role.V)
		}
		for _, deputy := range p.Deputies {
			known := slices.ContainsFunc(f.People, func(o Person) bool { return o.ID.V == deputy.V })
			switch {
			case deputy.V == p.ID.V:
				r.Log.Add(deputy.Place, "%s: nobody is their own deputy; name somebody else", "%s: 自分自身を代行者にはできません。別の人を指定してください", where)
			case !known:
				var ids []string
				for _, o := range f.People {
					ids = append(ids, o.ID.V)
				}
				Known(r.Decoder, where, APerson, deputy, ids)
			}
			person.Deputies = append(person.Deputies, deputy.V)
		}
		out.People = append(out.People, person)
	}
	sortBy(out.People, func(p plan.Person) string { return p.ID })
	sortBy(out.Estate.Roles, func(r plan.Role) string { return r.Name })
	slices.Sort(out.Roles)
}

// owners reads who answers for what.
func (r *reading) owners() {
	r.out.Owners = map[string]string{}
	for _, s := range r.file.Sites {
		r.out.Role(r.Decoder, "site "+s.Name.V+": owner", s.Owner)
		r.out.Owners["site "+s.Name.V] = s.Owner.V
	}
	for _, s := range r.file.Systems {
		r.out.Role(r.Decoder, "system "+s.Name.V+": owner", s.Owner)
		r.out.Owners["system "+s.Name.V] = s.Owner.V
	}
}

func (r *reading) targets() {
	once(r.Decoder, "target", r.file.Targets, func(t Target) yamldoc.Value[string] { return t.Name })
	check := &params.Checker{Decoder: r.Decoder, Why: plan.Text{EN: "the estate is the same for every run", JA: "構成台帳はどの実施でも同じです"}}
	r.out.local = map[string]bool{}
	for _, k := range r.catalog.TargetKinds() {
		r.out.local[k.Kind] = k.Local
	}
	for _, t := range r.file.Targets {
		where := "target " + t.Name.V
		r.out.Site(r.Decoder, where, t.Site)
		entry := plan.Target{Name: t.Name.V, Kind: t.Kind.V, Site: t.Site.V}
		if kind, ok := r.catalog.TargetKind(t.Kind.V); ok {
			entry.Spec = check.Entries(where, t.Rest, t.Place, kind.Fields).JSON
			if kind.Mistake != nil {
				if what := kind.Mistake(entry.Spec); what != (plan.Text{}) {
					r.Log.Add(t.Place, "%s: %s", "%s: %s", where, what)
				}
			}
		} else if t.Kind.Set {
			var kinds []string
			for _, k := range r.catalog.TargetKinds() {
				kinds = append(kinds, k.Kind)
			}
			r.Log.Add(t.Kind.Place, "%s: unknown kind %q%s", "%s: %q という種類はありません%s", where, yamldoc.Short(t.Kind.V), yamldoc.Meant(t.Kind.V, kinds))
		}
		r.out.Targets = append(r.out.Targets, entry)
	}
	sortBy(r.out.Targets, func(t plan.Target) string { return t.Name })
}

func titled(t yamldoc.Text, name string) plan.Text {
	if t.EN == "" && t.JA == "" {
		return plan.Text{EN: name}
	}
	return t.Text
}

func sortBy[T any](list []T, name func(T) string) {
	slices.SortStableFunc(list, func(a, b T) int {
		switch x, y := name(a), name(b); {
		case x < y:
			return -1
		case x > y:
			return 1
		}
		return 0
	})
}

// Line is how a plan names the place of a step.
func Line(p yamldoc.Place) string { return fmt.Sprintf("%s:%d", p.File, p.Line) }
