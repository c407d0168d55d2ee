package file

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/muster-dr/muster/activities"
	"github.com/muster-dr/muster/internal/plan"
)

// SetRoom lets every disk say that it has this much free, until undo.
func SetRoom(bytes, files int64) (undo func()) {
	before := room
	room = func(string) (int64, int64, error) { return bytes, files, nil }
	return func() { room = before }
}

// Limited runs a call's action without a ledger, whose file a limit would hit too.
func Limited(limit, lift func() error, call plan.Call) error {
	ctx := activities.WithCall(context.Background(), call)
	var p struct{ From, To, Archive, Into string }
	if err := json.Unmarshal(call.With, &p); err != nil {
		return err
	}
	if err := limit(); err != nil {
		return err
	}
	var err error
	switch call.Uses {
	case "file.copy":
		_, err = copyTo(ctx, Copy{From: p.From, To: p.To})
	case "file.restore":
		_, err = restoreInto(ctx, Restore{Archive: p.Archive, Into: p.Into})
	default:
		err = fmt.Errorf("no %s", call.Uses)
	}
	if lifted := lift(); lifted != nil {
		return lifted
	}
	return err
}
