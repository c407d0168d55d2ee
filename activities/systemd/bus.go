package systemd

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/coreos/go-systemd/v22/dbus"
	godbus "github.com/godbus/dbus/v5"
	"go.temporal.io/sdk/temporal"

	"github.com/muster-dr/muster/activities"
	"github.com/muster-dr/muster/internal/plan"
)

// answerWithin bounds one call: a bus may take a message and never answer it.
var answerWithin = 10 * time.Second

// every is how often a unit is looked at that is waited for.
const every = 100 * time.Millisecond

// manager is one systemd, for as long as one action takes.
type manager struct {
	t     Target
	conn  *dbus.Conn
	raw   *godbus.Conn // for the calls that conn does not have
	close func()
}

// address is where the target's systemd is reached.
func (u Unit) address() (string, error) {
	switch u.Bus {
	case "system":
		if a := os.Getenv("DBUS_SYSTEM_BUS_ADDRESS"); a != "" {
			return a, nil
		}
		return "unix:path=/run/dbus/system_bus_socket", nil
	case "user":
		if a := os.Getenv("DBUS_SESSION_BUS_ADDRESS"); a != "" {
			return a, nil
		}
		dir := os.Getenv("XDG_RUNTIME_DIR")
		if dir == "" {
			dir = filepath.Join("/run/user", strconv.Itoa(os.Getuid()))
		}
		return "unix:path=" + dir + "/bus", nil
	}
	if _, err := sockets(u.Bus); err != nil { // others run programs, or go over the network in the clear
		return "", activities.Refused("bus %q is neither system, user nor an address of sockets such as unix:path=/run/user/1001/bus; units of another machine are reached with ssh.run", u.Bus)
	}
	return u.Bus, nil
}

// sockets are the files that a D-Bus address leads to: it may hold several, one of which
// is taken.
func sockets(address string) ([]string, error) {
	var out []string
	for one := range strings.SplitSeq(address, ";") {
		path, isSocket := strings.CutPrefix(one, "unix:path=")
		path, _, _ = strings.Cut(path, ",")
		path, err := godbus.UnescapeBusAddressValue(path)
		if !isSocket || err != nil || !filepath.IsAbs(path) {
			return nil, fmt.Errorf("%q is no socket's address", one)
		}
		out = append(out, path)
	}
	return out, nil
}

// connect reaches the target's systemd; it ends with ctx at the latest.
func connect(ctx context.Context, t Target) (*manager, error) {
	if !unitName.MatchString(t.Spec.Unit) {
		return nil, activities.Refused("target %s: %q is no full name of a unit; write it with its ending, such as orders.service", t.Name, t.Spec.Unit)
	}
	address, err := t.Spec.address()
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancelCause(ctx)
	m := &manager{t: t, close: func() { cancel(nil) }}
	slow := time.AfterFunc(answerWithin, func() {
		cancel(fmt.Errorf("it takes connections and does not answer within %s", answerWithin))
	})
	m.conn, err = dbus.NewConnection(func() (*godbus.Conn, error) {
		c, err := godbus.Dial(address, godbus.WithContext(ctx))
		if err != nil {
			return nil, err
		}
		if err = c.Auth([]godbus.Auth{godbus.AuthExternal(strconv.Itoa(os.Getuid()))}); err == nil {
			err = c.Hello()
		}
		if err != nil {
			_ = c.Close()
			return nil, err
		}
		m.raw = c
		return c, nil
	})
	if err == nil && slow.Stop() {
		return m, nil
	}
	if cause := context.Cause(ctx); cause != nil {
		err = cause
	}
	m.close()
	return nil, fmt.Errorf("the bus of %s, %s: %w", t.Name, address, err)
}

// ask bounds one call.
func ask[R any](ctx context.Context, m *manager, what string, call func(context.Context) (R, error)) (R, error) {
	ctx, cancel := context.WithTimeout(ctx, answerWithin)
	defer cancel()
	out, err := call(ctx)
	return out, m.fault(what, err)
}

// rejections are answers that say that nothing was begun.
var rejections = map[string]string{
	"org.freedesktop.DBus.Error.AccessDenied":                     "run the site worker as root, or allow it with a polkit rule",
	"org.freedesktop.DBus.Error.InteractiveAuthorizationRequired": "run the site worker as root, or allow it with a polkit rule",
	"org.freedesktop.DBus.Error.ServiceUnknown":                   "no systemd is on this bus",
	"org.freedesktop.DBus.Error.NameHasNoOwner":                   "no systemd is on this bus",
	"org.freedesktop.systemd1.NoSuchUnit":                         "correct the target's unit",
	"org.freedesktop.systemd1.LoadFailed":                         "see systemctl status",
	"org.freedesktop.systemd1.BadUnitSetting":                     "see systemctl status",
	"org.freedesktop.systemd1.UnitMasked":                         "use systemd.unmask",
	"org.freedesktop.systemd1.OnlyByDependency":                   "act on the unit that needs it",
	"org.freedesktop.systemd1.TransactionIsDestructive":           "another job is under way that this one would undo",
	"org.freedesktop.systemd1.TransactionJobsConflicting":         "its dependencies contradict each other",
	"org.freedesktop.systemd1.TransactionOrderIsCyclic":           "its dependencies form a circle",
	"org.freedesktop.systemd1.ShuttingDown":                       "the machine is going down",
	"org.freedesktop.systemd1.JobTypeNotApplicable":               "this kind of unit can't be asked for that",
	"org.freedesktop.systemd1.UnitExists":                         "its unit file lies where the mask would have to be: move it to /usr/local/lib/systemd/system",
}

// fault is a call's error as people read it. What systemd turned down was not begun.
func (m *manager) fault(what string, err error) error {
	if err == nil {
		return nil
	}
	var answer godbus.Error
	if errors.As(err, &answer) {
		if way, ok := rejections[answer.Name]; ok {
			return activities.Refused("%s: systemd turns it down: %s; %s", what, strings.TrimSuffix(answer.Error(), "."), way)
		}
		return fmt.Errorf("%s: systemd says: %s", what, answer.Error())
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return fmt.Errorf("%s: systemd does not answer", what)
	}
	return fmt.Errorf("%s: %w", what, err)
}

// late is an error after something was begun: a refusal is none any more.
func late(err error) error {
	app := new(temporal.ApplicationError)
	if errors.As(err, &app) && app.Type() == plan.ErrRefused {
		return errors.New("some of it was done: " + app.Message())
	}
	return err
}

// reloaded has systemd read its unit files, and asks for the unit.
func (m *manager) reloaded(ctx context.Context) (State, error) {
	_, err := ask(ctx, m, "the reload of systemd", func(ctx context.Context) (struct{}, error) {
		return struct{}{}, m.conn.ReloadContext(ctx)
	})
	if err != nil {
		return State{}, err
	}
	return m.state(ctx)
}

// call is one of the manager's methods that conn does not have.
func (m *manager) call(ctx context.Context, method string, args ...any) *godbus.Call {
	ctx, cancel := context.WithTimeout(ctx, answerWithin)
	defer cancel()
	return m.raw.Object("org.freedesktop.systemd1", "/org/freedesktop/systemd1").
		CallWithContext(ctx, "org.freedesktop.systemd1.Manager."+method, 0, args...)
}
