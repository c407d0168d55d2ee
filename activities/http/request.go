package http

import (
	"context"
	"errors"
	nethttp "net/http"
	"slices"
	"time"

	"github.com/muster-dr/muster/activities"
	"github.com/muster-dr/muster/internal/fetch"
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/run"
)

// Request is the parameters of http.request.
type Request struct {
	URL           string                       `json:"url" reach:"url" help:"Address to send the request to." ja:"リクエストの送信先アドレス" example:"https://lb.example.com/pools/orders"`
	Method        string                       `json:"method" help:"Method." ja:"メソッド" default:"POST" enum:"POST,PUT,PATCH,DELETE"`
	Headers       map[string]string            `json:"headers" help:"Headers to send, besides Muster-Run, Muster-Kind (drill or response) and Muster-Depth; Idempotency-Key, unless it is given here, is the effect key of the step's try; the next try sends it again unless the answer denied the request." ja:"送るヘッダー。ほかに Muster-Run、Muster-Kind（drill または response）、Muster-Depth を送る。Idempotency-Key は、ここで指定しなければそのステップの試行の作用キーで、応答で要求が退けられない限り、次の試行でも同じものを送る" default:""`
	SecretHeaders map[string]activities.Secret `json:"secret_headers" help:"Headers whose values are secrets." ja:"秘密情報を値とするヘッダー" default:""`
	Body          string                       `json:"body" help:"Body to send. What people will read begins with ${{ run.mark }}, which is empty in a response." ja:"送る本文。人が読むものは先頭に ${{ run.mark }} を置く（本番対応では空）" default:"" example:"'{\"active\": \"osaka\"}'"`
	Status        []int                        `json:"status" help:"Statuses that mean success." ja:"成功とみなすステータス" default:"[200, 201, 202, 204]"`
	Expect        string                       `json:"expect" over:"status,headers,json,text" help:"Condition over status, headers, json and text of the answer." ja:"応答の status、headers、json、text に対する条件" default:""`
	CAFile        string                       `json:"ca_file" reach:"path" help:"File with the certificates to trust instead of the system's." ja:"システムの認証局に代えて信頼する証明書のファイル" default:""`
	Timeout       run.Duration                 `json:"timeout" help:"How long the answer may take." ja:"応答を待つ時間" default:"30s"`
	Look          *Get                         `json:"look" help:"A GET whose expected answer shows that the goal holds; without it a lost answer has to be settled by a person." ja:"期待どおりの応答なら目標の状態とわかるGET。なければ、応答が失われたときに人が判断する" default:"" example:"{url: 'https://lb.example.com/pools/orders', expect: json.active == 'osaka'}"`
}

var request = activities.Define("http.request", activities.Doc{
	Summary:   "Send a request that changes something, once.",
	SummaryJA: "変更を伴うリクエストを一度だけ送る。",
	Effect:    run.Disrupt,
}, func(ctx context.Context, p Request) (fetch.Answer, error) {
	h, call := headers(p.Headers, p.SecretHeaders), activities.CallFrom(ctx)
	key, err := keyed(ctx)
	if err != nil {
		return fetch.Answer{}, err
	}
	if _, given := h["Idempotency-Key"]; !given {
		h["Idempotency-Key"] = key
	}
	// Who is asked can tell a drill from the real thing, whatever the body says.
	h["Muster-Run"], h["Muster-Kind"], h["Muster-Depth"] = call.Run, string(call.Kind), string(call.Depth)
	a, err := fetch.Do(ctx, fetch.Request{Method: p.Method, URL: p.URL, Headers: h, Body: p.Body, CAFile: p.CAFile, Timeout: p.Timeout.Std()})
	if errors.Is(err, fetch.ErrRefused) {
		return a, activities.RefusedBoth("nothing was sent: %v", "何も送信していない：%v", err)
	}
	if err == nil && denied(a.Status) && !slices.Contains(p.Status, a.Status) {
		_ = activities.Keep(ctx, sent{}) // what can't be kept leaves the key, which is safe
	}
	if err := judge(p.URL, a, fetch.Expectation{Status: p.Status, Expr: p.Expect}, err); err != nil || p.Look == nil {
		return a, err
	}
	// The answer is what the service says; the look is what can be seen.
	err = activities.Until(ctx, p.Timeout.Std(), 200*time.Millisecond, func(ctx context.Context) error {
		shown, err := fetch.Do(ctx, p.Look.request())
		return judge(p.Look.URL, shown, p.Look.expectation(), err)
	})
	return a, err
}, activities.Look(func(ctx context.Context, p Request) (activities.Seen, error) {
	if p.Look == nil {
		return activities.Seen{}, nil
	}
	a, err := fetch.Do(ctx, p.Look.request())
	if err != nil {
		return activities.Seen{}, err
	}
	if err := a.Meets(p.Look.expectation()); err != nil {
		return activities.Short(ctx, activities.Lacking("%s: %v", "%s：%v", p.Look.URL, err)), nil
	}
	return activities.Seen{Sight: plan.Holds, Detail: activities.Lacking("%s answers as expected", "%s は期待どおりに応答している", p.Look.URL).Both(), Output: a}, nil
}))

// sent is what the site's ledger keeps of a request that may have been taken.
type sent struct {
	Key string `json:"key,omitempty"`
}

// keyed is the key under which the step's request goes: that of an earlier try whose request may have been taken, so that a
// service which knows keys does it once.
func keyed(ctx context.Context) (string, error) {
	var was sent
	if _, err := activities.Kept(ctx, &was); err != nil {
		return "", activities.RefusedBoth("nothing was sent: %v", "何も送信していない：%v", err)
	}
	if was.Key != "" {
		return was.Key, nil
	}
	key := activities.CallFrom(ctx).EffectKey
	return key, activities.Keep(ctx, sent{key})
}

// denied reports whether a status says that nothing was done. Of one that is under way a service says conflict or too early,
// and by a redirect, often, that it is done and where to see it.
func denied(status int) bool {
	under := []int{nethttp.StatusRequestTimeout, nethttp.StatusConflict, nethttp.StatusTooEarly}
	return status >= 400 && status < 500 && !slices.Contains(under, status)
}
