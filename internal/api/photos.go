package api

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/muster-dr/muster/internal/identity"
	"github.com/muster-dr/muster/internal/journal"
	"github.com/muster-dr/muster/internal/photo"
	"github.com/muster-dr/muster/workflows"
)

// Pictures are documents of the record store, so that a copy of it holds them too: one with
// each picture, under RUN/SHA-256, and one a run that lists them, which bounds their number.
// The journal names them by their SHA-256.
const (
	kindPhoto  = "photo"
	kindPhotos = "photos"
	mostPhotos = 100 // of a run
	// photosAtOnce bounds those that are in memory.
	photosAtOnce = 32
	// photoWithin is how long a phone on a bad line may take to send one.
	photoWithin = 2 * time.Minute
)

// Photo is a picture of a run, without the picture.
type Photo struct {
	ID     string    `json:"id" doc:"Give this in photos of a report: SHA-256 of the picture as it is kept."`
	Type   string    `json:"type"`
	Bytes  int       `json:"bytes"`
	Width  int       `json:"width,omitempty"`
	Height int       `json:"height,omitempty"`
	By     string    `json:"by"`
	At     time.Time `json:"at"`
}

// keptPhoto is the document of one.
type keptPhoto struct {
	Photo
	Picture []byte `json:"picture"`
}

type photoOutput struct {
	ContentType  string `header:"Content-Type"`
	CacheControl string `header:"Cache-Control"`
	NoSniff      string `header:"X-Content-Type-Options"`
	Policy       string `header:"Content-Security-Policy"`
	Body         []byte
}

func (s *Server) photoRoutes(api huma.API) {
	add := route("add-photo", http.MethodPost, "/runs/{run}/photos",
		"Keep a picture for a report: the body is a JPEG, PNG or WebP of 5 MiB at most. What a camera writes beside it is taken out.", 404, 409, 413, 422, 503)
	add.MaxBodyBytes, add.BodyReadTimeout = photo.MaxSize+1, photoWithin
	huma.Register(api, add, func(ctx context.Context, in *struct {
		OfRun
		By      string `query:"by" doc:"Who sends it: an ID of the estate."`
		RawBody []byte `contentType:"image/*"`
	}) (*answer[Photo], error) {
		out, err := s.addPhoto(ctx, in.Run, in.By, in.RawBody)
		return &answer[Photo]{out}, err
	})
	huma.Register(api, route("list-photos", http.MethodGet, "/runs/{run}/photos", "The pictures of a run.", 404),
		func(ctx context.Context, in *OfRun) (*answer[[]Photo], error) {
			if err := s.ofTheRun(ctx, in.Run); err != nil {
				return nil, err
			}
			list, _, err := s.photosOf(ctx, in.Run)
			return &answer[[]Photo]{list}, err
		})
	huma.Register(api, route("get-photo", http.MethodGet, "/runs/{run}/photos/{photo}", "A picture.", 404),
		func(ctx context.Context, in *struct {
			OfRun
			Photo string `path:"photo"`
		}) (*photoOutput, error) {
			if err := s.ofTheRun(ctx, in.Run); err != nil {
				return nil, err
			}
			k, err := keptPicture(ctx, s.Store, in.Run, in.Photo)
			if errors.Is(err, journal.ErrNotFound) {
				return nil, problem(http.StatusNotFound, CodeNotFound, lang(ctx).T("Run %s has no such photo.", "%s にその写真はありません。", in.Run), "")
			}
			if err != nil {
				return nil, s.storeProblem(ctx, err)
			}
			// What somebody sent is shown as a picture, whatever it may turn out to be.
			return &photoOutput{k.Type, "private, max-age=86400, immutable", "nosniff", "default-src 'none'; sandbox", k.Picture}, nil
		})
}

// ofTheRun lets in who may see the run's pictures: people of its estate, and the console. A
// signed link is for its own purpose and nothing else.
func (s *Server) ofTheRun(ctx context.Context, runID string) error {
	_, p, err := s.known(ctx, runID)
	if err != nil {
		return err
	}
	a, known := identity.From(ctx)
	if _, there := p.Estate.Person(a.Person); known && (a.Console || there && a.Limit == nil) {
		return nil
	}
	return problem(http.StatusForbidden, CodeRefused, lang(ctx).T("The pictures of %s are for the people of the run.", "%s の写真は、この実施の関係者だけが閲覧できます。", runID), "")
}

