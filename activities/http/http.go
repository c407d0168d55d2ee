// Package http is the family of actions that ask web services.
package http

import (
	"errors"
	"maps"
	nethttp "net/http"

	"github.com/muster-dr/muster/activities"
	"github.com/muster-dr/muster/internal/fetch"
	"github.com/muster-dr/muster/internal/run"
)

// Actions lists the family.
func Actions() []activities.Action { return []activities.Action{check, request} }

// Get is a question and the answer that is expected.
type Get struct {
	URL           string                       `json:"url" reach:"url" help:"Address to GET." ja:"GETするアドレス" example:"https://orders.example.com/health"`
	Headers       map[string]string            `json:"headers" help:"Headers to send." ja:"送るヘッダー" default:""`
	SecretHeaders map[string]activities.Secret `json:"secret_headers" help:"Headers whose values are secrets." ja:"秘密情報を値とするヘッダー" default:""`
	Status        []int                        `json:"status" help:"Statuses that are as they should be." ja:"正常とみなすステータス" default:"[200]"`
	Expect        string                       `json:"expect" over:"status,headers,json,text" help:"Condition over status, headers, json and text, such as json.role == 'primary'." ja:"status、headers、json、text に対する条件。json.role == 'primary' など" default:"" example:"json.role == 'primary'"`
	CAFile        string                       `json:"ca_file" reach:"path" help:"File with the certificates to trust instead of the system's." ja:"システムの認証局に代えて信頼する証明書のファイル" default:""`
	Timeout       run.Duration                 `json:"timeout" help:"How long one answer may take." ja:"1回の応答を待つ時間" default:"10s"`
}

func (g Get) request() fetch.Request {
	return fetch.Request{Method: nethttp.MethodGet, URL: g.URL, Headers: headers(g.Headers, g.SecretHeaders), CAFile: g.CAFile, Timeout: g.Timeout.Std()}
}

func (g Get) expectation() fetch.Expectation {
	return fetch.Expectation{Status: g.Status, Expr: g.Expect}
}

func headers(open map[string]string, secret map[string]activities.Secret) map[string]string {
	all := maps.Clone(open)
	if all == nil {
		all = map[string]string{}
	}
	for k, v := range secret {
		all[k] = v.Reveal()
	}
	return all
}

// judge turns an unmet expectation, or a host where nothing listens, into a finding.
func judge(url string, a fetch.Answer, e fetch.Expectation, err error) error {
	switch {
	case errors.Is(err, fetch.ErrRefused):
		return activities.FindingBoth("%v", "%v", err)
	case err != nil:
		return err
	}
	if err := a.Meets(e); err != nil {
		return activities.FindingBoth("%s: %v", "%s：%v", url, err)
	}
	return nil
}
