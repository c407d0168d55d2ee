package production

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/muster-dr/muster/internal/demo"
	"github.com/muster-dr/muster/internal/ownsystemd"
)

// UnitOf are the units by which the shipped plan of the drills of muster itself knows the parts.
var UnitOf = map[Part]string{
	Store: "postgresql@16-main.service", Engine: "temporal.service", Server: "muster-server.service", Osaka: "muster-worker@osaka.service", Tokyo: "muster-worker@tokyo.service",
}

// shippedUnit is what is shipped of a part; PostgreSQL has a unit of its own.
var shippedUnit = map[Part]string{Server: "muster-server.service", Engine: "examples/temporal.service", Osaka: "muster-worker@.service", Tokyo: "muster-worker@.service"}

// beyond are settings that only the machine's own systemd can give a service: this one is a user's.
var beyond = regexp.MustCompile(`^(User|Group|StateDirectory|StateDirectoryMode|CapabilityBoundingSet|AmbientCapabilities|Protect\w+|Private\w+|RemoveIPC|Environment|EnvironmentFile|WorkingDirectory|ExecStart|Restrict(Namespaces|SUIDSGID)|LimitNOFILE|Wants|After|WantedBy)=`)

// Kept is an installation that a systemd keeps running, with the shipped plan of the drills of muster itself.
type Kept struct {
	*Installation
	Systemd *ownsystemd.Manager
	Units   map[Part]string // as systemd has them
	sources string
}

// StartKept sets an installation up with scenarios/self of the sources for its plan files, hands it over to a
// systemd, and waits until it is well there. When it returns an error, nothing of it runs.
func StartKept(ctx context.Context, p demo.Place, programs Binaries, systemd *ownsystemd.Manager, sources string) (_ *Kept, err error) {
	if err := os.MkdirAll(p.Plans, 0o755); err != nil {
		return nil, err
	}
	if err := os.CopyFS(p.Plans, os.DirFS(filepath.Join(sources, "scenarios", "self"))); err != nil {
		return nil, err
	}
	k := &Kept{Systemd: systemd, Units: map[Part]string{}, sources: sources}
	if k.Installation, err = Start(ctx, p, programs); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			last, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Minute)
			defer cancel()
			err = errors.Join(err, k.Stop(last))
		}
	}()
	if err := errors.Join(k.fill(), k.handCredentials(ctx)); err != nil {
		return nil, err
	}
	p.Say("handing everything over to systemd, with Restart=always", "すべてをsystemd（Restart=always）の管理に移しています")
	if err := k.HandOver(ctx, k.take); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeoutCause(ctx, patience, fmt.Errorf("the installation is not well under systemd within %v", patience))
	defer cancel()
	for {
		h, err := k.Client().Health(ctx)
		if err == nil && h.OK {
			return k, nil
		}
		select {
		case <-ctx.Done():
			return nil, errors.Join(context.Cause(ctx), err)
		case <-time.After(100 * time.Millisecond):
		}
	}
}

// take gives systemd a part and has it started.
func (k *Kept) take(ctx context.Context, s Service) error {
	text, err := k.unit(s)
	if err != nil {
		return err
	}
	k.Units[s.Part] = text
	if err := k.Systemd.Unit(ctx, UnitOf[s.Part], text); err != nil {
		return err
	}
	_, err = k.Systemd.Run(ctx, UnitOf[s.Part])
	return err
}