func (s *Server) addPhoto(ctx context.Context, runID, by string, body []byte) (Photo, error) {
	l := lang(ctx)
	if err := s.ofTheRun(ctx, runID); err != nil {
		return Photo{}, err
	}
	sum, p, err := s.known(ctx, runID)
	if err != nil {
		return Photo{}, err
	}
	if sum.State.Ended() {
		return Photo{}, problem(http.StatusConflict, CodeEnded, l.T("Run %s has ended.", "実施 %s は終了しています。", runID),
			l.T("`muster report %s` shows how", "`muster report %s` で結果を確認できます", runID))
	}
	if a, ok := identity.From(ctx); ok && !a.Console {
		by = a.Person // who is known says nothing else about themselves
	}
	if _, there := p.Estate.Person(by); !there {
		return Photo{}, problem(http.StatusConflict, CodeRefused, l.T("Nobody called %q is in the estate of this run.", "%q はこの実施の構成台帳にいません。", by),
			l.T("Say who sends it: ?by=PERSON", "送信者を ?by=PERSON で指定してください"))
	}
	pic, err := photo.Clean(body)
	if r := new(photo.Refusal); errors.As(err, &r) {
		status := http.StatusUnprocessableEntity
		if len(body) > photo.MaxSize {
			status = http.StatusRequestEntityTooLarge
		}
		return Photo{}, problem(status, CodeBadRequest, r.In(string(l)), "")
	}
	if err != nil {
		return Photo{}, err
	}
	k := keptPhoto{Photo{ID: pic.Digest, Type: pic.Type, Bytes: len(pic.Bytes), Width: pic.Width, Height: pic.Height, By: by, At: s.now().UTC()}, pic.Bytes}
	return s.keepPhoto(ctx, runID, k)
}

// keepPhoto keeps the picture, and then its line in the run's list. The same picture again
// is the one that is there.
func (s *Server) keepPhoto(ctx context.Context, runID string, k keptPhoto) (Photo, error) {
	l := lang(ctx)
	for range 20 { // others add to the list at the same time
		list, index, err := s.photosOf(ctx, runID)
		if err != nil {
			return Photo{}, err
		}
		if i := slices.IndexFunc(list, func(p Photo) bool { return p.ID == k.ID }); i >= 0 {
			return list[i], nil
		}
		if len(list) >= mostPhotos {
			return Photo{}, problem(http.StatusConflict, CodeRefused, l.T("Run %s has %d photos, which is the most.", "%s の写真は上限の %d 枚に達しています。", runID, mostPhotos),
				l.T("Nothing was kept; describe what you see in the note", "保存していません。状況は備考に記入してください"))
		}
		body, err := json.Marshal(k)
		if err != nil {
			return Photo{}, err
		}
		if _, err := s.Store.PutDocument(ctx, journal.Document{Kind: kindPhoto, ID: runID + "/" + k.ID, Body: body, ChangedAt: k.At}); err != nil && !errors.Is(err, journal.ErrChanged) {
			return Photo{}, s.storeProblem(ctx, err)
		}
		index.Body, err = json.Marshal(append(list, k.Photo))
		if err != nil {
			return Photo{}, err
		}
		index.ChangedAt = k.At
		if _, err = s.Store.PutDocument(ctx, index); err == nil {
			return k.Photo, nil
		} else if !errors.Is(err, journal.ErrChanged) {
			return Photo{}, s.storeProblem(ctx, err)
		}
	}
	return Photo{}, problem(http.StatusServiceUnavailable, CodeStore, l.T("Too many photos come in at once; send it again.", "写真の送信が集中しています。もう一度送信してください。"), "")
}

// photosOf is the run's list of pictures, as a document to be changed.
func (s *Server) photosOf(ctx context.Context, runID string) ([]Photo, journal.Document, error) {
	list := []Photo{}
	d, err := s.Store.Document(ctx, kindPhotos, runID)
	if errors.Is(err, journal.ErrNotFound) {
		return list, journal.Document{Kind: kindPhotos, ID: runID}, nil
	}
	if err == nil {
		err = json.Unmarshal(d.Body, &list)
	}
	if err != nil {
		return nil, d, s.storeProblem(ctx, err)
	}
	return list, d, nil
}

// hasPhotos refuses a report that names pictures which were never sent.
func (s *Server) hasPhotos(ctx context.Context, runID string, body any) error {
	var ids []string
	switch b := body.(type) {
	case workflows.Assess:
		ids = b.Photos
	case workflows.Inspect:
		ids = b.Photos
	}
	if len(ids) == 0 {
		return nil
	}
	list, _, err := s.photosOf(ctx, runID)
	if err != nil {
		return err
	}
	for _, id := range ids {
		if !slices.ContainsFunc(list, func(p Photo) bool { return p.ID == id }) {
			return problem(http.StatusConflict, CodeRefused, lang(ctx).T("Run %s has no photo %.12q.", "%s に写真 %.12q はありません。", runID, id),
				lang(ctx).T("Send the picture first; its ID comes back", "先に写真を送信し、返された ID を指定してください"))
		}
	}
	return nil
}

