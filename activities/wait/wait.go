// Package wait is the family of actions that let time pass, or wait until something
// can be reached.
package wait

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/muster-dr/muster/activities"
	"github.com/muster-dr/muster/internal/fetch"
	"github.com/muster-dr/muster/internal/run"
)

// Actions lists the family.
func Actions() []activities.Action { return []activities.Action{duration, forTCP, forHTTP} }

// Waited is how long a wait took.
type Waited struct {
	WaitedS float64 `json:"waited_s" help:"Seconds that passed." ja:"経過した秒数"`
}

// ForTCP is the parameters of wait.for_tcp.
type ForTCP struct {
	Address  string       `json:"address" reach:"host" help:"Host and port, such as db.example.com:5432." ja:"ホストとポート。db.example.com:5432 など" example:"db.osaka.example.com:5432"`
	Within   run.Duration `json:"within" help:"How long to wait at most." ja:"待つ時間の上限" default:"1m"`
	Interval run.Duration `json:"interval" help:"How often to ask." ja:"問い合わせの間隔" default:"250ms"`
}

var forTCP = activities.Define("wait.for_tcp", activities.Doc{
	Summary:    "Wait until a port accepts connections.",
	SummaryJA:  "ポートが接続を受け付けるまで待つ。",
	Effect:     run.Observe,
	Repeatable: true,
}, func(ctx context.Context, p ForTCP) (Waited, error) {
	return until(ctx, p.Within, p.Interval, func(ctx context.Context) error {
		dialer := net.Dialer{Timeout: 5 * time.Second}
		conn, err := dialer.DialContext(ctx, "tcp", p.Address)
		if err != nil {
			return err
		}
		return conn.Close()
	})
})

// ForHTTP is the parameters of wait.for_http.
type ForHTTP struct {
	URL      string       `json:"url" reach:"url" help:"Address to GET." ja:"GETするアドレス" example:"https://orders.example.com/health"`
	Status   []int        `json:"status" help:"Statuses that end the wait." ja:"待つのを終えるステータス" default:"[200]"`
	Expect   string       `json:"expect" over:"status,headers,json,text" help:"Condition over status, headers, json and text that ends the wait." ja:"待つのを終える、status、headers、json、text に対する条件" default:""`
	CAFile   string       `json:"ca_file" reach:"path" help:"File with the certificates to trust instead of the system's." ja:"システムの認証局に代えて信頼する証明書のファイル" default:""`
	Within   run.Duration `json:"within" help:"How long to wait at most." ja:"待つ時間の上限" default:"1m"`
	Interval run.Duration `json:"interval" help:"How often to ask." ja:"問い合わせの間隔" default:"500ms"`
}

var forHTTP = activities.Define("wait.for_http", activities.Doc{
	Summary:    "Wait until a web service answers as expected.",
	SummaryJA:  "Web サービスが期待どおりに応答するまで待つ。",
	Effect:     run.Observe,
	Repeatable: true,
}, func(ctx context.Context, p ForHTTP) (Waited, error) {
	return until(ctx, p.Within, p.Interval, func(ctx context.Context) error {
		a, err := fetch.Do(ctx, fetch.Request{Method: http.MethodGet, URL: p.URL, CAFile: p.CAFile, Timeout: 5 * time.Second})
		if err != nil {
			return err
		}
		if err := a.Meets(fetch.Expectation{Status: p.Status, Expr: p.Expect}); err != nil {
			return fmt.Errorf("%s: %w", p.URL, err)
		}
		return nil
	})
})

func until(ctx context.Context, within, interval run.Duration, ok func(context.Context) error) (Waited, error) {
	began := time.Now()
	err := activities.Until(ctx, within.Std(), max(interval.Std(), 10*time.Millisecond), ok)
	switch {
	case err == nil:
		return Waited{time.Since(began).Seconds()}, nil
	case ctx.Err() != nil:
		return Waited{}, ctx.Err()
	}
	return Waited{}, activities.FindingBoth("not within %s: %v", "%s以内に成立しなかった：%v", within, err)
}
