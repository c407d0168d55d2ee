package api

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/muster-dr/muster/internal/breakglass"
	"github.com/muster-dr/muster/internal/evidence"
	"github.com/muster-dr/muster/internal/identity"
	"github.com/muster-dr/muster/internal/journal"
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/run"
)

// kindBundle are the documents of the break-glass bundles that were made here.
const kindBundle = "bundle"

// Bundle is a break-glass bundle that was made here.
type Bundle struct {
	ID       string        `json:"id"`
	Key      string        `json:"key" doc:"Public key of the evidence log that is begun with it."`
	Manifest string        `json:"manifest" doc:"SHA-256 of its manifest."`
	MadeAt   time.Time     `json:"made_at"`
	By       string        `json:"by"`
	Via      string        `json:"via,omitempty"`
	Muster   string        `json:"muster"`
	Begun    bool          `json:"begun,omitempty" doc:"It was begun, and nothing says that its file was put in place: it does not count as made."`
	Use      *BundleUse    `json:"use,omitempty" doc:"As its evidence log, which came back, has it."`
	Merges   []BundleMerge `json:"merges,omitempty"`
}

// BundleUse is who took a bundle into use.
type BundleUse struct {
	At     time.Time `json:"at" doc:"By the laptop's clock."`
	By     string    `json:"by"`
	Reason string    `json:"reason"`
}

// BundleMerge is one merge of what came back from a bundle.
type BundleMerge struct {
	At     time.Time `json:"at"`
	By     string    `json:"by"`
	Reason string    `json:"reason"`
	Runs   []string  `json:"runs" doc:"Runs of which something was new."`
	SHA256 string    `json:"sha256" doc:"Of the file."`
	Size   uint64    `json:"size" doc:"Entries of the bundle's evidence log."`
	Root   []byte    `json:"root"`
}

// Bundles are those that were made, and what the next one takes along of this installation.
type Bundles struct {
	Installation string       `json:"installation" doc:"Name of its evidence log."`
	Keys         []string     `json:"keys" doc:"The public keys of that log, oldest first."`
	Bundles      []Bundle     `json:"bundles" doc:"Newest first."`
	From         *run.Bundled `json:"from,omitempty" doc:"The bundle that this server works from itself."`
}

// NewBundle is a bundle that is about to be made.
type NewBundle struct {
	By       string `json:"by,omitempty" doc:"Who makes it: an ID of the estate. With a personal token it is not needed."`
	ID       string `json:"id"`
	Key      string `json:"key"`
	Manifest string `json:"manifest" pattern:"^[0-9a-f]{64}$"`
	Confirms bool   `json:"confirms,omitempty" doc:"Whoever makes it says (place-bundle) when its file is in place; until then it counts as begun."`
}

// PlacedBundle is a bundle whose file is in place.
type PlacedBundle struct {
	By string `json:"by,omitempty" doc:"Who made it: an ID of the estate. With a personal token it is not needed."`
}

// SignedBundle is the installation's signature of a bundle.
type SignedBundle struct {
	Signature []byte `json:"signature"`
}

func (s *Server) bundleRoutes(api huma.API) {
	huma.Register(api, route("list-bundles", http.MethodGet, "/bundles", "The break-glass bundles that were made here, and what was merged of them.", 403, 503),
		func(ctx context.Context, _ *struct{}) (*answer[Bundles], error) {
			if err := s.mayKeep(ctx, plan.MayAudit); err != nil {
				return nil, err
			}
			out, err := s.bundles(ctx)
			return &answer[Bundles]{out}, err
		})
	huma.Register(api, route("make-bundle", http.MethodPost, "/bundles", "Note that a break-glass bundle is made, with the public key of its evidence log, and sign its manifest.", 403, 409, 422, 503),
		func(ctx context.Context, in *struct{ Body NewBundle }) (*answer[SignedBundle], error) {
			out, err := s.makeBundle(ctx, in.Body)
			return &answer[SignedBundle]{out}, err
		})
	huma.Register(api, route("place-bundle", http.MethodPost, "/bundles/{bundle}/placed", "Say that the file of a bundle that was begun is in place. Said again, it changes nothing.", 403, 404, 422, 503),
		func(ctx context.Context, in *struct {
			Bundle string `path:"bundle" doc:"The bundle's ID."`
			Body   PlacedBundle
		}) (*answer[Bundle], error) {
			out, err := s.placeBundle(ctx, in.Bundle, in.Body)
			return &answer[Bundle]{out}, err
		})
	huma.Register(api, route("export-bundle", http.MethodGet, "/bundles/export", "What this server, which works from a break-glass bundle, has to bring back: its sealed runs and its evidence log, one file.", 403, 409, 503), s.exportBundle)
	merge := route(opMerge, http.MethodPost, "/bundles/merge", "Merge what came back from a break-glass bundle, once all of it was made sure of. The same file again changes nothing.", 403, 409, 413, 422, 503)
	merge.MaxBodyBytes, merge.BodyReadTimeout = evidence.MostPacked+1, mergeWithin // one more, to tell what is too large
	huma.Register(api, merge, func(ctx context.Context, in *struct {
		By      string `query:"by" doc:"Who merges: an ID of the estate."`
		Reason  string `query:"reason" maxLength:"500" doc:"Why; it stands in the log for ever."`
		RawBody []byte `contentType:"application/octet-stream"`
	}) (*answer[BundleMerged], error) {
		out, err := s.mergeBundle(ctx, EvidenceAct{By: in.By, Reason: in.Reason}, in.RawBody)
		return &answer[BundleMerged]{out}, err
	})
}

