package board

import (
	"bytes"
	"context"
	"errors"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/muster-dr/muster/internal/api"
	"github.com/muster-dr/muster/internal/photo"
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/progress"
	"github.com/muster-dr/muster/internal/run"
	"github.com/muster-dr/muster/workflows"
)

const (
	// pictureWithin is how long a phone on a bad line may take to send a form with photos.
	pictureWithin = 5 * time.Minute
	// mostPictures go with one report.
	mostPictures = 5
	// mostUploads are read at once, 25 MB each at most; the others wait for their turn, for
	// placeWithin.
	mostUploads = 16
	placeWithin = 10 * time.Second
)

// takesPicture reports whether the form may carry a photo: those that say what was seen.
func (v *visit) takesPicture() bool {
	kind, _, _ := mime.ParseMediaType(v.r.Header.Get("Content-Type"))
	act := v.r.PathValue("act")
	return kind == "multipart/form-data" && v.known && (act == "assess" || act == "inspect")
}

// readWithPicture reads a form with photos, in memory: nothing of it is left on a disk. It takes
// a place only once a photo begins: a report without one waits for nobody's upload.
func (v *visit) readWithPicture() error {
	const limit = formLimit + mostPictures*photo.MaxSize
	c := http.NewResponseController(v.w)
	_ = c.SetReadDeadline(time.Now().Add(pictureWithin))
	_ = c.SetWriteDeadline(time.Now().Add(pictureWithin + 30*time.Second))
	body := v.r.Body
	v.r.Body = http.MaxBytesReader(v.w, body, limit)
	form, err := v.r.MultipartReader()
	if err != nil {
		return v.notWhole()
	}
	v.r.PostForm = url.Values{}
	text, photos := 0, 0
	for {
		part, err := form.NextPart()
		if err == io.EOF {
			break
		}
		if err == nil && part.FileName() != "" && part.FormName() == "photo" {
			photos++
			err = v.readPicture(part, photos)
		} else if err == nil {
			var b []byte
			b, err = io.ReadAll(io.LimitReader(part, formLimit+1))
			if text += len(part.FormName()) + len(b); text > formLimit {
				err = &trouble{status: http.StatusRequestEntityTooLarge, title: v.t("Too long", "長すぎます"),
					detail: v.t("The form holds more than %d KB, so nothing was done.", "入力が%d KBを超えているため、何も行いませんでした。", formLimit>>10),
					way:    v.t("Go back and shorten it", "戻って、短くしてから送信してください")}
			} else if part.FileName() == "" {
				v.r.PostForm.Add(part.FormName(), string(b))
			}
		}
		if err == nil {
			continue
		}
		no, long := new(trouble), new(http.MaxBytesError)
		switch {
		case errors.As(err, &no):
		case errors.As(err, &long):
			no = v.tooLarge()
		default:
			return v.notWhole()
		}
		drain(body) // a browser that is cut off shows no answer
		no.back = v.backToRun()
		return no
	}
	v.r.Form = v.r.PostForm
	if photos > mostPictures {
		return &trouble{status: http.StatusUnprocessableEntity, title: v.t("Too many photos", "写真が多すぎます"),
			detail: v.t("%d photos were chosen; at most %d go with one report. Nothing was kept, and nothing was reported.", "写真が%d枚選ばれています。1件の報告に付けられるのは%d枚までです。写真も報告も保存していません。", photos, mostPictures),
			way:    v.t("Go back and choose fewer; the others go with a second report", "戻って枚数を減らしてください。残りは次の報告に付けられます"), back: v.backToRun()}
	}
	return nil
}

// readPicture reads the n-th photo of a form.
func (v *visit) readPicture(part *multipart.Part, n int) error {
	in := io.Reader(part)
	if !v.holds {
		first := make([]byte, 1)
		if _, err := io.ReadFull(part, first); err == io.EOF {
			return nil // an empty file
		} else if err != nil {
			return err
		}
		if err := v.takePlace(); err != nil {
			return err
		}
		in = io.MultiReader(bytes.NewReader(first), part)
	}
	if n > mostPictures { // counted, for the refusal
		_, err := io.Copy(io.Discard, in)
		return err
	}
	b, err := io.ReadAll(io.LimitReader(in, photo.MaxSize+1))
	switch {
	case err != nil:
		return err
	case len(b) > photo.MaxSize:
		return v.tooLarge()
	case len(b) > 0:
		v.photos = append(v.photos, photoSent{part.FileName(), b})
	}
	return nil
}

