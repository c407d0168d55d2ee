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

// Reach is what a call goes to beyond the worker itself. What a program does in its turn is
// not in it.
type Reach struct {
	Hosts   []string // as host:port, or without a port where none is known
	Paths   []string // files, folders and programs on the worker's machine
	Env     []string // names of the variables that the call gives to a program there
	Queues  []string // task queues of the engine
	Secrets []string // files on the worker's machine that hold its secrets
}

// Reacher is for parameters and targets whose reach tags can't say. A field says it by
// the tag reach:
//
//	host     a host, host:port, or the path of a socket
//	port     the port of the hosts of the same struct
//	url      an address whose host is asked
//	path     a file or folder on the worker's machine
//	program  a command line, whose first word is the file that is run
//	env      variables by their names, which a program on the worker's machine gets
//	queue    a task queue of the engine
//
// A field may be a list of these. A family that reaches anything says so: a worker's
// policy can't hold what is not declared.
type Reacher interface{ Reach() Reach }

var reachTags = []string{"host", "port", "url", "path", "program", "env", "queue"}

// reachOf collects the reach of decoded parameters, with the targets that they name.
func reachOf(p any) Reach {
	var out Reach
	out.visit(reflect.ValueOf(p))
	for _, list := range []*[]string{&out.Hosts, &out.Paths, &out.Env, &out.Queues} {
		slices.Sort(*list)
		*list = slices.Compact(*list)
	}
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
	if v.CanInterface() {
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
	r.Env, r.Queues = append(r.Env, own.Env...), append(r.Queues, own.Queues...)
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

func (r *Reach) add(kind, text string) {
	switch {
	case text == "":
	case kind == "path", kind == "host" && strings.HasPrefix(text, "/"):
		r.Paths = append(r.Paths, text)
	case kind == "host":
		r.Hosts = append(r.Hosts, text)
	case kind == "env":
		r.Env = append(r.Env, text)
	case kind == "queue":
		r.Queues = append(r.Queues, text)
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
	case reflect.Map:
		var out []string
		for _, k := range v.MapKeys() {
			out = append(out, k.String())
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

// asking is one call's way to the policy.
type asking struct {
	site    *Site
	ask     Ask
	secrets []string // files with secrets that the call was given
}

// asking is made for a call before its parameters are read. What a step declares of an
// action that can't know its effect is its author's word: a policy holds the graver one.
func (s *Site) asking(a Action, effect run.Effect, kind run.Kind, targets []plan.Target) *asking {
	out := &asking{site: s, ask: Ask{Action: a.ID, Effect: severer(a.Doc.Effect, effect), Kind: kind}}
	for _, t := range targets {
		out.ask.Targets = append(out.ask.Targets, t.Name)
	}
	return out
}

// permit asks whether the call may reach what is given; nil is before that is known.
func (c *asking) permit(ctx context.Context, reach *Reach) error {
	if c.site.Policy == nil {
		return nil
	}
	ask := c.ask
	ask.Reach = reach
	if err := c.site.Policy.Permit(ctx, ask); err != nil {
		return RefusedBoth("site %s: %v", "拠点 %s：%v", c.site.Name, err)
	}
	return nil
}

// permitAll asks again when the parameters are known and before anything is touched.
func (c *asking) permitAll(ctx context.Context, p any) error {
	reach := reachOf(p)
	reach.Secrets = c.secrets
	return c.permit(ctx, &reach)
}

type askingKey struct{}

// under lets what runs under the context ask whether it may go on to what it is sent to.
func (c *asking) under(ctx context.Context) context.Context {
	return context.WithValue(ctx, askingKey{}, c)
}

// mayRead asks the worker's policy about a file that holds a secret, before it is read.
func mayRead(ctx context.Context, file string) error {
	c, ok := ctx.Value(askingKey{}).(*asking)
	if !ok {
		return nil
	}
	c.secrets = append(c.secrets, file)
	return c.permit(ctx, &Reach{Secrets: []string{file}})
}

// MayReach asks the worker's policy about a host (host:port) that the parameters do not
// name, such as one that a redirect leads to, or that a replica follows.
func MayReach(ctx context.Context, host string) error {
	if c, ok := ctx.Value(askingKey{}).(*asking); ok {
		return c.permit(ctx, &Reach{Hosts: []string{host}})
	}
	return nil
}
