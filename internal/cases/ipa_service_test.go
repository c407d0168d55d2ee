package cases_test

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/muster-dr/muster/internal/mailtest"
	"github.com/muster-dr/muster/internal/pgtest"
	"github.com/muster-dr/muster/internal/run"
	"github.com/muster-dr/muster/workflows"
)

// The group ipa-food has a database pair and two servers at the factory.
func init() {
	servers["ipa-food"] = func(t *testing.T, g *group) {
		pair, vms := pgtest.StartPair(t), newMachines(t)
		synchronous(t, pair)
		g.postgres(t, pair, "food-db-factory", "food-db-hill")
		core, desktops := loopback(t), loopback(t)
		g.set(t, "name", "core-server", vms.make(t, "core-server", core, "core"))
		g.set(t, "name", "desktop-server", vms.make(t, "desktop-server", desktops, "desktop"))
		vms.run(t, "core-server")
		vms.run(t, "desktop-server")
		listening(t, core, desktops)
		g.replace(t, strings.NewReplacer("127.0.0.1:8095", core, "127.0.0.1:8096", desktops))
	}
}

// The group ipa-service has a mail server, finance with its database pair and the development
// that holds its place, and the web servers of a data centre with last night's copy elsewhere.
func init() {
	servers["ipa-service"] = func(t *testing.T, g *group) {
		pair, vms := pgtest.StartPair(t), newMachines(t)
		g.postgres(t, pair, "finance-db", "dev-db")

		smtp, imap := loopback(t), loopback(t)
		vms.mail(t, g, "staff-mail", mailtest.Options{SMTP: smtp, IMAP: imap, User: "probe@staff.test"}, true)

		tokyo, kumamoto := loopback(t), loopback(t)
		g.set(t, "name", "finance-app", vms.make(t, "finance-app", tokyo, "finance"))
		g.set(t, "name", "finance-on-dev", vms.make(t, "finance-on-dev", kumamoto, "finance"))
		g.set(t, "name", "dev-environment", vms.make(t, "dev-environment", kumamoto, "development"))
		finance := vms.entrance(t, g, "finance-entrance", "finance", "finance", tokyo, kumamoto, "kumamoto")

		centre, office := loopback(t), loopback(t)
		g.set(t, "name", "web-servers", vms.configured(t, "web-servers", plainHTTP+fmt.Sprintf("frontend in\n  bind %s\n  http-request return status 200 content-type text/plain string \"as of last night, and today\"\n", centre)))
		minimum := filepath.Join(vms.dir, "minimum")
		page := "  http-request return status 200 content-type text/html file " + minimum + "/%[1]s.html if { path /%[1]s }\n"
		g.set(t, "name", "office-web", vms.configured(t, "office-web", plainHTTP+fmt.Sprintf("frontend in\n  bind %s\n", office)+
			fmt.Sprintf(page, "web")+fmt.Sprintf(page, "sns")+"  http-request return status 200 content-type text/plain string \"the office\" if { path / }\n  http-request return status 503\n"))
		archive(t, filepath.Join(vms.dir, "last-night.tar.gz"), map[string]string{"web.html": "<p>web, as of last night</p>", "sns.html": "<p>sns, as of last night</p>"})
		web := vms.entrance(t, g, "web-entrance", "web", "office", centre, office, "office")

		for _, name := range []string{"finance-app", "dev-environment", "finance-entrance", "web-servers", "web-entrance"} {
			vms.run(t, name)
		}
		listening(t, tokyo, kumamoto, centre, finance, web)
		g.replace(t, strings.NewReplacer("127.0.0.1:2526", smtp, "127.0.0.1:1145", imap, "secret://env/MUSTER_CASES_MAILBOX", "secret://file"+vms.secret(t, mailtest.Password),
			"127.0.0.1:8097", finance, "127.0.0.1:8098", web, "/var/backups/web", vms.dir, "/srv/web/minimum", minimum))
	}

	acts["case-1-2-safety-check-without-mail"] = func(ctx context.Context, c *cast) {
		if !c.kind(ctx, run.PersonCalled) {
			return
		}
		for _, id := range []string{"doi", "eguchi"} {
			_, err := c.me.CheckIn(ctx, c.run, workflows.CheckIn{Person: id, By: id, Safety: run.Safe, Note: "by the web page"})
			c.must("the answer of "+id, false, err)
		}
	}
	acts["case-2-1-datacentre-lost-minimum-service"] = func(ctx context.Context, c *cast) {
		if !c.step(ctx, "content") {
			return
		}
		_, err := c.me.Remark(ctx, c.run, workflows.Remark{By: "fukui", Text: "the copy has no error detection: nobody could tell whether it was whole"})
		c.must("the remark", false, err)
	}
}
