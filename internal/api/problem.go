package api

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"

	"github.com/muster-dr/muster/internal/i18n"
	"github.com/muster-dr/muster/internal/plan"
)

// Code names a kind of problem. Codes are stable: programs may rely on them.
type Code string

const (
	CodeBadRequest      Code = "bad_request"      // the request is wrong
	CodeUnauthorized    Code = "unauthorized"     // no token, or a wrong one
	CodeUnknownRun      Code = "unknown_run"      // no such run
	CodeUnknownScenario Code = "unknown_scenario" // no such scenario
	CodeUnknownStep     Code = "unknown_step"     // no such step waits
	CodeNotFound        Code = "not_found"        // no such place
	CodeMistakes        Code = "mistakes"         // the plan files have mistakes; lines lists all
	CodeRefused         Code = "refused"          // a guard refused; nothing was changed
	CodeHeld            Code = "held"             // another run holds what is asked for; holder names it
	CodeEnded           Code = "ended"            // the run has ended
	CodeEngine          Code = "engine"           // the engine can't be reached; nothing was done
	CodeStore           Code = "store"            // the record store can't be used
	CodeVault           Code = "vault"            // the vault that keeps the server's secrets can't be used
	CodeUnknownOutcome  Code = "unknown_outcome"  // no answer in time: it may or may not have happened
	CodeInternal        Code = "internal"         // our fault
)

// Problem is an error of the API (RFC 9457), and the client's error for it.
type Problem struct {
	Title  string   `json:"title"`
	Status int      `json:"status"`
	Detail string   `json:"detail" doc:"What is wrong, for people."`
	Code   Code     `json:"code" doc:"What is wrong, for programs."`
	WayOut string   `json:"way_out,omitempty" doc:"What to do about it."`
	Holder string   `json:"holder,omitempty" doc:"The run that is in the way."`
	Lines  []string `json:"lines,omitempty" doc:"Every mistake, a line each."`

	said plan.Text // the detail in both languages, for the record; zero where only the caller hears of it
}

// Error is the detail, the lines and the way out, a line each.
func (p *Problem) Error() string {
	s := p.Detail
	if len(p.Lines) > 0 {
		s = strings.Join(p.Lines, "\n") + "\n" + s
	}
	if p.WayOut != "" {
		s += "\n" + p.WayOut
	}
	return s
}

func (p *Problem) GetStatus() int { return p.Status }

func (p *Problem) ContentType(string) string { return "application/problem+json" }

func problem(status int, code Code, detail, wayOut string) *Problem {
	return &Problem{Title: http.StatusText(status), Status: status, Code: code, Detail: detail, WayOut: wayOut}
}

// refusal is what a run's own rules refused, in the reader's language.
func refusal(l i18n.Lang, code Code, why plan.Text) *Problem {
	p := problem(http.StatusConflict, code, why.In(string(l)), "")
	p.said = why
	return p
}

func writeProblem(w http.ResponseWriter, p *Problem) {
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(p.Status)
	_ = json.NewEncoder(w).Encode(p) // the caller may be gone
}

type langKey struct{}

// lang is the language the caller reads.
func lang(ctx context.Context) i18n.Lang {
	if l, ok := ctx.Value(langKey{}).(i18n.Lang); ok {
		return l
	}
	return i18n.EN
}
