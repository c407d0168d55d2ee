package api

import (
	"errors"
	"net/http"
	"slices"
	"time"

	commonpb "go.temporal.io/api/common/v1"
	"go.temporal.io/sdk/converter"

	"github.com/muster-dr/muster/internal/identity"
	"github.com/muster-dr/muster/internal/plan"
)

// CodecPath is where the codec endpoint is: what the Temporal UI, or tctl, is told.
const CodecPath = "/codec/"

// codecLimit bounds what is decrypted at once: a page of a history, in base64.
const codecLimit = 32 << 20

// Codec decrypts for the Temporal UI what the engine keeps, by the SDK's protocol for remote
// codecs, POST /codec/decode and /codec/encode. It takes the permission audit or admin, and
// encrypting takes admin: that is for who sends something to a workflow by hand. Each page of
// readings is in the access log. origins are the pages that may ask from a browser, as in
// https://temporal.example.com. Handler comes first.
func (s *Server) Codec(c converter.PayloadCodec, origins []string) http.Handler {
	remote := converter.NewPayloadCodecHTTPHandler(twoTongued{c})
	inner := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		act := "decrypt"
		err := s.mayAround(r.Context(), plan.MayAdmin)
		switch r.URL.Path {
		case CodecPath + "decode":
			if err != nil {
				err = s.mayAround(r.Context(), plan.MayAudit)
			}
		case CodecPath + "encode":
			act = "encrypt"
		default:
			l := lang(r.Context())
			writeProblem(w, problem(http.StatusNotFound, CodeNotFound, l.T("There is nothing at %s.", "%s には何もありません。", r.URL.Path),
				l.T("The Temporal UI's codec endpoint is this server's address with /codec", "Temporal UIに設定するコーデックのエンドポイントは、このサーバーのアドレスに /codec を付けたものです")))
			return
		}
		if p := new(Problem); errors.As(err, &p) {
			s.Identity.Noted(r.Context(), act, "history", "refused")
			writeProblem(w, p)
			return
		}
		// Whom it may concern sees who reads, and of which namespace as far as the UI says.
		object := "history"
		if ns := r.Header.Get("X-Namespace"); ns != "" && len(ns) < 100 {
			object = "history " + ns
		}
		if act == "decrypt" {
			s.Identity.Read(r.Context(), object)
		} else {
			s.Identity.Noted(r.Context(), act, object, "ok")
		}
		r.Body = http.MaxBytesReader(w, r.Body, codecLimit)
		_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(time.Minute))
		remote.ServeHTTP(w, r)
	})
	protect := http.NewCrossOriginProtection()
	for _, o := range origins {
		_ = protect.AddTrustedOrigin(o) // the settings were checked: what is none lets nobody in
	}
	protect.SetDenyHandler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.Identity.CrossSite(r)
		http.Error(w, lang(r.Context()).T("A page of another site sent this request.", "別のサイトのページから送られた要求です。"), http.StatusForbidden)
	}))
	guarded := s.Identity.Guard(s.noteForbidden(limits(inner)), identity.Gate{Refused: s.unknown})
	asked := protect.Handler(guarded)
	return s.observe(Shielded(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Add("Vary", "Origin")
		if o := r.Header.Get("Origin"); slices.Contains(origins, o) {
			h.Set("Access-Control-Allow-Origin", o)
			h.Set("Access-Control-Allow-Credentials", "true")
			if r.Method == http.MethodOptions && r.Header.Get("Access-Control-Request-Method") == http.MethodPost {
				h.Set("Access-Control-Allow-Methods", http.MethodPost)
				h.Set("Access-Control-Allow-Headers", "Authorization, Content-Type, X-Namespace, X-CSRF-Token")
				h.Set("Access-Control-Max-Age", "600")
				w.WriteHeader(http.StatusNoContent)
				return
			}
		}
		asked.ServeHTTP(w, r)
	}), s.PublicURL))
}

// twoTongued says in both languages what can't be decrypted: the UI shows it as it is.
type twoTongued struct{ converter.PayloadCodec }

func (c twoTongued) Decode(in []*commonpb.Payload) ([]*commonpb.Payload, error) {
	out, err := c.PayloadCodec.Decode(in)
	if err != nil {
		err = errors.New(plan.SaidBy(err).Both())
	}
	return out, err
}
