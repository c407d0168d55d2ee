package board

import (
	"bytes"
	"crypto/rand"
	"fmt"
	"html/template"
	"math"
	"net/http"
	"strings"
	"time"

	"github.com/muster-dr/muster/internal/i18n"
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/progress"
	"github.com/muster-dr/muster/internal/run"
)

// pages are the templates in one language.
type pages struct {
	lang i18n.Lang
	set  *template.Template
}

func loadPages(l i18n.Lang, assets map[string]asset) (*pages, error) {
	p := &pages{lang: l}
	var err error
	p.set, err = template.New("board").Funcs(template.FuncMap{
		"t":           func(en, ja string, args ...any) string { return l.T(en, ja, args...) },
		"lang":        func() string { return string(l) },
		"in":          func(x plan.Text) string { return x.In(string(l)) },
		"said":        func(s string) string { return plain(l, s) },
		"code":        inCode,
		"asset":       func(name string) string { return assets[name].url },
		"clock":       func(s any) string { return clock(seconds(s)) },
		"chance":      func(p *float64, atBest bool) string { return l.Chance(*p, atBest) },
		"span":        func(s any) string { return span(l, seconds(s)) },
		"phase":       l.Phase,
		"state":       l.State,
		"standing":    l.Standing,
		"depth":       l.Depth,
		"kind":        l.Kind,
		"hazard":      l.Hazard,
		"effect":      func(e any) string { return l.Effect(run.Effect(fmt.Sprint(e))) },
		"outcome":     l.Outcome,
		"banner":      func(k any) string { return banner(l, run.Kind(fmt.Sprint(k))) },
		"choice":      func(c run.Choice) string { return choiceWord(l, c) },
		"damage":      func(d run.Damage) string { return damages[d].In(string(l)) },
		"up":          func(from any, now time.Time) template.HTML { return ticking("up", instant(from), now) },
		"down":        func(until any, now time.Time) template.HTML { return ticking("down", instant(until), now) },
		"key":         newKey,
		"meter":       meterSVG,
		"gives":       func(f progress.Function) service { return serviceOf(l, f) },
		"int":         func(n *int) int { return *n },
		"either":      either,
		"name":        func(p plan.Plan, id string) string { return nameIn(l, p.Estate, id) },
		"short":       func(hash string) string { return hash[:min(len(hash), 12)] },
		"join":        func(s []string) string { return strings.Join(s, l.T(", ", "、")) },
		"form":        p.form,
		"damageOf":    func(d string) string { return damages[run.Damage(d)].In(string(l)) },
		"usability":   func(u any) string { return siteStates[run.Usability(fmt.Sprint(u))].In(string(l)) },
		"purposeOf":   func(x string) string { return l.Purpose(run.Purpose(x)) },
		"itemState":   func(u any) string { return itemStates[run.Usability(fmt.Sprint(u))].In(string(l)) },
		"safetyOf":    func(s run.Safety) string { return either(safeties[s].In(string(l)), string(s)) },
		"familyOf":    func(f run.Family) string { return families[f].In(string(l)) },
		"contactOf":   func(c string) string { return contacts[c].In(string(l)) },
		"orderOf":     func(s any) string { return either(orders[fmt.Sprint(s)].In(string(l)), fmt.Sprint(s)) },
		"actOf":       func(a string) string { return acts[a].In(string(l)) },
		"inc":         func(n int) int { return n + 1 },
		"list":        func(a ...any) []any { return a },
		"findingKind": l.Finding,
	}).ParseFS(templateFiles, "templates/*.html")
	return p, err
}

// form is the form of a task, by the table of forms.
func (p *pages) form(t task) (template.HTML, error) {
	name, ok := forms[t.For]
	if !ok {
		name = "form-none"
	}
	return p.draw(name, t)
}

// draw executes a template; an error is our mistake.
func (p *pages) draw(name string, data any) (template.HTML, error) {
	var b bytes.Buffer
	if err := p.set.ExecuteTemplate(&b, name, data); err != nil {
		return "", fmt.Errorf("template %s: %w", name, err)
	}
	return template.HTML(b.String()), nil //nolint:gosec // it is html/template's own output
}

// frame is what every page is set in.
type frame struct {
	Title   string
	Content template.HTML
	Person  string // who is signed in; "" is nobody
	Name    string
	Console bool
	Here    string // for the way back after a change of language
	At      string // the part of the board that this page belongs to
	Wall    bool
	Refresh bool // without a script, the page asks again by itself
	Done    string
	Live    string // the stream; "" is none
	Kind    run.Kind
	Other   i18n.Lang
	Now     int64 // the server's clock, milliseconds
	Zone    string
	// ZoneName is what clocks are marked with, such as JST.
	ZoneName string
}

// look is how a page is shown besides its content.
type look struct {
	at      string
	live    string
	wall    bool
	refresh bool
	kind    run.Kind
}

