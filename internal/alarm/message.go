package alarm

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"strings"
	"time"

	"github.com/muster-dr/muster/internal/alarm/jma"
	"github.com/muster-dr/muster/internal/plan"
)

// errNothing says that a message is in order and asks for nothing.
var errNothing = errors.New("the message asks for nothing")

// nothing is errNothing with its reason.
type nothing struct{ why plan.Text }

func (n *nothing) Error() string        { return errNothing.Error() + ": " + n.why.EN }
func (n *nothing) Is(target error) bool { return target == errNothing }

func nothingIn(err error) plan.Text {
	if n := new(nothing); errors.As(err, &n) {
		return n.why
	}
	return plan.Text{}
}

// parse makes an alarm of a verified message.
func (s *source) parse(body []byte) (Alarm, error) {
	a := Alarm{Source: s.Name, Kind: s.Kind, Message: digest(string(body)), Real: true}
	if s.Kind == JMA {
		t, err := jma.Parse(body)
		if err != nil {
			return a, err
		}
		a.telegram(t)
		a.Timeless = s.timeless(a)
		return a, nil
	}
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber()
	if err := d.Decode(&a.Body); err != nil {
		return a, fmt.Errorf("the body is no JSON: %w", err)
	}
	if _, err := d.Token(); err != io.EOF {
		return a, errors.New("something follows the JSON of the body")
	}
	if _, ok := a.Body.(map[string]any); !ok {
		return a, errors.New("the body is no JSON object")
	}
	var err error
	switch s.Kind {
	case Alertmanager:
		err = a.alertmanager(body)
	case PagerDuty:
		err = a.pagerDuty(body)
	}
	if err != nil {
		return a, err
	}
	a.Timeless = s.timeless(a)
	return a, s.mapped(&a)
}

// telegram takes what a telegram says.
func (a *Alarm) telegram(t jma.Telegram) {
	a.Telegram, a.Title, a.At, a.Series = &t, t.Title, t.At, t.Series()
	for _, id := range t.EventIDs {
		a.Events = append(a.Events, "jma "+id)
	}
	a.Event = a.Events[0]
	a.Real, a.Training, a.Withdrawn = t.Real(), t.Training(), t.Cancel()
	a.Since = t.Origin
	var en, ja []string
	if area, ok := t.Greatest(nil); ok {
		text := areaText(area, t)
		en, ja = append(en, text.EN), append(ja, text.JA)
	}
	if coast, ok := t.Highest(nil); ok {
		en, ja = append(en, coast.Grade.Text().EN+": "+coast.Name), append(ja, coast.Grade.Text().JA+"："+coast.Name)
	}
	if !math.IsNaN(t.Magnitude) && t.Hypocenter != "" {
		en, ja = append(en, fmt.Sprintf("M%.1f, %s", t.Magnitude, t.Hypocenter)), append(ja, fmt.Sprintf("%s M%.1f", t.Hypocenter, t.Magnitude))
	}
	a.Summary = plan.Text{EN: oneLine(t.Title + " " + t.Info + ": " + strings.Join(en, "; ")), JA: oneLine(t.Title + "（" + t.Info + "） " + strings.Join(ja, "、"))}
	if len(en) == 0 {
		a.Summary = plan.Text{EN: oneLine(t.Title + " " + t.Info + ": " + t.Headline), JA: oneLine(t.Title + "（" + t.Info + "） " + t.Headline)}
	}
}

// alertmanager takes a webhook of version 4.
func (a *Alarm) alertmanager(body []byte) error {
	var m struct {
		Version  string
		GroupKey string
		Status   string
		Alerts   []struct {
			Status   string
			StartsAt time.Time
			Labels   map[string]string
		}
		CommonLabels      map[string]string
		CommonAnnotations map[string]string
	}
	if err := json.Unmarshal(body, &m); err != nil {
		return fmt.Errorf("no message of Alertmanager: %w", err)
	}
	if m.Version != "4" || m.GroupKey == "" || m.Status != "firing" && m.Status != "resolved" {
		return fmt.Errorf("no message of Alertmanager's webhook version 4 (version %q, groupKey %q, status %q)", m.Version, oneLine(m.GroupKey), oneLine(m.Status))
	}
	a.Event, a.Over = "alertmanager "+m.GroupKey, m.Status == "resolved"
	for _, al := range m.Alerts {
		if al.Status == "firing" && (a.Since.IsZero() || al.StartsAt.Before(a.Since)) {
			a.Since = al.StartsAt
		}
	}
	name := m.CommonLabels["alertname"]
	a.Title = oneLine(name)
	said := cmp.Or(m.CommonAnnotations["summary"], m.CommonAnnotations["description"], name)
	a.Summary = plan.Text{EN: oneLine(fmt.Sprintf("%s (%d alerts, %s)", said, len(m.Alerts), m.Status)), JA: oneLine(fmt.Sprintf("%s（アラート %d 件、%s）", said, len(m.Alerts), m.Status))}
	return nil
}

