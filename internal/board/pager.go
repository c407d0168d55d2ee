package board

import (
	"net/http"
	"net/url"
	"strconv"
)

// pager leads through a long list.
type pager struct {
	Page, Pages, Total int
	path               string
	query              url.Values
}

// of are the rows of the page that a request asks for; one that there is not is the nearest.
func (p *pager) of(r *http.Request, total int) (from, to int) {
	p.Total, p.Pages, p.path, p.query = total, max(1, (total+perPage-1)/perPage), r.URL.Path, r.URL.Query()
	n, _ := strconv.Atoi(p.query.Get("page"))
	p.Page = min(max(n, 1), p.Pages)
	from = (p.Page - 1) * perPage
	return from, min(from+perPage, total)
}

// To is the address of a page of the same list.
func (p pager) To(page int) string {
	q := url.Values{}
	for k, v := range p.query {
		q[k] = v
	}
	q.Del("ok")
	q.Set("page", strconv.Itoa(page))
	return p.path + "?" + q.Encode()
}

func (p pager) Before() int { return p.Page - 1 }
func (p pager) After() int {
	if p.Page == p.Pages {
		return 0
	}
	return p.Page + 1
}