// takePlace waits a little for a place among those who send photos. leavePlace gives it back.
func (v *visit) takePlace() error {
	wait := time.NewTimer(placeWithin)
	defer wait.Stop()
	select {
	case v.b.uploads <- struct{}{}:
		v.holds = true
		return nil
	case <-v.r.Context().Done():
		return v.r.Context().Err()
	case <-wait.C:
		v.w.Header().Set("Retry-After", "30")
		return &trouble{status: http.StatusServiceUnavailable, title: v.t("Many photos come in at once", "写真の送信が集中しています"),
			detail: v.t("%d others are sending photos this moment. Nothing was kept, and nothing was reported.", "ほかの%d件の写真を受信しています。写真も報告も保存していません。", mostUploads),
			way:    v.t("Go back and report without the photo, which waits for nobody; or send it again in a minute", "戻って、写真なしで報告してください（待たずに受け付けます）。写真付きの場合は、1分ほど待って再送してください")}
	}
}

func (v *visit) leavePlace() {
	if v.holds {
		v.holds, v.photos = false, nil
		<-v.b.uploads
	}
}

func (v *visit) backToRun() string { return "/runs/" + url.PathEscape(v.r.PathValue("run")) }

func (v *visit) tooLarge() *trouble {
	return &trouble{status: http.StatusRequestEntityTooLarge, title: v.t("The photo is too large", "写真が大きすぎます"),
		detail: v.t("A photo of at most %d MB is taken. Nothing was kept, and nothing was reported.", "写真は1枚%d MBまでです。写真も報告も保存していません。", photo.MaxSize>>20),
		way:    v.t("Go back and choose a smaller photo, or report without one", "戻って、小さい写真を選ぶか、写真なしで報告してください")}
}

func (v *visit) notWhole() error {
	return &trouble{status: http.StatusBadRequest, title: v.t("Not understood", "読み取れません"),
		detail: v.t("The form did not arrive whole, so nothing was done.", "送信が途中で切れたため、何も行いませんでした。"),
		way:    v.t("Go back and send it again; on a bad line, report without the photo", "戻って、もう一度送信してください。回線が不安定な場合は、写真なしで報告してください"), back: v.backToRun()}
}

// photoSent is a photo that came with a form, under the name that its sender knows it by.
type photoSent struct {
	name string
	body []byte
}

// keep sends the photos of a form and returns their names for the report. All are looked at
// before the first is sent: a report that is refused leaves none of them behind.
func (s sent) keep(ctx context.Context, c *api.Client) (ids []string, err error) {
	for i, one := range s.photos {
		if _, err := photo.Clean(one.body); err != nil && len(s.photos) > 1 {
			text := plan.Say("photo %d of %d (%s)", "写真%d／%d枚目（%s）", i+1, len(s.photos), one.name)
			if no := new(photo.Refusal); errors.As(err, &no) {
				text = plan.Say("%s: %s", "%s：%s", text, no.Text)
			}
			return nil, &api.Problem{Status: http.StatusUnprocessableEntity, Code: api.CodeBadRequest, Detail: text.Both()}
		}
	}
	for _, one := range s.photos {
		p, err := c.AddPhoto(ctx, s.run, s.by, one.body)
		if err != nil {
			return nil, err
		}
		if !slices.Contains(ids, p.ID) { // chosen twice
			ids = append(ids, p.ID)
		}
	}
	return ids, nil
}

// assess reports damage, with its photo and how long the repair takes.
func assess(ctx context.Context, c *api.Client, s sent) error {
	in := workflows.Assess{System: s.text("system"), Component: s.text("component"), By: s.by, Damage: run.Damage(s.text("damage")), Note: s.text("note"), Ground: s.text("ground")}
	if _, known := damages[in.Damage]; !known || in.System == "" {
		return errNotSaid
	}
	if n := s.text("repair"); n != "" {
		unit := map[string]time.Duration{"m": time.Minute, "h": time.Hour, "d": 24 * time.Hour}[s.text("repair_unit")]
		x, err := strconv.ParseFloat(n, 64)
		if err != nil || unit == 0 || x <= 0 || x*unit.Hours() > 10*365*24 {
			return errNotSaid
		}
		in.Repair = run.Duration(time.Duration(x * float64(unit)).Round(time.Minute))
		if in.Ground == "" { // before the photo is sent for nothing
			return errNoGround
		}
	}
	var err error
	if in.Photos, err = s.keep(ctx, c); err != nil {
		return err
	}
	_, err = c.Assess(ctx, s.run, in)
	return err
}

// errNoGround: an estimate stands on something.
var errNoGround = errors.New("no ground")

