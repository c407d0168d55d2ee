package api

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/muster-dr/muster/internal/alarm"
	"github.com/muster-dr/muster/internal/evidence/keep"
	"github.com/muster-dr/muster/internal/journal"
	"github.com/muster-dr/muster/internal/run"
)

// eraseEvery is how often the server looks for private answers that have served.
const eraseEvery = time.Hour

// Work is what the server does by itself until ctx ends: it tells open runs what people said
// while no server could, erases the private parts of answers when they have served, and archives
// proposals of alarms. keep is how long after a run's end answers serve.
func (s *Server) Work(ctx context.Context, keep time.Duration) {
	defer s.nudges.end()
	tick := time.NewTicker(eraseEvery)
	defer tick.Stop()
	// Once, not every hour: a run may be open for months, and each signal is some events.
	if err := s.nudgeOpen(ctx); err != nil && ctx.Err() == nil {
		s.Log.Warn("open runs can't be listed; they hear of people at the next reminder", "err", err)
	}
	for {
		if n, err := s.EraseAnswers(ctx, keep); err != nil && ctx.Err() == nil {
			s.Log.Warn("private answers that have served can't be erased", "err", err)
		} else if n > 0 {
			s.Log.Info("private answers erased: they have served", "answers", n)
		}
		if n, err := alarm.Archive(ctx, s.Store, s.now()); err != nil && ctx.Err() == nil {
			s.Log.Warn("settled proposals of alarms can't be archived", "err", err)
		} else if n > 0 {
			s.Log.Info("settled proposals of alarms archived", "proposals", n)
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if open, err := s.Store.Runs(ctx, journal.Filter{Open: true}); err == nil {
			s.nudges.forget(open)
			s.pace.forget(open)
		}
	}
}

// EraseAnswers erases the private parts of answers of runs that ended longer ago than that, and
// are not held. Those of a run that the record does not know count from when they were given.
func (s *Server) EraseAnswers(ctx context.Context, after time.Duration) (int, error) {
	docs, err := s.Store.DocumentsOf(ctx, kindAnswer)
	if err != nil {
		return 0, err
	}
	limit, due, runs, erased := s.now().Add(-after), map[string][]string{}, map[string]*journal.Summary{}, 0
	for _, d := range docs {
		runID, _, _ := strings.Cut(d.ID, "/"+run.PeopleWriter)
		sum, known := runs[runID]
		if !known {
			list, err := s.Store.Runs(ctx, journal.Filter{Run: runID, Limit: 1})
			if err != nil {
				return erased, err
			}
			if len(list) == 1 {
				sum = &list[0]
			}
			runs[runID] = sum
		}
		served := d.ChangedAt
		if sum != nil {
			if sum.EndedAt == nil {
				continue
			}
			served = *sum.EndedAt
		}
		if served.After(limit) {
			continue
		}
		due[runID] = append(due[runID], d.ID)
	}
	var errs []error
	for _, runID := range slices.Sorted(maps.Keys(due)) {
		ids := due[runID]
		if err := s.erasing(ctx, runID, ids); err != nil {
			if held := new(keep.HeldError); !errors.As(err, &held) && !errors.Is(err, keep.ErrElsewhere) && !errors.Is(err, keep.ErrClock) {
				errs = append(errs, err)
			}
			if errors.Is(err, keep.ErrHoldsUnknown) {
				break // it is said of all
			}
			continue
		}
		for _, id := range ids {
			if err := s.Store.DropDocument(ctx, kindAnswer, id); err != nil {
				return erased, err
			}
			erased++
		}
	}
	return erased, errors.Join(errs...)
}

// erasing notes in the evidence log what is erased, before it is. What is held is not, nor is
// anything where that can't be told.
func (s *Server) erasing(ctx context.Context, runID string, ids []string) error {
	if s.Evidence == nil {
		return nil
	}
	var names []string
	for _, id := range ids {
		names = append(names, answerName(runID, id))
	}
	return s.Evidence.Erasing(ctx, runID, names, "", "", "they have served (people.keep)")
}