// pagerDuty takes a webhook of version 3.
func (a *Alarm) pagerDuty(body []byte) error {
	var m struct {
		Event struct {
			ID         string
			EventType  string    `json:"event_type"`
			OccurredAt time.Time `json:"occurred_at"`
			Data       struct {
				ID        string
				Title     string
				CreatedAt time.Time `json:"created_at"`
				Service   struct{ Summary string }
				Priority  struct{ Summary string }
			}
		}
	}
	if err := json.Unmarshal(body, &m); err != nil {
		return fmt.Errorf("no event of PagerDuty: %w", err)
	}
	e := m.Event
	if e.ID == "" || e.EventType == "" || e.OccurredAt.IsZero() {
		return errors.New("no event of PagerDuty's webhook version 3: event.id, event.event_type or event.occurred_at is missing")
	}
	a.Message, a.At, a.Title, a.Since = "pagerduty "+e.ID, e.OccurredAt, e.EventType, e.Data.CreatedAt
	switch e.EventType {
	case "incident.triggered", "incident.escalated", "incident.priority_updated", "incident.reopened":
	case "incident.resolved":
		a.Over = true
	default: // pagey.ping, incident.acknowledged, incident.annotated and the like
		a.Summary = plan.Text{EN: oneLine(e.EventType), JA: oneLine(e.EventType)}
		return &nothing{plan.Say("an event of type %s asks for nothing", "種別 %s の通知には何もしない", oneLine(e.EventType))}
	}
	if e.Data.ID == "" {
		return errors.New("no incident of PagerDuty: event.data.id is missing")
	}
	a.Event = "pagerduty " + e.Data.ID
	said := cmp.Or(e.Data.Title, e.Data.ID)
	if e.Data.Service.Summary != "" {
		said += " (" + e.Data.Service.Summary + ")"
	}
	a.Summary = plan.Text{EN: oneLine(said), JA: oneLine(said)}
	return nil
}

// mapped applies the source's own expressions.
func (s *source) mapped(a *Alarm) error {
	for _, b := range []struct {
		name, src string
		to        *bool
	}{{"exercise", s.Exercise, &a.Training}, {"over", s.Over, &a.Over}} {
		if b.src == "" {
			continue
		}
		v, err := holds(b.src, a.Body)
		if err != nil {
			return fmt.Errorf("the source's %s can't be applied to the message: %w", b.name, err)
		}
		*b.to = *b.to || v
	}
	a.Real = !a.Training
	for _, t := range []struct {
		name, src string
		to        func(string)
	}{
		{"dedup", s.Dedup, func(v string) { a.Event = string(s.Kind) + " " + s.Name + " " + v }},
		{"summary", s.Summary, func(v string) { a.Summary = plan.Text{EN: oneLine(v), JA: oneLine(v)} }},
		{"scenario", s.Scenario, func(v string) { a.Scenario = oneLine(v) }},
	} {
		if t.src == "" {
			continue
		}
		v, err := text(t.src, a.Body)
		if err != nil {
			return fmt.Errorf("the source's %s can't be applied to the message: %w", t.name, err)
		}
		if t.name == "dedup" && v == "" {
			return errors.New("the source's dedup gives nothing for the message, so that it would be one with every other")
		}
		t.to(v)
	}
	if a.Summary == (plan.Text{}) {
		a.Summary = plan.Text{EN: s.Name, JA: s.Name}
	}
	if s.When == "" || a.Over {
		return nil
	}
	ok, err := holds(s.When, a.Body)
	if err != nil {
		return fmt.Errorf("the source's when can't be applied to the message: %w", err)
	}
	if !ok {
		return &nothing{plan.Say("the source's own condition is not met (when: %s)", "発信元の条件を満たさない（when: %s）", oneLine(s.When))}
	}
	return nil
}