// unit is the shipped unit of a part, or what an administrator writes.
func (k *Kept) unit(s Service) (string, error) {
	text := "[Unit]\nStartLimitIntervalSec=0\n[Service]\nRestart=always\nRestartSec=1s\n"
	if name := shippedUnit[s.Part]; name != "" {
		b, err := os.ReadFile(filepath.Join(k.sources, "deploy", "systemd", name))
		if err != nil {
			return "", err
		}
		text = ""
		for line := range strings.Lines(string(b)) {
			if (!beyond.MatchString(line) || strings.HasPrefix(line, "Environment="+keyringSetting)) && !strings.HasPrefix(line, "[Install]") {
				text += strings.ReplaceAll(line, "/etc/muster/credentials", k.credentials())
			}
		}
		if !strings.Contains(text, "Restart=always") || !strings.Contains(text, "SystemCallFilter=@system-service") {
			return "", fmt.Errorf("%s is not as it was shipped:\n%s", name, text)
		}
	}
	argv := s.Argv
	if s.As != nil && s.Part == Store { // PostgreSQL refuses root, and muster's parts need systemd's bus
		argv = append([]string{"/usr/bin/setpriv", "--reuid", fmt.Sprint(s.As.Uid), "--regid", fmt.Sprint(s.As.Gid), "--clear-groups", "--"}, argv...)
	}
	more := "[Unit]\nDefaultDependencies=no\n[Service]\nWorkingDirectory=" + s.Dir + "\nExecStart=" + strings.Join(argv, " ") + "\n"
	for _, e := range s.Env {
		if strings.HasPrefix(e, keyringSetting) { // the unit has it
			continue
		}
		more += "Environment=" + strconv.Quote(e) + "\n"
	}
	return text + more, nil
}

const keyringSetting = "MUSTER_ENCRYPTION_KEYRING="

// credentials is the folder of the secrets that systemd hands to the services.
func (k *Kept) credentials() string { return filepath.Join(k.home, "credentials") }

// handCredentials puts there what an operator puts into /etc/muster/credentials: the keys of the histories, and the password of the shipped
// drill's probe.
func (k *Kept) handCredentials(ctx context.Context) error {
	keys, err := os.ReadFile(filepath.Join(k.home, "keyring"))
	if err != nil {
		return err
	}
	word, err := k.letProbe(ctx)
	if err != nil {
		return err
	}
	return errors.Join(os.Mkdir(k.credentials(), 0o700), os.WriteFile(filepath.Join(k.credentials(), "keyring"), keys, 0o600),
		os.WriteFile(filepath.Join(k.credentials(), "probe"), []byte(word+"\n"), 0o600))
}

// fill puts what is this installation's own into the shipped plan, as its operator does: addresses, ports, and folders under another root.
func (k *Kept) fill() error {
	host, port, _ := strings.Cut(k.StoreAddress(), ":")
	return k.Edit(
		`.service}`, fmt.Sprintf(`.service, bus: %q}`, k.Systemd.Address),
		"host: db.osaka.example.com", "host: "+host+"\n    port: "+port,
		"https://muster.example.com", k.URL(),
		"/etc/muster/tls/", filepath.Join(k.folder(Tokyo), "tls")+"/",
		"worker.osaka.example.com:7702", k.HealthAddress(Osaka),
		"worker.tokyo.example.com:7702", k.HealthAddress(Tokyo),
		"/var/lib/muster/osaka/rehearsal", k.Rehearsal(Osaka),
		"/var/lib/muster/tokyo/rehearsal", k.Rehearsal(Tokyo),
	)
}

// Rehearsal is the folder of what a site's steps of the simulated response leave.
func (k *Kept) Rehearsal(site Part) string { return filepath.Join(k.Dir, "rehearsal", string(site)) }

// Edit replaces texts in the plan files, given as old and new in turn; each old one must be in one of them.
func (k *Kept) Edit(pairs ...string) error {
	files, err := filepath.Glob(filepath.Join(k.Plans, "*.yaml"))
	if err != nil {
		return err
	}
	for n := 0; n+1 < len(pairs); n += 2 {
		found := false
		for _, f := range files {
			b, err := os.ReadFile(f)
			if err != nil {
				return err
			}
			if !bytes.Contains(b, []byte(pairs[n])) {
				continue
			}
			found = true
			if err := os.WriteFile(f, bytes.ReplaceAll(b, []byte(pairs[n]), []byte(pairs[n+1])), 0o644); err != nil {
				return err
			}
		}
		if !found {
			return fmt.Errorf("%q is not in the shipped plan", pairs[n])
		}
	}
	return nil
}
