package api

import (
	"bytes"
	"io"
	"net/http"
)

// InProcess is a client of a server in the same process, over no network. The server
// takes the actor from the context of each call (identity.With): the board and the message
// channels, which have made sure of the person, act through the same door as everybody else.
func InProcess(server http.Handler, lang string) *Client {
	return &Client{base: "http://in-process", lang: lang, http: &http.Client{Transport: direct{server}}}
}

// direct answers requests by calling a handler.
type direct struct{ to http.Handler }

func (d direct) RoundTrip(r *http.Request) (*http.Response, error) {
	w := &kept{header: http.Header{}, status: http.StatusOK}
	if r.Body == nil {
		r.Body = http.NoBody
	}
	d.to.ServeHTTP(w, r)
	if err := r.Context().Err(); err != nil {
		return nil, err
	}
	return &http.Response{
		StatusCode: w.status, Status: http.StatusText(w.status), Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: w.header, Body: io.NopCloser(&w.body), ContentLength: int64(w.body.Len()), Request: r,
	}, nil
}

// kept is an answer that is kept in memory.
type kept struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (k *kept) Header() http.Header         { return k.header }
func (k *kept) WriteHeader(status int)      { k.status = status }
func (k *kept) Write(b []byte) (int, error) { return k.body.Write(b) }
