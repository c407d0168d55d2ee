package board

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/muster-dr/muster/internal/identity"
)

// writeWithin is how long a viewer may take to read what is sent; a slower one is shed
// and comes back by itself.
const writeWithin = 5 * time.Second

// stamp names a picture: this process, the journal's position, the revision. It is the
// ID of the stream's events, so that a viewer who was cut off gets what it missed.
func (h *hub) stamp(position, rev int64) string {
	return fmt.Sprintf("%s-%d-%d", h.boot, position, rev)
}

// seenRev is the revision in a stamp; 0, which is everything, for one of another process.
func (h *hub) seenRev(stamp string) int64 {
	parts := strings.Split(stamp, "-")
	if len(parts) != 3 || parts[0] != h.boot {
		return 0
	}
	rev, _ := strconv.ParseInt(parts[2], 10, 64)
	return rev
}

func (b *Board) liveNow(v *visit) error { return b.stream(v, b.hub.openNow) }

func (b *Board) liveRun(v *visit) error {
	f, err := b.hub.follow(v.r.Context(), v.r.PathValue("run"))
	if err != nil {
		return err
	}
	who := v.reader()
	if v.r.URL.Query().Has("wall") {
		who = ""
	}
	return b.stream(v, f.sees(who))
}

// mostOfOne is how many pages of one person are kept current at once: one person's browser, or
// a program under their name, takes nobody else's place.
const mostOfOne = 32

// enter counts a viewer in, up to the bounds of all and of one person.
func (h *hub) enter(who string, most int) (in, tooMany bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	switch {
	case h.of[who] >= mostOfOne:
		return false, true
	case h.viewers >= most:
		return false, false
	}
	if h.of == nil {
		h.of = map[string]int{}
	}
	h.viewers++
	h.of[who]++
	return true, false
}

func (h *hub) exit(who string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.viewers--
	if h.of[who]--; h.of[who] == 0 {
		delete(h.of, who)
	}
}

// stream sends what changes, as server-sent events: one for each fragment, under its
// element's ID, then "beat" with the server's time. Above the bound of viewers it sends
// one picture and lets the browser ask again in a while.
func (b *Board) stream(v *visit, t *topic) error {
	// Before the picture that these revisions are of: a page that was drawn meanwhile
	// gets it again.
	who := v.actor.Behind()
	in, tooMany := b.hub.enter(who, b.o.Viewers)
	if tooMany {
		v.w.Header().Set("Retry-After", "10")
		return &trouble{status: http.StatusTooManyRequests, title: v.t("Too many pages are open", "開いているページが多すぎます"),
			detail: v.t("%d pages under your name are kept current already, which is the most.", "自動更新中のページが、お名前で上限の%dページに達しています。", mostOfOne),
			way:    v.t("Close some of them; this page still shows where things stand when it is loaded again", "不要なページを閉じてください。このページも、再読み込みすれば最新の状況を表示します")}
	}
	full := !in
	if in {
		defer b.hub.exit(who)
	}
	t.join()
	defer t.leave()
	last := v.r.Header.Get("Last-Event-ID")
	if last == "" {
		last = v.r.URL.Query().Get("after")
	}
	rev, own := b.hub.seenRev(last), ""
	personal := v.personal(v.r.URL.Query().Get("own"))

	v.streams()
	out := http.NewResponseController(v.w)
	var buf bytes.Buffer
	buf.WriteString("retry: 2000\n\n")
	tick := time.NewTicker(beat)
	defer tick.Stop()
	for {
		n := t.news(v.lang, rev)
		if n.asOf.IsZero() { // nothing is drawn yet
			select {
			case <-n.next:
				continue
			case <-tick.C:
				buf.WriteString(": waiting\n\n")
			case <-v.r.Context().Done():
				return nil
			case <-b.hub.ctx.Done():
				return nil
			}
		} else {
			for _, f := range n.fragments {
				event(&buf, f.id, f.html)
			}
			for _, f := range personal(n.pictures, &own) {
				event(&buf, f.id, f.html)
			}
			rev = n.rev
			fmt.Fprintf(&buf, "id: %s\nevent: beat\ndata: %d\n\n", b.hub.stamp(position(n), rev), n.asOf.UnixMilli())
		}
		if full {
			buf.WriteString("retry: 10000\n\n")
		}
		_ = out.SetWriteDeadline(time.Now().Add(writeWithin))
		if _, err := v.w.Write(buf.Bytes()); err != nil {
			return nil
		}
		if err := out.Flush(); err != nil || full {
			return nil
		}
		buf.Reset()
		for waiting := true; waiting; {
			select {
			case <-n.next:
				waiting = false
			case <-tick.C:
				// Whoever was signed out or disabled meanwhile sees no more.
				a, err := b.o.People.Session(v.r.Context(), v.r)
				if refused := new(identity.Refusal); err != nil && !errors.As(err, &refused) {
					return nil // nobody can say; the page asks again, and says meanwhile how old it is
				}
				if err != nil || a.Via != v.actor.Via {
					event(&buf, "signedout", "")
					_ = out.SetWriteDeadline(time.Now().Add(writeWithin)) // the last one has passed
					_, _ = v.w.Write(buf.Bytes())
					_ = out.Flush()
					return nil
				}
			case <-v.r.Context().Done():
				return nil
			case <-b.hub.ctx.Done():
				return nil
			}
		}
	}
}

// streams begins an answer of server-sent events.
func (v *visit) streams() {
	v.w.Header().Set("Content-Type", "text/event-stream; charset=utf-8")
	v.w.Header().Set("X-Accel-Buffering", "no")
	v.w.WriteHeader(http.StatusOK)
}

// oneBreak makes every break of a line the one that is looked for: a carriage return in what
// people wrote would end a line of the stream, and what follows be taken for a field of it.
var oneBreak = strings.NewReplacer("\r\n", "\n", "\r", "\n")

// event writes one event; its data may have several lines.
func event(buf *bytes.Buffer, name, data string) {
	buf.WriteString("event: " + name + "\n")
	for line := range strings.SplitSeq(oneBreak.Replace(data), "\n") {
		buf.WriteString("data: " + line + "\n")
	}
	buf.WriteString("\n")
}

func position(n news) (most int64) {
	for _, p := range n.pictures {
		most = max(most, p.Overview.Position)
	}
	return most
}