// limitOf is how much the body of a request may have.
func limitOf(r *http.Request) int64 {
	rest, ok := strings.CutPrefix(r.URL.Path, "/api/v1/runs/")
	if name, tail, two := strings.Cut(rest, "/"); ok && two && name != "" && tail == "photos" && r.Method == http.MethodPost {
		return photo.MaxSize + 1 // one more, to tell what is too large
	}
	return bodyLimit
}

// bounded refuses a body that says itself that it is too large before any of it is read, and
// reads no more of any other than is allowed.
func (s *Server) bounded(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if atMerge(r) {
			s.mergeGate(w, r, next)
			return
		}
		limit := limitOf(r)
		if r.ContentLength >= limit {
			l := lang(r.Context())
			writeProblem(w, problem(http.StatusRequestEntityTooLarge, CodeBadRequest,
				l.T("The request has %.1f MB, and at most %s are taken. Nothing was kept.", "送信内容が %.1f MB あり、上限（%s）を超えています。何も保存していません。", float64(r.ContentLength)/(1<<20), bytesIn(limit)),
				l.T("Send a smaller photo, or a shorter text", "写真を小さくするか、文章を短くして送り直してください")))
			return
		}
		if limit > bodyLimit { // the answer may come later than that of other requests
			_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(photoWithin + 30*time.Second))
			select { // before any of it is in memory
			case s.photos <- struct{}{}:
				defer func() { <-s.photos }()
			case <-r.Context().Done():
				return
			}
		}
		if r.Method == http.MethodGet && r.URL.Path == "/api/v1/bundles/export" { // all runs are sealed and packed first
			_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(mergeAnswered))
		}
		http.MaxBytesHandler(next, limit).ServeHTTP(w, r)
	})
}

func bytesIn(n int64) string {
	if n >= 1<<20 {
		return fmt.Sprintf("%d MB", n>>20)
	}
	return fmt.Sprintf("%d KB", n>>10)
}

// AddPhoto keeps a picture for a report of a person.
func (c *Client) AddPhoto(ctx context.Context, id, by string, picture []byte) (out Photo, err error) {
	err = c.do(ctx, http.MethodPost, runPath(id, "photos"), url.Values{"by": {by}}, "", upload(picture), &out)
	return out, err
}

// Photos lists the pictures of a run.
func (c *Client) Photos(ctx context.Context, id string) ([]Photo, error) {
	return get[[]Photo](ctx, c, runPath(id, "photos"), nil)
}

// Picture is a picture as it is kept.
func (c *Client) Picture(ctx context.Context, id, photo string) ([]byte, error) {
	return get[[]byte](ctx, c, runPath(id, "photos", photo), nil)
}

// upload is a request's body as it is.
type upload []byte

// KeptPhotos lists the pictures of a run in a record store, or a copy of one.
func KeptPhotos(ctx context.Context, from journal.Documents, runID string) ([]Photo, error) {
	list := []Photo{}
	d, err := from.Document(ctx, kindPhotos, runID)
	if errors.Is(err, journal.ErrNotFound) {
		return list, nil
	}
	if err == nil {
		err = json.Unmarshal(d.Body, &list)
	}
	return list, err
}

// KeptPicture is a picture in a record store, or a copy of one.
func KeptPicture(ctx context.Context, from journal.Documents, runID, id string) ([]byte, error) {
	k, err := keptPicture(ctx, from, runID, id)
	return k.Picture, err
}

// keptPicture reads a picture and checks it against its name: a report stands on what was kept,
// not on what a store holds by now.
func keptPicture(ctx context.Context, from journal.Documents, runID, id string) (k keptPhoto, err error) {
	d, err := from.Document(ctx, kindPhoto, runID+"/"+id)
	if err != nil {
		return keptPhoto{}, err
	}
	if err := json.Unmarshal(d.Body, &k); err != nil {
		return keptPhoto{}, fmt.Errorf("photo %s of %s: %w", id, runID, err)
	}
	if sum := sha256.Sum256(k.Picture); hex.EncodeToString(sum[:]) != id {
		return keptPhoto{}, fmt.Errorf("photo %s of %s is not the picture that was kept: its content has another SHA-256", id, runID)
	}
	return k, nil
}
