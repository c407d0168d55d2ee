package api

import (
	"context"
	"fmt"
	"net/http"
	"reflect"
	"strings"

	"github.com/muster-dr/muster/internal/identity"
	"github.com/muster-dr/muster/internal/run"
	"github.com/muster-dr/muster/workflows"
)

// sign puts whoever asks under an act: body is a pointer to a struct with a field By, and
// Person where it is about somebody. What is left out is filled in; what names somebody else
// is refused. The console may name any person: it is the machine's administrator, and its
// acts are marked by their Via. Every handler that takes an act calls it first.
func sign(ctx context.Context, body any) error {
	a, ok := identity.From(ctx)
	if !ok {
		// Fail closed: a way in that forgot to make sure of the actor acts for nobody.
		return problem(http.StatusUnauthorized, CodeUnauthorized, lang(ctx).T("Nobody has signed in.", "サインインしていません。"), "")
	}
	if err := fitting(ctx, body); err != nil {
		return err
	}
	by, about := actFields(body)
	if run.NoPerson(by.String()) || a.Limit != nil && (a.Limit.Purpose == identity.ForAlarm || a.Limit.Purpose == identity.ForSchedule) {
		return ofAlarm(ctx, by.String())
	}
	if a.Console {
		if by.String() == "" {
			return problem(http.StatusUnprocessableEntity, CodeBadRequest, lang(ctx).T("Who acts? Every act has a person.", "操作者が指定されていません。操作には必ず実施者が必要です。"),
				lang(ctx).T("Name one with by, or --as PERSON; with a personal token that is not needed", "by または --as PERSON で指定してください。個人トークンを使えば指定は不要です"))
		}
		identity.Names(ctx, by.String())
	} else {
		if by.String() != "" && by.String() != a.Person {
			l := lang(ctx)
			return problem(http.StatusForbidden, CodeRefused, l.T("You are %s and can't act as %s.", "%[1]s としてサインインしているため、%[2]s としては操作できません。", a.Person, by.String()),
				l.T("Leave the person out (--as, MUSTER_PERSON, person: in muster.yaml), or have %s do it. To enter somebody's answer for them, name them as whom it is about", "操作者の指定（--as、MUSTER_PERSON、muster.yamlのperson）を外すか、%s 本人が操作してください。安否や参集の代理入力では、本人を対象として指定します", by.String()))
		}
		by.SetString(a.Person)
	}
	if about.IsValid() && about.String() == "" {
		about.SetString(by.String())
	}
	if a.Limit != nil && about.IsValid() && about.String() != a.Person {
		what, way := (&identity.Refusal{Reason: identity.OtherPurpose, Person: a.Person, Via: a.Via}).In(lang(ctx))
		return problem(http.StatusForbidden, CodeRefused, what, way)
	}
	return nil
}

// via is how whoever asks is known.
func via(ctx context.Context) string {
	a, _ := identity.From(ctx)
	return a.Via
}

// issuers is who else had the secret that whoever asks came with.
func issuers(ctx context.Context) []string {
	a, _ := identity.From(ctx)
	return a.Issuers
}

// withVia is a copy of an act with how its actor is known, which no caller can say of itself.
// It is set after the act's ID was computed: the same click after another sign-in is the same.
func withVia(ctx context.Context, body any) any {
	v := reflect.New(reflect.TypeOf(body)).Elem()
	v.Set(reflect.ValueOf(body))
	if f := v.FieldByName("Via"); f.IsValid() {
		f.SetString(via(ctx))
	}
	if f := v.FieldByName("Issuers"); f.IsValid() {
		f.Set(reflect.ValueOf(issuers(ctx)))
	}
	return v.Interface()
}

// actFields are the fields of an act that name people; about is invalid when there is none.
func actFields(body any) (by, about reflect.Value) {
	v := reflect.ValueOf(body).Elem()
	if by = v.FieldByName("By"); !by.IsValid() || by.Kind() != reflect.String {
		panic(fmt.Sprintf("api: an act has a person: %T has no By", body))
	}
	if f := v.FieldByName("Via"); f.IsValid() {
		f.SetString("")
	}
	if f := v.FieldByName("Issuers"); f.IsValid() {
		f.SetZero()
	}
	return by, v.FieldByName("Person")
}

// limits holds a signed link to its one act in its one run: besides who they are, its person
// reads nothing and does nothing else.
func limits(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		a, ok := identity.From(r.Context())
		if !ok || a.Limit == nil || r.URL.Path == "/api/v1/me" && r.Method == http.MethodGet {
			next.ServeHTTP(w, r)
			return
		}
		// A source of alarms starts and stops; sign holds it to itself, and the rest to its rule.
		if starts := r.URL.Path == "/api/v1/runs"; a.Limit.Purpose == identity.ForAlarm && r.Method == http.MethodPost &&
			(starts || strings.HasPrefix(r.URL.Path, "/api/v1/runs/") && strings.HasSuffix(r.URL.Path, "/"+workflows.UpdateAbort)) {
			next.ServeHTTP(w, r)
			return
		}
		if a.Limit.Purpose == identity.ForSchedule && r.Method == http.MethodPost && r.URL.Path == "/api/v1/runs" {
			next.ServeHTTP(w, r) // start holds it to drills, and to its own name
			return
		}
		why := &identity.Refusal{Reason: identity.OtherPurpose, Person: a.Person, Via: a.Via}
		if rest, ok := strings.CutPrefix(r.URL.Path, "/api/v1/runs/"); ok && r.Method == http.MethodPost {
			id, act, _ := strings.Cut(rest, "/")
			if err := a.Allows(id, identity.Purpose(act)); err == nil {
				next.ServeHTTP(w, r)
				return
			}
			if id != a.Limit.Run {
				why.Reason = identity.OtherRun
			}
		}
		what, way := why.In(lang(r.Context()))
		writeProblem(w, problem(http.StatusForbidden, CodeRefused, what, way))
	})
}

// noteForbidden enters in the access log who tried what they may not (requirement F-N2-07),
// each once in a while: who tries for ever must not fill the log.
func (s *Server) noteForbidden(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		rec := &recorder{ResponseWriter: w, status: http.StatusOK}
		r = r.WithContext(identity.Naming(r.Context()))
		next.ServeHTTP(rec, r)
		switch {
		case rec.status == http.StatusForbidden:
			s.Identity.Forbidden(r.Context(), r.Method+" "+r.URL.Path)
		case rec.status < http.StatusBadRequest:
			s.Identity.ConsoleActed(r.Context())
		}
	})
}