// inspect reports whether people may work at a site, item by item.
func inspect(ctx context.Context, c *api.Client, s sent) error {
	in := workflows.Inspect{Site: s.text("site"), By: s.by, Overall: run.Usability(s.text("overall")), Note: s.text("note")}
	switch in.Overall {
	case run.Usable, run.Restricted, run.Unusable:
		in.Usable = in.Overall != run.Unusable
	default:
		return errNotSaid
	}
	for _, name := range s.Values["items"] {
		if state := s.text("item-" + name); state != "" {
			in.Items = append(in.Items, run.CheckedItem{Item: name, State: run.Usability(state), Note: s.text("item-note-" + name)})
		}
	}
	for _, name := range strings.FieldsFunc(s.text("inspectors"), func(r rune) bool { return strings.ContainsRune(",、，;\n", r) }) {
		if name = strings.TrimSpace(name); name != "" {
			in.Inspectors = append(in.Inspectors, name)
		}
	}
	var err error
	if in.Photos, err = s.keep(ctx, c); err != nil {
		return err
	}
	_, err = c.Inspect(ctx, s.run, in)
	return err
}

// showPhoto is a picture of a run, for the people of the run: the API says who they are.
func (b *Board) showPhoto(v *visit) error {
	body, err := v.client("").Picture(v.ctx(), v.r.PathValue("run"), v.r.PathValue("photo"))
	if err != nil {
		return err
	}
	kind := http.DetectContentType(body)
	switch kind {
	case "image/jpeg", "image/png", "image/webp":
	default: // what is no picture is not shown as anything else
		kind = "application/octet-stream"
	}
	h := v.w.Header()
	h.Set("Content-Type", kind)
	h.Set("Content-Security-Policy", "default-src 'none'; sandbox; frame-ancestors 'none'")
	h.Set("Cache-Control", "private, max-age=86400, immutable") // its name is its content's
	_, err = v.w.Write(body)
	return err
}

// damageView is what was found, with its photos.
type damageView struct {
	runView
	Me      string
	Reports bool // the viewer may report
	Shown   bool // the viewer is of the run: photos are for them
}

// damageLine is what is known of a system or of a part of it.
type damageLine struct {
	progress.Damage
	Label, Class, Mark string
}

// signOf is damage as a sign and a colour.
func signOf(d run.Damage) (mark, class string) {
	switch d {
	case run.DamageNone:
		return "✓", "ok"
	case run.DamageDegraded:
		return "▲", "warn"
	case run.DamageStopped, run.DamageDestroyed:
		return "✕", "bad"
	}
	return "?", "warn"
}

// Found are the systems and parts of which anybody or any probe has said something.
func (v runView) Found() (out []damageLine) {
	for _, d := range v.O.Damage {
		if d.Human == nil && (d.Machine == nil || d.Machine.Damage == run.DamageNone) {
			continue
		}
		x := damageLine{Damage: d, Label: systemTitle(v.L, v.Plan, d.System)}
		if d.Component != "" {
			x.Label += v.L.T(": ", "：") + either(d.Title.In(string(v.L)), d.Component)
		}
		if d.Human != nil {
			x.Mark, x.Class = signOf(d.Human.Damage)
		} else {
			x.Mark, x.Class = signOf(d.Machine.Damage)
		}
		out = append(out, x)
	}
	return out
}

// Reported are those that people have reported, for the run's page.
func (v runView) Reported() (out []damageLine) {
	for _, d := range v.Found() {
		if d.Human != nil {
			out = append(out, d)
		}
	}
	return out
}

// First is what whoever leads wants looked at first, in order.
func (v runView) First() (out []string) {
	known := targets(v.L, v.picture)
	for _, name := range v.O.Priorities {
		at := slices.IndexFunc(known, func(c choice) bool { return c.Value == name })
		if at < 0 {
			out = append(out, systemTitle(v.L, v.Plan, name))
			continue
		}
		out = append(out, known[at].Label)
	}
	return out
}

// Check is an item of a site's checklist as people call it.
func (v runView) Check(site, item string) string {
	s, _ := v.Plan.Estate.Site(site)
	for _, c := range s.Checklist() {
		if c.Name == item {
			return either(c.Title.In(string(v.L)), item)
		}
	}
	return item
}

// SiteName is a site as people call it.
func (v runView) SiteName(name string) string { return siteTitle(v.L, v.Plan, name) }

func (b *Board) showDamage(v *visit) error {
	p, err := v.picture()
	if err != nil {
		return err
	}
	_, of := p.Plan.Estate.Person(v.me)
	view := damageView{runView: viewOf(v.lang, p, b.o.Now()), Me: v.me, Shown: of || v.actor.Console,
		Reports: of && !p.absent(v.me) && granted(p.Plan.Estate, v.me, plan.MayReport) && !p.Overview.State.Ended()}
	v.showAs(http.StatusOK, "damage", v.t("Damage", "被害状況"), view, look{at: "run", kind: p.Overview.Kind})
	return nil
}