func (s *Server) bundles(ctx context.Context) (Bundles, error) {
	out := Bundles{Bundles: []Bundle{}, From: s.Bundled}
	keys, err := s.Evidence.Keys(ctx)
	if err != nil {
		return out, s.evidenceProblem(ctx, "", err)
	}
	out.Keys, out.Installation = keys, s.Evidence.Status().Log
	docs, err := s.Store.DocumentsOf(ctx, kindBundle)
	if err != nil {
		return out, s.storeProblem(ctx, err)
	}
	for _, d := range docs {
		var b Bundle
		if err := json.Unmarshal(d.Body, &b); err != nil {
			return out, s.storeProblem(ctx, err)
		}
		at := 0
		for at < len(out.Bundles) && out.Bundles[at].MadeAt.After(b.MadeAt) {
			at++
		}
		out.Bundles = append(out.Bundles[:at], append([]Bundle{b}, out.Bundles[at:]...)...)
	}
	return out, nil
}

func (s *Server) makeBundle(ctx context.Context, in NewBundle) (SignedBundle, error) {
	var none SignedBundle
	l := lang(ctx)
	if err := sign(ctx, &in); err != nil {
		return none, err
	}
	if err := s.mayKeep(ctx, plan.MayAdmin); err != nil {
		return none, err
	}
	if _, err := s.actorInEstate(ctx, in.By); err != nil {
		return none, err
	}
	if s.Bundled != nil {
		return none, problem(http.StatusConflict, CodeRefused, l.T("This server works from bundle %s itself; what comes of a bundle of it could not be merged.", "このサーバー自体がパッケージ %s で動いています。ここから作ったパッケージの記録は取り込めません。", s.Bundled.ID),
			l.T("Merge what was done here into the main installation, and make the next bundle there", "ここでの記録を本来のサーバーに取り込み、次のパッケージはそちらで作成してください"))
	}
	keys, err := evidence.Keys(in.Key)
	if err != nil || len(keys) != 1 || !breakglass.IsID(in.ID) {
		return none, problem(http.StatusUnprocessableEntity, CodeBadRequest, l.T("The bundle's ID or key is not one that `muster bundle` made.", "パッケージのIDまたは鍵が `muster bundle` で作成されたものではありません。"), "")
	}
	a, _ := identity.From(ctx)
	b := Bundle{ID: in.ID, Key: keys[0], Manifest: in.Manifest, MadeAt: s.now(), By: in.By, Via: a.Via, Muster: s.Version, Begun: in.Confirms}
	// Known before it is signed: a bundle that nobody knows of could never be merged.
	if _, err := s.Store.PutDocument(ctx, journal.Document{Kind: kindBundle, ID: b.ID, Body: run.Encode(b)}); errors.Is(err, journal.ErrChanged) {
		return none, problem(http.StatusConflict, CodeRefused, l.T("There is a bundle %s already.", "パッケージ %s はすでにあります。", b.ID), "")
	} else if err != nil {
		return none, s.storeProblem(ctx, err)
	}
	signed, err := s.Evidence.Sign(ctx, breakglass.Statement(b.ID, b.Manifest), evidence.Entry{Kind: evidence.EntryBundle, By: b.By, Via: b.Via, Bundle: b.ID, Key: b.Key, SHA256: b.Manifest})
	if err != nil {
		_ = s.Store.DropDocument(context.WithoutCancel(ctx), kindBundle, b.ID)
		return none, s.evidenceProblem(ctx, "", err)
	}
	return SignedBundle{signed}, nil
}

