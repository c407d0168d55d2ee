// Package tracker makes the addresses that open new issues in a tracker of one's own.
package tracker

import (
	"errors"
	"net/url"
	"strings"
)

// Template is an address in which {id}, {title}, {body}, {system}, {kind}, {owner} and {due} stand for an
// issue's own. GitHub: https://github.com/acme/dr/issues/new?title={title}&body={body}; GitLab:
// https://gitlab.example.org/acme/dr/-/issues/new?issue[title]={title}&issue[description]={body}; Jira:
// https://jira.example.org/secure/CreateIssueDetails!init.jspa?pid=10000&issuetype=1&summary={title}&description={body}
type Template string

// Issue is what goes into a template.
type Issue struct{ ID, Title, Body, System, Kind, Owner, Due string }

func (i Issue) fields() [][2]string {
	return [][2]string{{"id", i.ID}, {"title", i.Title}, {"body", i.Body}, {"system", i.System}, {"kind", i.Kind}, {"owner", i.Owner}, {"due", i.Due}}
}

// Check says what is wrong with a template; "" is none and in order.
func (t Template) Check() error {
	if t == "" {
		return nil
	}
	plain, names := string(t), []string{}
	for _, f := range (Issue{}).fields() {
		plain = strings.ReplaceAll(plain, "{"+f[0]+"}", "x")
		names = append(names, "{"+f[0]+"}")
	}
	u, err := url.Parse(plain)
	switch {
	case err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" || u.User != nil:
		return errors.New("is no address such as https://github.com/acme/dr/issues/new?title={title}&body={body}")
	case strings.ContainsAny(plain, "{}"):
		return errors.New("holds braces of something else than " + strings.Join(names, ", "))
	case !strings.Contains(string(t), "{title}"):
		return errors.New("holds no {title}, so that every issue would look alike")
	}
	return nil
}

// Fill is the address for an issue; "" without a template.
func (t Template) Fill(i Issue) string {
	var pairs []string
	for _, f := range i.fields() {
		pairs = append(pairs, "{"+f[0]+"}", url.QueryEscape(f[1]))
	}
	return strings.NewReplacer(pairs...).Replace(string(t))
}
