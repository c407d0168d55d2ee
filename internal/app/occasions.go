package app

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/muster-dr/muster/internal/api"
	"github.com/muster-dr/muster/internal/channel"
	"github.com/muster-dr/muster/internal/i18n"
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/programme"
	"github.com/muster-dr/muster/internal/run"
)

// occasion tells the planner of a drill what moves it, holds it up or kept it from being held.
// Nobody else hears of it: of a blind drill that would tell that one is near.
func (s *summon) occasion(ctx context.Context, spec programme.Spec, t plan.OccasionTold) error {
	channels := s.channels()
	if len(channels) == 0 {
		return nil
	}
	estate, err := s.estate()
	if estate == nil {
		return err
	}
	who, ok := estate.Person(spec.Planner)
	if !ok {
		return fmt.Errorf("the planner %s is not in the estate any more", spec.Planner)
	}
	contact := estate.Contacts[who.ID]
	l := contact.Language(s.lang)
	m := occasionMessage(spec, t, l)
	m.ID, m.Person, m.Name, m.Lang, m.Contact = "occasion/"+t.ID+"/"+string(t.Event.Kind)+"/"+fmt.Sprint(t.Try), who.ID, who.Name.In(string(l)), l, contact
	var errs []error
	reached := false
	for _, c := range channels {
		if !c.Reaches(m) || s.done.has(c.Name()+" "+m.ID) {
			continue
		}
		err := s.done.send(ctx, c, m, false)
		if err == nil {
			reached = true
			s.done.note(c.Name() + " " + m.ID)
			continue
		}
		if f := new(channel.Failure); !errors.As(err, &f) || f.Temporary {
			errs = append(errs, fmt.Errorf("%s by %s: %w", who.ID, c.Name(), err))
		}
	}
	if reached {
		return nil // one way is enough for what is no emergency
	}
	return errors.Join(errs...)
}

// occasionMessage says what happened to an occasion.
func occasionMessage(spec programme.Spec, t plan.OccasionTold, l i18n.Lang) channel.Message {
	lang := string(l)
	zone, err := time.LoadLocation(spec.Calendar.Zone)
	if err != nil {
		zone = time.UTC
	}
	at := func(v time.Time) string { return v.In(zone).Format("2006-01-02 15:04 MST") }
	title := spec.Title.In(lang)
	m := channel.Message{Run: t.ID, Kind: run.Drill, Matter: channel.Notice, Event: t.Event, At: t.Event.At}
	lines := []string{l.T("Due by the plan: %s.", "計画上の予定：%s", at(t.Nominal))}
	because := func(list []run.Problem) {
		for _, p := range list {
			lines = append(lines, "- "+plan.Text{EN: p.EN, JA: p.JA}.In(lang))
		}
	}
	switch t.Event.Kind {
	case run.OccasionDue:
		var due run.Due
		_ = t.Event.Decode(&due) // its own event
		m.Subject = l.T("A drill has moved: %s", "訓練の日程変更：%s", title)
		var why []run.Problem
		for _, x := range due.Shifts {
			why = append(why, x.Why)
		}
		because(why)
		if due.Blind {
			lines = append(lines, l.T("Its window opens at %s.", "期間の開始：%s", at(due.At)))
		} else {
			lines = append(lines, l.T("It begins at %s.", "開始：%s", at(due.At)))
		}
	case run.OccasionPostponed:
		var p run.Postponed
		_ = t.Event.Decode(&p)
		m.Subject = l.T("A drill is postponed: %s", "訓練を延期：%s", title)
		because(p.Why)
		if p.Until.IsZero() {
			lines = append(lines, l.T("Its start is drawn again.", "開始時刻は改めて抽選します。"))
		} else {
			lines = append(lines, l.T("It is tried again at %s.", "次の試行：%s", at(p.Until)))
		}
	default:
		var miss run.OccasionMiss
		_ = t.Event.Decode(&miss)
		m.Subject = l.T("A drill was not held, and is overdue: %s", "訓練が未実施です（期限超過）：%s", title)
		because(miss.Why)
		lines = append(lines, l.T("Hold it by hand with `muster drill start %s`, or change the programme.", "`muster drill start %s` で手動で実施するか、訓練計画を見直してください。", spec.Scenario))
	}
	m.Text = m.Mark() + strings.Join(lines, "\n")
	m.Subject = m.Mark() + m.Subject
	return m
}

// inOneLine keeps an entry of the log in one line where plan files have several mistakes.
func inOneLine(err error) string { return strings.ReplaceAll(err.Error(), "\n", "; ") }

func (s *server) noteAssigned(ctx context.Context) {
	tick := time.NewTicker(api.AssignedEvery)
	defer tick.Stop()
	for {
		if err := s.api.NoteAssigned(ctx); err != nil && ctx.Err() == nil {
			s.o.Log.Warn("who is newly in the estate can't be told", "err", inOneLine(err))
		}
		if err := s.api.NoteProgramme(ctx); err != nil && ctx.Err() == nil {
			s.o.Log.Warn("since when there is a programme can't be noted", "err", inOneLine(err))
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}