// placeBundle counts a bundle as made. It may have been merged by then, so another version of its document is read again.
func (s *Server) placeBundle(ctx context.Context, id string, in PlacedBundle) (b Bundle, err error) {
	if err := sign(ctx, &in); err != nil {
		return b, err
	}
	if err := s.mayKeep(ctx, plan.MayAdmin); err != nil {
		return b, err
	}
	if _, err := s.actorInEstate(ctx, in.By); err != nil {
		return b, err
	}
	for {
		doc, err := s.Store.Document(ctx, kindBundle, id)
		if errors.Is(err, journal.ErrNotFound) {
			l := lang(ctx)
			return b, problem(http.StatusNotFound, CodeNotFound, l.T("No bundle %s was begun here.", "パッケージ %s の作成は、このサーバーでは始まっていません。", id), l.T("`muster bundle` lists those of this server", "このサーバーで作成したものは `muster bundle` で一覧できます"))
		}
		if err == nil {
			b = Bundle{}
			err = json.Unmarshal(doc.Body, &b)
		}
		if err != nil {
			return b, s.storeProblem(ctx, err)
		}
		if !b.Begun {
			return b, nil
		}
		b.Begun = false
		doc.Body = run.Encode(b)
		_, err = s.Store.PutDocument(ctx, doc)
		if err == nil {
			return b, nil
		}
		if !errors.Is(err, journal.ErrChanged) {
			return b, s.storeProblem(ctx, err)
		}
	}
}

func (s *Server) exportBundle(ctx context.Context, _ *struct{}) (*bundleOutput, error) {
	l := lang(ctx)
	if err := s.mayKeep(ctx, plan.MayAdmin); err != nil {
		return nil, err
	}
	if s.Bundled == nil {
		return nil, problem(http.StatusConflict, CodeRefused, l.T("This server does not work from a break-glass bundle: there is nothing to bring back.", "このサーバーは非常時持出パッケージで動いていないため、取り込み用に書き出すものがありません。"),
			l.T("On the laptop, in the directory that the bundle was unpacked into: `bin/muster bundle export FILE`", "ノートPCで、パッケージを展開したディレクトリに移り、`bin/muster bundle export ファイル` を実行してください"))
	}
	list, err := s.Store.Runs(ctx, journal.Filter{})
	if err != nil {
		return nil, s.storeProblem(ctx, err)
	}
	back := breakglass.Back{ID: s.Bundled.ID, MadeAt: s.now(), Muster: s.Version}
	for _, r := range list {
		switch {
		case !s.Bundled.OwnRun(r.Run):
			continue
		case !r.State.Ended():
			back.Open = append(back.Open, r.Run)
			continue
		}
		if err := s.Evidence.Seal(ctx, r); err != nil {
			return nil, s.evidenceProblem(ctx, r.Run, err)
		}
	}
	cp, entries, runs, err := s.Evidence.Whole(ctx)
	if err != nil {
		return nil, s.evidenceProblem(ctx, "", err)
	}
	// One that ended since it was listed may be sealed by now.
	back.Open = slices.DeleteFunc(back.Open, func(id string) bool { return runs[id] != nil })
	b, err := breakglass.PackBack(back, cp, entries, runs)
	if err != nil {
		return nil, err
	}
	return &bundleOutput{ContentType: "application/zip", Disposition: `attachment; filename="` + s.Bundled.ID + `.back.zip"`, Body: b}, nil
}

// Bundles lists the break-glass bundles that were made at the server.
func (c *Client) Bundles(ctx context.Context) (Bundles, error) {
	return get[Bundles](ctx, c, "/bundles", nil)
}

// MakeBundle notes a bundle and has its manifest signed.
func (c *Client) MakeBundle(ctx context.Context, in NewBundle) (out SignedBundle, err error) {
	err = c.do(ctx, http.MethodPost, "/bundles", nil, "", in, &out)
	return out, err
}

// PlaceBundle says that a bundle's file is in place.
func (c *Client) PlaceBundle(ctx context.Context, id, by string) error {
	return c.do(ctx, http.MethodPost, "/bundles/"+url.PathEscape(id)+"/placed", nil, "", PlacedBundle{By: by}, nil)
}

// ExportBundle is what a server that works from a bundle has to bring back.
func (c *Client) ExportBundle(ctx context.Context) ([]byte, error) {
	return get[[]byte](ctx, c.patient(), "/bundles/export", nil)
}

// MergeBundle merges what came back from a bundle.
func (c *Client) MergeBundle(ctx context.Context, file []byte, by, reason string) (out BundleMerged, err error) {
	err = c.patient().do(ctx, http.MethodPost, "/bundles/merge", url.Values{"by": {by}, "reason": {reason}}, "", upload(file), &out)
	return out, err
}