func (v *visit) show(status int, name, title string, data any) {
	v.showAs(status, name, title, data, look{})
}

func (v *visit) showAs(status int, name, title string, data any, as look) {
	p := v.b.langs[v.lang]
	content, err := p.draw(name, data)
	if err != nil {
		v.b.o.Log.Error("a page of the board can't be drawn", "page", name, "err", err)
		http.Error(v.w, v.t("This page can't be shown.", "このページを表示できません。"), http.StatusInternalServerError)
		return
	}
	f := frame{Title: title, Content: content, Console: v.actor.Console, At: as.at, Wall: as.wall, Live: as.live, Refresh: as.refresh, Kind: as.kind,
		Here: "/", Done: doneWords(v.lang, v.r.URL.Query().Get("ok")), Other: i18n.EN, Now: v.b.o.Now().UnixMilli()}
	if e, err := v.b.o.Estate(); err == nil {
		f.Zone, f.ZoneName = e.Zone, v.b.o.Now().In(zoneOf(plan.Plan{Estate: e.Estate})).Format("MST")
	}
	if v.lang == i18n.EN {
		f.Other = i18n.JA
	}
	if v.r.Method == http.MethodGet {
		f.Here = v.r.URL.RequestURI()
	}
	if v.known {
		f.Person, f.Name = v.me, v.name(v.me)
		if f.Person == "" {
			f.Name = v.t("console", "コンソール")
		}
	}
	page, err := p.draw("frame", f)
	if err != nil {
		v.b.o.Log.Error("a page of the board can't be drawn", "page", "frame", "err", err)
		http.Error(v.w, v.t("This page can't be shown.", "このページを表示できません。"), http.StatusInternalServerError)
		return
	}
	v.w.Header().Set("Content-Type", "text/html; charset=utf-8")
	v.w.Header().Set("Content-Language", string(v.lang))
	v.w.WriteHeader(status)
	_, _ = v.w.Write([]byte(page))
}

// name is a person's name in the reader's language, else the ID.
func (v *visit) name(id string) string {
	e, err := v.b.o.Estate()
	if err != nil {
		return id
	}
	return nameIn(v.lang, e.Estate, id)
}

func nameIn(l i18n.Lang, e plan.Estate, id string) string {
	if p, ok := e.Person(run.Person(id)); ok {
		if n := p.Name.In(string(l)); n != "" {
			return n
		}
	}
	return run.Person(id)
}

// newKey names one form: sent twice, it counts once.
func newKey() string { return rand.Text() }

// clock is a span as 01:02:03; days are hours.
func clock(s float64) string {
	sign := ""
	if s < 0 {
		sign, s = "-", -s
	}
	n := int64(s)
	return fmt.Sprintf("%s%02d:%02d:%02d", sign, n/3600, n/60%60, n%60)
}

// span is a duration as people say it.
func span(l i18n.Lang, s float64) string {
	s = math.Abs(s)
	switch {
	case s < 10 && s != math.Trunc(s):
		return fmt.Sprintf("%.1f%s", s, l.T(" s", "秒"))
	case s < 60:
		return fmt.Sprintf("%.0f%s", s, l.T(" s", "秒"))
	}
	n := int64(math.Round(s))
	switch {
	case n < 3600 && n%60 == 0:
		return fmt.Sprintf("%d%s", n/60, l.T(" min", "分"))
	case n < 3600:
		return l.T("%d min %d s", "%d分%d秒", n/60, n%60)
	case n < 48*3600 && n/60%60 == 0:
		return fmt.Sprintf("%d%s", n/3600, l.T(" h", "時間"))
	case n < 48*3600:
		return l.T("%d h %02d min", "%d時間%02d分", n/3600, n/60%60)
	}
	return l.T("%d d %d h", "%d日%d時間", n/86400, n/3600%24)
}

// ticking is a clock that the reader's browser keeps going: up from a time, or down to one
// and then up as time over. Without a script it stands at what it was.
func ticking(way string, at, now time.Time) template.HTML {
	s := now.Sub(at).Seconds()
	if way == "down" {
		s = -s
	}
	class := "tick"
	if s < 0 {
		class += " over"
		s = -s
	}
	return template.HTML(fmt.Sprintf(`<span class="%s" data-%s="%d" role="timer" aria-live="off">%s</span>`, class, way, at.UnixMilli(), clock(s))) //nolint:gosec // numbers
}

// seconds and instant take what templates hold: values and pointers to them.
func seconds(v any) float64 {
	switch x := v.(type) {
	case float64:
		return x
	case *float64:
		return *x
	}
	return 0
}

func instant(v any) time.Time {
	switch x := v.(type) {
	case time.Time:
		return x
	case *time.Time:
		return *x
	}
	return time.Time{}
}

// either is the first of two that is not empty.
func either(a, b string) string {
	if a != "" {
		return a
	}
	return b
}
