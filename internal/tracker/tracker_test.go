package tracker

import (
	"net/url"
	"testing"
)

func TestATemplateIsFilledAndCanBreakNothing(t *testing.T) {
	hostile := Issue{ID: "F-1", Title: "a&b=c#d {body} 訓練", Body: "one\ntwo"}
	for name, template := range map[string]Template{
		"GitHub": "https://github.com/acme/dr/issues/new?title={title}&body={body}",
		"GitLab": "https://gitlab.example.org/acme/dr/-/issues/new?issue[title]={title}&issue[description]={body}",
		"Jira":   "https://jira.example.org/secure/CreateIssueDetails!init.jspa?pid=10000&issuetype=1&summary={title}&description={body}",
	} {
		if err := template.Check(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		u, err := url.Parse(template.Fill(hostile))
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		found := 0
		for _, v := range u.Query() {
			if v[0] == hostile.Title || v[0] == hostile.Body {
				found++
			}
		}
		if found != 2 || u.Fragment != "" {
			t.Errorf("%s: %s", name, u)
		}
	}
	for _, bad := range []Template{"javascript:alert({title})", "https://x.example.org/new", "https://x.example.org/new?t={title}&x={who}", "{title}", "https://user:key@x.example.org/{title}"} {
		if bad.Check() == nil {
			t.Errorf("%s was taken", bad)
		}
	}
	if Template("").Check() != nil || Template("").Fill(hostile) != "" {
		t.Error("no template is not in order")
	}
}
