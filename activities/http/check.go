package http

import (
	"context"

	"github.com/muster-dr/muster/activities"
	"github.com/muster-dr/muster/internal/fetch"
	"github.com/muster-dr/muster/internal/run"
)

var check = activities.Define("http.check", activities.Doc{
	Summary:    "Ask a web service and check its answer.",
	SummaryJA:  "Web サービスに問い合わせ、応答を確かめる。",
	Effect:     run.Observe,
	Repeatable: true,
}, func(ctx context.Context, p Get) (fetch.Answer, error) {
	a, err := fetch.Do(ctx, p.request())
	return a, judge(p.URL, a, p.expectation(), err)
})
