package alarm

import (
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/muster-dr/muster/internal/fetch"
)

const (
	// Often is how often a feed may be asked at most; its publisher asks for that.
	Often = time.Minute
	// patienceForFeed is how long a feed may be silent before it is told; the alert MusterAlarmFeedSilent has the same.
	patienceForFeed = 3 * time.Minute
	// mostEntries bounds what is fetched of one feed at once.
	mostEntries = 100
)

// feed asks an Atom feed for telegrams.
type feed struct {
	src      *source
	etag     string
	modified string
	seen     map[string]string // entries, by what they were updated at
	lastOK   time.Time
	silent   bool
	silences
}

// patience is longer for a feed that is asked seldom: that one answer is missing is no silence.
func (f *feed) patience() time.Duration { return max(patienceForFeed, 2*f.src.Every) }

// follow asks a source's feed until ctx ends.
func (s *Service) follow(ctx context.Context, src *source) {
	f := &feed{src: src, seen: map[string]string{}, lastOK: s.now()}
	defer f.beside.Wait()
	every := src.Every
	if every <= 0 {
		every = Often
	}
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		if err := s.ask(ctx, f); ctx.Err() == nil {
			s.judge(f, err)
			s.notice(ctx, f, err == nil)
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// judge tells once when a feed has gone silent, and once when it is back.
func (s *Service) judge(f *feed, err error) {
	switch now := s.now(); {
	case err == nil:
		if f.silent {
			s.log.Info("a feed of alarms answers again", "alarm", f.src.Name)
		}
		f.lastOK, f.silent = now, false
		if s.metrics != nil {
			s.metrics.Answered(f.src.Name, now)
		}
	case now.Sub(f.lastOK) > f.patience() && !f.silent:
		f.silent = true
		s.log.Error("a feed of alarms is silent: nothing it would tell wakes anybody", "alarm", f.src.Name, "since", f.lastOK.UTC().Format(time.RFC3339), "err", err)
	}
}

// atom is what is read of a feed.
type atom struct {
	XMLName xml.Name `xml:"http://www.w3.org/2005/Atom feed"`
	Entry   []struct {
		ID      string `xml:"id"`
		Title   string `xml:"title"`
		Updated string `xml:"updated"`
		Link    struct {
			Href string `xml:"href,attr"`
		} `xml:"link"`
	} `xml:"entry"`
}

// concerns are the beginnings of the titles of telegrams that are read.
var concerns = []string{"震度速報", "震源・震度", "緊急地震速報（警報）", "津波警報"}

// ask asks a feed once and takes what is new in it.
func (s *Service) ask(ctx context.Context, f *feed) error {
	headers := map[string]string{"Accept": "application/atom+xml"}
	if f.etag != "" {
		headers["If-None-Match"] = f.etag
	}
	if f.modified != "" {
		headers["If-Modified-Since"] = f.modified
	}
	got, err := fetch.Do(ctx, fetch.Request{Method: http.MethodGet, URL: f.src.Feed, Headers: headers, Timeout: 20 * time.Second})
	if err != nil {
		return err
	}
	switch got.Status {
	case http.StatusNotModified:
		return nil
	case http.StatusOK:
	default:
		return fmt.Errorf("%s answered %d", f.src.Feed, got.Status)
	}
	var list atom
	if err := xml.Unmarshal([]byte(got.Text), &list); err != nil {
		return fmt.Errorf("%s is no Atom feed: %w", f.src.Feed, err)
	}
	var errs []error
	// The newest stands first; what happened first is judged first.
	for i := min(len(list.Entry), mostEntries) - 1; i >= 0; i-- {
		e := list.Entry[i]
		if !concerned(e.Title) || f.seen[e.ID] == e.Updated {
			continue
		}
		if at, err := time.Parse(time.RFC3339, strings.TrimSpace(e.Updated)); err == nil && s.now().Sub(at) > f.src.MaxAge {
			f.seen[e.ID] = e.Updated
			continue
		}
		if err := s.entry(ctx, f, e.Link.Href); err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", oneLine(e.Title), err))
			continue // asked for again: it is not seen
		}
		f.seen[e.ID] = e.Updated
	}
	if len(errs) == 0 { // else the whole is asked for again
		f.etag, f.modified = got.Headers["etag"], got.Headers["last-modified"]
	}
	f.forget(list)
	return errors.Join(errs...)
}

func concerned(title string) bool {
	for _, c := range concerns {
		if strings.HasPrefix(strings.TrimSpace(title), c) {
			return true
		}
	}
	return false
}

// forget keeps what the feed still lists.
func (f *feed) forget(list atom) {
	kept := make(map[string]string, len(list.Entry))
	for _, e := range list.Entry {
		if at, ok := f.seen[e.ID]; ok {
			kept[e.ID] = at
		}
	}
	f.seen = kept
}

// entry fetches one telegram, from the feed's own host only.
func (s *Service) entry(ctx context.Context, f *feed, href string) error {
	base, err := url.Parse(f.src.Feed)
	if err != nil {
		return err
	}
	at, err := base.Parse(strings.TrimSpace(href))
	if err != nil {
		return err
	}
	if at.Host != base.Host || at.Scheme != base.Scheme {
		s.log.Warn("an entry of a feed leads to another host and is left out", "alarm", f.src.Name, "host", oneLine(at.Host))
		return nil
	}
	got, err := fetch.Do(ctx, fetch.Request{Method: http.MethodGet, URL: at.String(), Timeout: 20 * time.Second})
	if err != nil {
		return err
	}
	if got.Status != http.StatusOK {
		return fmt.Errorf("%s answered %d", at, got.Status)
	}
	a, err := f.src.parse([]byte(got.Text))
	if err != nil {
		s.log.Warn("a telegram of a feed is not understood", "alarm", f.src.Name, "at", at.String(), "err", err)
		return nil // asking again would not change it
	}
	if s.untimely(f.src, a) != "" {
		return nil
	}
	out, err := s.Take(ctx, a)
	if err == nil && out.Outcome != Ignored && out.Outcome != Seen {
		s.log.Info("a telegram of a feed", "alarm", f.src.Name, "outcome", string(out.Outcome), "what", a.Summary.EN)
	}
	return err
}
