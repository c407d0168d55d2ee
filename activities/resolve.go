package activities

import (
	"context"
	"fmt"
	"reflect"

	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/run"
	"github.com/muster-dr/muster/internal/secret"
)

// filling puts the estate's entries behind target names and values behind secret
// references, wherever in a struct they are.
type filling struct {
	*Site
	ctx      context.Context
	kind     run.Kind
	targets  []plan.Target
	mistakes []plan.Text
}

func (f *filling) add(format string, args ...any) {
	f.mistakes = append(f.mistakes, plan.Apart(fmt.Sprintf(format, args...)))
}

// visit walks through v. kind is the target kind that the field around it declares.
func (f *filling) visit(v reflect.Value, kind, path string) {
	if v.CanAddr() {
		switch at := v.Addr().Interface().(type) {
		case *Secret:
			f.secret(at, path)
			return
		case targetRef:
			f.target(at, kind, path)
			return
		}
	}
	switch v.Kind() {
	case reflect.Pointer:
		if !v.IsNil() {
			f.visit(v.Elem(), kind, path)
		}
	case reflect.Struct:
		for i := range v.NumField() {
			field := v.Type().Field(i)
			switch {
			case field.Anonymous:
				f.visit(v.Field(i), "", path)
			case field.IsExported():
				f.visit(v.Field(i), field.Tag.Get("kind"), path+"."+jsonName(field))
			}
		}
	case reflect.Slice:
		for i := range v.Len() {
			f.visit(v.Index(i), kind, fmt.Sprintf("%s[%d]", path, i))
		}
	case reflect.Map:
		for _, k := range v.MapKeys() { // elements of maps can't be changed in place
			elem := reflect.New(v.Type().Elem()).Elem()
			elem.Set(v.MapIndex(k))
			f.visit(elem, kind, path+"."+k.String())
			v.SetMapIndex(k, elem)
		}
	}
}

func (f *filling) secret(s *Secret, path string) {
	ref := s.Reveal()
	if ref == "" {
		return // optional, and not given
	}
	if file, ok := secret.FileOf(ref); ok {
		if err := mayRead(f.ctx, file); err != nil {
			f.mistakes = append(f.mistakes, Lacking("%s: %v", "%s：%v", path, err))
			return
		}
	}
	value, err := f.Secrets.Resolve(f.ctx, ref)
	if err != nil && !secret.OnMachine(ref) { // what keeps it says the way out
		f.mistakes = append(f.mistakes, Lacking("%s: the secret can't be read: %v", "%s：秘密情報を読み取れない：%v", path, err))
		return
	}
	if err != nil {
		f.mistakes = append(f.mistakes, Lacking("%s: the secret can't be read: %v; put it there, for the site worker's user alone", "%s：秘密情報を読み取れない：%v。拠点のワーカーの実行ユーザーだけが読めるように置く", path, err))
		return
	}
	f.Redactor.Add(value)
	*s = NewSecret(value)
}

func (f *filling) target(t targetRef, kind, path string) {
	name, spec := t.ref()
	if *name == "" {
		return // optional, and not given
	}
	for _, known := range f.targets {
		if known.Name != *name {
			continue
		}
		if kind != "" && known.Kind != kind {
			f.add("%s: %s is a %s target, not %s", path, *name, known.Kind, kind)
			return
		}
		t.found(known.Site, f.Name)
		if f.local[known.Kind] && known.Site != "" && known.Site != f.Name {
			f.mistakes = append(f.mistakes, plan.Say("%[1]s: %[2]s is on the machine of %[3]s's worker, and this is %[4]s's; run the step at: %[3]s",
				"%[1]s：%[2]s は拠点 %[3]s のワーカーのマシンにあるが、このワーカーは拠点 %[4]s のもの。ステップに at: %[3]s を指定する", path, *name, known.Site, f.Name))
			return
		}
		into := reflect.ValueOf(spec).Elem()
		where := "target " + *name
		raw := known.Spec
		if len(raw) == 0 {
			raw = []byte("{}")
		}
		if err := decodeStrictly(f.kind, raw, structFields(where, into.Type(), true), spec, where); err != nil {
			f.add("%s: %s", path, message(err))
			return
		}
		f.visit(into, "", where)
		return
	}
	f.add("%s: the plan has no target %q", path, *name)
}
