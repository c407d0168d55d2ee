package identity

import (
	"testing"

	"github.com/muster-dr/muster/internal/journal"
)

// What is done over the console stands in the access log under whom it named, one line an hour.
func TestTheAccessLogSaysAsWhomTheConsoleActed(t *testing.T) {
	store, err := journal.Open(t.Context(), "sqlite:"+t.TempDir()+"/journal.db")
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	s := New(store, Options{Console: "the-server's-own-token-of-the-test"})
	for range 2 {
		ctx := Naming(With(t.Context(), Actor{Console: true, Via: Console}))
		Names(ctx, "second")
		s.ConsoleActed(ctx)
	}
	s.ConsoleActed(Naming(With(t.Context(), Actor{Console: true, Via: Console})))       // it only read
	s.ConsoleActed(Naming(With(t.Context(), Actor{Person: "sato", Via: "token 7f3a"}))) // who is known anyway
	log, err := s.Accesses(t.Context(), 0, 0)
	if err != nil || len(log) != 1 || log[0].Via != "console as second" || log[0].Act != ActConsole || log[0].Outcome != "ok" || log[0].Person != "" {
		t.Errorf("%+v %v", log, err)
	}
}
