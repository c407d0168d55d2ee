package cases_test

import (
	"bytes"
	"crypto/md5"
	"encoding/xml"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// objectStore is an object store as S3 has it, in so far as pgBackRest asks: it lists,
// takes and gives objects over TLS, and its way out is a line of a known speed. It takes no
// request that isn't signed in the name of its one key; signatures it does not check.
type objectStore struct {
	bucket, key string
	line        int64 // bytes a second, on the way out

	mu      sync.Mutex
	objects map[string]object
	parts   map[string]map[string][]byte // of uploads, by number
	out     int64
	free    time.Time // when the line has carried what it was given
}

type object struct {
	body []byte
	at   time.Time
}

// openObjectStore serves it at the address.
func openObjectStore(t *testing.T, line int64) (s *objectStore, address string) {
	t.Helper()
	s = &objectStore{bucket: "ledger-backups", key: "AKIDMUSTER", line: line, objects: map[string]object{}, parts: map[string]map[string][]byte{}}
	srv := httptest.NewTLSServer(s)
	t.Cleanup(func() { srv.CloseClientConnections(); srv.Close() })
	return s, strings.TrimPrefix(srv.URL, "https://")
}

func (s *objectStore) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	path, ok := strings.CutPrefix(r.URL.Path, "/"+s.bucket)
	switch {
	case !strings.Contains(r.Header.Get("Authorization"), "Credential="+s.key+"/"):
		http.Error(w, "<Error><Code>AccessDenied</Code></Error>", http.StatusForbidden)
		return
	case !ok:
		http.Error(w, "<Error><Code>NoSuchBucket</Code></Error>", http.StatusNotFound)
		return
	}
	name, q := strings.TrimPrefix(path, "/"), r.URL.Query()
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 64<<20))
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case r.Method == http.MethodGet && name == "":
		s.list(w, q)
	case r.Method == http.MethodGet || r.Method == http.MethodHead:
		o, ok := s.objects[name]
		if !ok {
			http.Error(w, "<Error><Code>NoSuchKey</Code></Error>", http.StatusNotFound)
			return
		}
		s.mu.Unlock() // others go on while the line is slow
		http.ServeContent(&onLine{w, s, r}, r, name, o.at, bytes.NewReader(o.body))
		s.mu.Lock()
	case r.Method == http.MethodPut && q.Has("uploadId"):
		s.parts[q.Get("uploadId")][q.Get("partNumber")] = body
		w.Header().Set("ETag", etag(body))
	case r.Method == http.MethodPut:
		s.objects[name] = object{body, time.Now()}
		w.Header().Set("ETag", etag(body))
	case r.Method == http.MethodPost && q.Has("uploads"):
		id := fmt.Sprint(len(s.parts) + 1)
		s.parts[id] = map[string][]byte{}
		answer(w, "InitiateMultipartUploadResult", "<UploadId>"+id+"</UploadId>")
	case r.Method == http.MethodPost && q.Has("uploadId"):
		var whole []byte
		for n := 1; n <= len(s.parts[q.Get("uploadId")]); n++ {
			whole = append(whole, s.parts[q.Get("uploadId")][fmt.Sprint(n)]...)
		}
		s.objects[name] = object{whole, time.Now()}
		answer(w, "CompleteMultipartUploadResult", "<ETag>"+etag(whole)+"</ETag>")
	case r.Method == http.MethodDelete:
		delete(s.objects, name)
		w.WriteHeader(http.StatusNoContent)
	case r.Method == http.MethodPost && q.Has("delete"):
		var asked struct {
			Object []struct{ Key string }
		}
		_ = xml.Unmarshal(body, &asked)
		for _, o := range asked.Object {
			delete(s.objects, o.Key)
		}
		answer(w, "DeleteResult", "")
	default:
		http.Error(w, "<Error><Code>NotImplemented</Code></Error>", http.StatusNotImplemented)
	}
}

// list tells the objects and folders below a prefix; s.mu is held.
func (s *objectStore) list(w http.ResponseWriter, q url.Values) {
	prefix, between := q.Get("prefix"), q.Get("delimiter")
	var names, folders []string
	for name := range s.objects {
		rest, ok := strings.CutPrefix(name, prefix)
		if !ok {
			continue
		}
		if i := strings.Index(rest, between); between != "" && i >= 0 {
			folders = append(folders, prefix+rest[:i+1])
			continue
		}
		names = append(names, name)
	}
	slices.Sort(names)
	slices.Sort(folders)
	var b strings.Builder
	for _, n := range names {
		o := s.objects[n]
		fmt.Fprintf(&b, "<Contents><Key>%s</Key><LastModified>%s</LastModified><Size>%d</Size></Contents>", n, o.at.UTC().Format("2006-01-02T15:04:05.000Z"), len(o.body))
	}
	for _, f := range slices.Compact(folders) {
		fmt.Fprintf(&b, "<CommonPrefixes><Prefix>%s</Prefix></CommonPrefixes>", f)
	}
	answer(w, "ListBucketResult", "<IsTruncated>false</IsTruncated>"+b.String())
}

func answer(w http.ResponseWriter, kind, inner string) {
	w.Header().Set("Content-Type", "application/xml")
	fmt.Fprintf(w, `<?xml version="1.0" encoding="UTF-8"?><%[1]s xmlns="http://s3.amazonaws.com/doc/2006-03-01/">%[2]s</%[1]s>`, kind, inner)
}

func etag(b []byte) string { return fmt.Sprintf(`"%x"`, md5.Sum(b)) }

// onLine is an answer that goes out over the line: as fast as that is, and not faster.
type onLine struct {
	http.ResponseWriter
	s *objectStore
	r *http.Request
}

func (l *onLine) Write(b []byte) (int, error) {
	const piece = 64 << 10
	sent := 0
	for len(b) > 0 {
		n := min(piece, len(b))
		l.s.mu.Lock()
		if now := time.Now(); l.s.free.Before(now) {
			l.s.free = now
		}
		l.s.free = l.s.free.Add(time.Duration(n) * time.Second / time.Duration(l.s.line))
		l.s.out += int64(n)
		turn := time.NewTimer(time.Until(l.s.free))
		l.s.mu.Unlock()
		select {
		case <-turn.C:
		case <-l.r.Context().Done():
			turn.Stop()
			return sent, l.r.Context().Err()
		}
		m, err := l.ResponseWriter.Write(b[:n])
		sent += m
		if err != nil {
			return sent, err
		}
		b = b[n:]
	}
	return sent, nil
}

// below is how many bytes lie under a prefix.
func (s *objectStore) below(prefix string) (bytes int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for name, o := range s.objects {
		if strings.HasPrefix(name, prefix) {
			bytes += int64(len(o.body))
		}
	}
	return bytes
}

// account serves what the provider's console tells: the size of what lies under the prefix
// and how long the line needs for it, what has gone out, and what that costs.
func (s *objectStore) account(prefix string) http.HandlerFunc {
	const yenPerGB = 16.5
	return func(w http.ResponseWriter, _ *http.Request) {
		size := s.below(prefix)
		s.mu.Lock()
		out := s.out
		s.mu.Unlock()
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprintf(w, `{"backup_bytes": %d, "line_bytes_per_s": %d, "forecast_s": %.3f, "bytes_out": %d, "jpy_per_gb": %.1f, "cost_jpy": %.6f}`,
			size, s.line, float64(size)/float64(s.line), out, yenPerGB, float64(out)/1e9*yenPerGB)
	}
}
