package activities

import (
	"context"
	"net"
	"net/url"
	"os/exec"
	"path/filepath"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/run"
)

// Reach is what a call goes to beyond the worker itself: hosts as host:port (or without a
// port where none is known) and files and programs on the worker's machine. What a program
// does in its turn is not in it.
type Reach struct{ Hosts, Paths []string }

// Reacher is for parameters and targets whose reach tags can't say. A field says it by
// the tag reach:
//
//	host     a host, host:port, or the path of a socket
//	port     the port of the hosts of the same struct
//	url      an address whose host is asked
//	path     a file or folder on the worker's machine
//	program  a command line, whose first word is the file that is run
//
// A field may be a list of these. A family that reaches anything says so: a worker's
// policy can't hold what is not declared.
type Reacher interface{ Reach() Reach }

var reachTags = []string{"host", "port", "url", "path", "program"}

// reachOf collects the reach of decoded parameters, with the targets that they name.
func reachOf(p any) Reach {
	var out Reach
	out.visit(reflect.ValueOf(p))
	slices.Sort(out.Hosts)
	slices.Sort(out.Paths)
	out.Hosts, out.Paths = slices.Compact(out.Hosts), slices.Compact(out.Paths)
	return out
}

func (r *Reach) visit(v reflect.Value) {
	switch v.Kind() {
	case reflect.Pointer, reflect.Interface:
		if !v.IsNil() {
			r.visit(v.Elem())
		}
	case reflect.Slice:
		for i := range v.Len() {
			r.visit(v.Index(i))
		}
	case reflect.Map:
		for _, k := range v.MapKeys() {
			r.visit(v.MapIndex(k))
		}
	case reflect.Struct:
		r.structure(v)
	}
}

func (r *Reach) structure(v reflect.Value) {
	var own Reach
	if v.CanInterface() && !inherited(v) {
		if x, ok := v.Interface().(Reacher); ok {
			own = x.Reach()
		}
	}
	port := ""
	for i := range v.NumField() {
		field := v.Type().Field(i)
		if !field.IsExported() && !field.Anonymous {
			continue
		}
		switch kind, f := field.Tag.Get("reach"), v.Field(i); kind {
		case "":
			r.visit(f)
		case "port":
			port = strconv.FormatInt(f.Int(), 10)
		case "program":
			if words := wordsOf(f); len(words) > 0 {
				own.Paths = append(own.Paths, ProgramFile(words[0], ""))
			}
		default:
			for _, text := range wordsOf(f) {
				own.add(kind, text)
			}
		}
	}
	for i, host := range own.Hosts {
		if _, _, err := net.SplitHostPort(host); err != nil && port != "" && port != "0" {
			own.Hosts[i] = net.JoinHostPort(strings.Trim(host, "[]"), port)
		}
	}
	r.Hosts, r.Paths = append(r.Hosts, own.Hosts...), append(r.Paths, own.Paths...)
}

var reacher = reflect.TypeFor[Reacher]()

// reaches reports whether anything in a type declares a reach.
func reaches(t reflect.Type) bool {
	if t.Implements(reacher) {
		return true
	}
	switch t.Kind() {
	case reflect.Pointer, reflect.Slice, reflect.Map:
		return reaches(t.Elem())
	case reflect.Struct:
		for i := range t.NumField() {
			f := t.Field(i)
			if f.Tag.Get("reach") != "" || (f.IsExported() || f.Anonymous) && f.Type != t && reaches(f.Type) {
				return true
			}
		}
	}
	return false
}

// inherited reports whether a struct has its Reach from an embedded field, which is
// visited by itself.
func inherited(v reflect.Value) bool {
	for i := range v.NumField() {
		if v.Type().Field(i).Anonymous && v.Field(i).CanInterface() {
			if _, ok := v.Field(i).Interface().(Reacher); ok {
				return true
			}
		}
	}
	return false
}

func (r *Reach) add(kind, text string) {
	switch {
	case text == "":
	case kind == "path", kind == "host" && strings.HasPrefix(text, "/"):
		r.Paths = append(r.Paths, text)
	case kind == "host":
		r.Hosts = append(r.Hosts, text)
	case kind == "url":
		u, err := url.Parse(text)
		if err != nil || u.Host == "" {
			r.Hosts = append(r.Hosts, "") // an address that can't be read is no host that a rule allows
			return
		}
		r.Hosts = append(r.Hosts, HostOf(u))
	}
}

// HostOf is the host:port that a URL is asked at.
func HostOf(u *url.URL) string {
	port := u.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[u.Scheme]
	}
	if port == "" {
		return u.Hostname()
	}
	return net.JoinHostPort(u.Hostname(), port)
}

// ProgramFile is the file that is run for a command's first word in a folder.
func ProgramFile(word, dir string) string {
	if strings.Contains(word, "/") {
		if filepath.IsAbs(word) {
			return word
		}
		return filepath.Join(dir, word)
	}
	if found, err := exec.LookPath(word); err == nil {
		return found
	}
	return word
}

func wordsOf(v reflect.Value) []string {
	switch v.Kind() {
	case reflect.String:
		return []string{v.String()}
	case reflect.Slice:
		var out []string
		for i := range v.Len() {
			out = append(out, v.Index(i).String())
		}
		return out
	}
	return nil
}

// Policy decides what a worker does at all. An error is why it refuses.
type Policy interface {
	Permit(context.Context, Ask) error
}

// Ask is what a policy decides about.
type Ask struct {
	Action  string
	Effect  run.Effect
	Kind    run.Kind
	Targets []string // that the call names
	// Reach is nil before the parameters are read: what it would decide is then left open.
	Reach *Reach
}

// permit asks the policy, before anything of a call is read.
func (s *Site) permit(ctx context.Context, a Action, effect run.Effect, kind run.Kind, targets []plan.Target) error {
	return s.askPolicy(ctx, a, effect, kind, targets, nil)
}

// permitReach asks again when the parameters are known and before anything is touched.
func (s *Site) permitReach(ctx context.Context, a Action, effect run.Effect, kind run.Kind, targets []plan.Target, p any) error {
	if s.Policy == nil {
		return nil
	}
	reach := reachOf(p)
	return s.askPolicy(ctx, a, effect, kind, targets, &reach)
}

func (s *Site) askPolicy(ctx context.Context, a Action, effect run.Effect, kind run.Kind, targets []plan.Target, reach *Reach) error {
	if s.Policy == nil {
		return nil
	}
	ask := Ask{Action: a.ID, Effect: effect, Kind: kind, Reach: reach}
	for _, t := range targets {
		ask.Targets = append(ask.Targets, t.Name)
	}
	if err := s.Policy.Permit(ctx, ask); err != nil {
		return Refused("site %s: %v", s.Name, err)
	}
	return nil
}

type reachKey struct{}

// reaching lets what runs under ctx ask whether it may go on to a host that it is sent to.
func (s *Site) reaching(ctx context.Context, a Action, effect run.Effect, kind run.Kind, targets []plan.Target) context.Context {
	return context.WithValue(ctx, reachKey{}, func(host string) error {
		return s.askPolicy(ctx, a, effect, kind, targets, &Reach{Hosts: []string{host}})
	})
}

// MayReach asks the worker's policy about a host (host:port) that the parameters do not
// name, such as one that a redirect leads to, or that a replica follows.
func MayReach(ctx context.Context, host string) error {
	if ask, ok := ctx.Value(reachKey{}).(func(string) error); ok {
		return ask(host)
	}
	return nil
}
