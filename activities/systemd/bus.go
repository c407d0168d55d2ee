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
		return "", activities.RefusedBoth("bus %q is neither system, user nor an address of sockets such as unix:path=/run/user/1001/bus; units of another machine are reached with ssh.run",
			"bus %q は system でも user でもソケットのアドレス（例：unix:path=/run/user/1001/bus）でもない。別のマシンのユニットは ssh.run で操作する", u.Bus)
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
		return nil, activities.RefusedBoth("target %s: %q is no full name of a unit; write it with its ending, such as orders.service", "操作対象 %s：%q はユニットの完全な名前ではない。orders.service のように種別まで含めて指定する", t.Name, t.Spec.Unit)
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
func ask[R any](ctx context.Context, m *manager, what plan.Text, call func(context.Context) (R, error)) (R, error) {
	ctx, cancel := context.WithTimeout(ctx, answerWithin)
	defer cancel()
	out, err := call(ctx)
	return out, m.fault(what, err)
}

// rejections are answers that say that nothing was begun.
var rejections = map[string]plan.Text{
	"org.freedesktop.DBus.Error.AccessDenied":                     {EN: "run the site worker as root, or allow it with a polkit rule", JA: "拠点のワーカーを root で動かすか、polkit のルールで許可する"},
	"org.freedesktop.DBus.Error.InteractiveAuthorizationRequired": {EN: "run the site worker as root, or allow it with a polkit rule", JA: "拠点のワーカーを root で動かすか、polkit のルールで許可する"},
	"org.freedesktop.DBus.Error.ServiceUnknown":                   {EN: "no systemd is on this bus", JA: "このバスに systemd がいない"},
	"org.freedesktop.DBus.Error.NameHasNoOwner":                   {EN: "no systemd is on this bus", JA: "このバスに systemd がいない"},
	"org.freedesktop.systemd1.NoSuchUnit":                         {EN: "correct the target's unit", JA: "操作対象の unit を修正する"},
	"org.freedesktop.systemd1.LoadFailed":                         {EN: "see systemctl status", JA: "systemctl status で確認する"},
	"org.freedesktop.systemd1.BadUnitSetting":                     {EN: "see systemctl status", JA: "systemctl status で確認する"},
	"org.freedesktop.systemd1.UnitMasked":                         {EN: "use systemd.unmask", JA: "systemd.unmask を使う"},
	"org.freedesktop.systemd1.OnlyByDependency":                   {EN: "act on the unit that needs it", JA: "これを必要とするユニットを操作する"},
	"org.freedesktop.systemd1.TransactionIsDestructive":           {EN: "another job is under way that this one would undo", JA: "この操作と矛盾する別のジョブが進行中である"},
	"org.freedesktop.systemd1.TransactionJobsConflicting":         {EN: "its dependencies contradict each other", JA: "依存関係が矛盾している"},
	"org.freedesktop.systemd1.TransactionOrderIsCyclic":           {EN: "its dependencies form a circle", JA: "依存関係が循環している"},
	"org.freedesktop.systemd1.ShuttingDown":                       {EN: "the machine is going down", JA: "マシンが停止処理中である"},
	"org.freedesktop.systemd1.JobTypeNotApplicable":               {EN: "this kind of unit can't be asked for that", JA: "この種類のユニットには実行できない操作である"},
	"org.freedesktop.systemd1.UnitExists":                         {EN: "its unit file lies where the mask would have to be: move it to /usr/local/lib/systemd/system", JA: "マスクを置く場所にユニットファイルがある。/usr/local/lib/systemd/system に移す"},
}

// fault is a call's error as people read it. What systemd turned down was not begun.
func (m *manager) fault(what plan.Text, err error) error {
	if err == nil {
		return nil
	}
	var answer godbus.Error
	if errors.As(err, &answer) {
		if way, ok := rejections[answer.Name]; ok {
			return activities.RefusedBoth("%s: systemd turns it down: %s; %s", "%s：systemd が拒否した：%s。%s", what, strings.TrimSuffix(answer.Error(), "."), way)
		}
		return errors.New(activities.Lacking("%s: systemd says: %s", "%s：systemd の応答：%s", what, answer.Error()).Both())
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return errors.New(activities.Lacking("%s: systemd does not answer", "%s：systemd が応答しない", what).Both())
	}
	return fmt.Errorf("%s: %w", what.EN, err)
}

// late is an error after something was begun: a refusal is none any more.
func late(err error) error {
	app := new(temporal.ApplicationError)
	if errors.As(err, &app) && app.Type() == plan.ErrRefused {
		return errors.New(activities.Lacking("some of it was done: %s", "一部は実施済み：%s", plan.Apart(app.Message())).Both())
	}
	return err
}

// reloaded has systemd read its unit files, and asks for the unit.
func (m *manager) reloaded(ctx context.Context) (State, error) {
	_, err := ask(ctx, m, activities.Lacking("the reload of systemd", "systemd の再読み込み"), func(ctx context.Context) (struct{}, error) {
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
