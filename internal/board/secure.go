package board

import (
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"mime"
	"net/http"
	"path"
	"strings"
	"sync"
)

// policy lets a page use this server's own style sheet, script and connections, and
// nothing else from anywhere; nobody may frame it.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

// secured sets the headers that every page carries.
func secured(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", policy)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set("Permissions-Policy", "camera=(), microphone=(), geolocation=()")
		h.Set("X-Robots-Tag", "noindex, nofollow")
		h.Set("Cache-Control", "no-store")
		next.ServeHTTP(w, r)
	})
}

// asset is a static file under the name that its content gives it.
type asset struct {
	url  string
	kind string
	body []byte
}

// loadAssets names each static file by its content, so that a browser may keep it for
// ever and never shows an old one.
func loadAssets() (map[string]asset, error) {
	out := map[string]asset{}
	files, err := staticFiles.ReadDir("static")
	if err != nil {
		return nil, err
	}
	for _, f := range files {
		body, err := staticFiles.ReadFile("static/" + f.Name())
		if err != nil {
			return nil, err
		}
		sum := sha256.Sum256(body)
		ext := path.Ext(f.Name())
		out[f.Name()] = asset{"/static/" + strings.TrimSuffix(f.Name(), ext) + "." + hex.EncodeToString(sum[:6]) + ext, mime.TypeByExtension(ext), body}
	}
	return out, nil
}

func (b *Board) static(w http.ResponseWriter, r *http.Request) {
	for _, a := range b.assets {
		if a.url == r.URL.Path {
			w.Header().Set("Content-Type", a.kind)
			w.Header().Set("Cache-Control", "public, max-age=31536000, immutable")
			_, _ = w.Write(a.body)
			return
		}
	}
	http.NotFound(w, r)
}

var gzips = sync.Pool{New: func() any { w, _ := gzip.NewWriterLevel(io.Discard, gzip.BestSpeed+4); return w }}

// compressed packs answers for those who take it: a phone on a slow link is who the
// pages are for. Streams flush what they have packed at once.
func compressed(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Add("Vary", "Accept-Encoding")
		if !strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") {
			next.ServeHTTP(w, r)
			return
		}
		z := gzips.Get().(*gzip.Writer)
		z.Reset(w)
		p := &packer{ResponseWriter: w, z: z}
		next.ServeHTTP(p, r)
		if p.packs {
			_ = z.Close()
		}
		gzips.Put(z)
	})
}

// packer packs what has a body.
type packer struct {
	http.ResponseWriter
	z            *gzip.Writer
	begun, packs bool
}

func (p *packer) WriteHeader(status int) {
	if !p.begun {
		p.begun = true
		kind := p.Header().Get("Content-Type")
		p.packs = status >= 200 && status != http.StatusNoContent && status != http.StatusNotModified && p.Header().Get("Location") == "" && kind != "" && !strings.HasPrefix(kind, "image/") // a photo is packed already
		if p.packs {
			p.Header().Set("Content-Encoding", "gzip")
			p.Header().Del("Content-Length")
		}
	}
	p.ResponseWriter.WriteHeader(status)
}

func (p *packer) Write(b []byte) (int, error) {
	if !p.begun {
		if p.Header().Get("Content-Type") == "" {
			p.Header().Set("Content-Type", http.DetectContentType(b))
		}
		p.WriteHeader(http.StatusOK)
	}
	if p.packs {
		return p.z.Write(b)
	}
	return p.ResponseWriter.Write(b)
}

// FlushError sends what was written so far.
func (p *packer) FlushError() error {
	if p.packs {
		if err := p.z.Flush(); err != nil {
			return err
		}
	}
	return http.NewResponseController(p.ResponseWriter).Flush()
}

// Unwrap lets http.ResponseController reach the connection's deadlines.
func (p *packer) Unwrap() http.ResponseWriter { return p.ResponseWriter }

// drained bounds how much of a body that is too long is read for the answer's sake.
const drained = 32 << 20

func drain(body io.Reader) { _, _ = io.CopyN(io.Discard, body, drained) }
