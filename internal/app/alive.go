package app

import (
	"context"
	"time"

	"github.com/coreos/go-systemd/v22/daemon"
)

// alive tells the service manager that the process is up, and, where it watches (WatchdogSec=), that it is
// alive, until ctx ends. works says whether it is; while it says no, nothing is told, and the manager
// starts the process again. Without a manager it does nothing.
func (o Options) alive(ctx context.Context, works func(context.Context) error) {
	if _, err := daemon.SdNotify(false, daemon.SdNotifyReady); err != nil {
		o.Log.Warn("the service manager can't be told that muster is up", "err", err)
	}
	every, err := daemon.SdWatchdogEnabled(false)
	if err != nil || every == 0 {
		return
	}
	tick := time.NewTicker(every / 3)
	defer tick.Stop()
	for {
		try, cancel := context.WithTimeout(ctx, every/3)
		if err := works(try); err == nil {
			_, err = daemon.SdNotify(false, daemon.SdNotifyWatchdog)
			if err != nil {
				o.Log.Warn("the service manager can't be told that muster is alive", "err", err)
			}
		} else if ctx.Err() == nil {
			o.Log.Error("muster does not answer itself; the service manager starts it again when that goes on", "err", err)
		}
		cancel()
		select {
		case <-ctx.Done():
			_, _ = daemon.SdNotify(false, daemon.SdNotifyStopping)
			return
		case <-tick.C:
		}
	}
}
