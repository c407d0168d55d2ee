package book

import (
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/muster-dr/muster/internal/i18n"
	"github.com/muster-dr/muster/internal/plan"
)

// operator pastes what the book says into a shell. Where a program asks for a password, it is
// typed: the shell finds in front of the real programs ones that hand it over.
type operator struct {
	e   plan.Estate
	env []string
}

func newOperator(t *testing.T, password string, targets ...plan.Target) *operator {
	t.Helper()
	bin := t.TempDir()
	if err := os.Chmod(bin, 0o755); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{
		"sudo":      `if [ "$1" = -u ]; then u=$2; shift 2; else u=root; fi; [ "$(id -un)" = "$u" ] && exec "$@"; exec runuser -u "$u" -- "$@"`,
		"mysql":     `for a; do shift; [ "$a" = -p ] || set -- "$@" "$a"; done; PATH=${PATH#*:} MYSQL_PWD=$PASSWORD exec mysql "$@"`,
		"redis-cli": `for a; do shift; [ "$a" = --askpass ] || set -- "$@" "$a"; done; PATH=${PATH#*:} REDISCLI_AUTH=$PASSWORD exec redis-cli "$@"`,
	} {
		if err := os.WriteFile(filepath.Join(bin, name), []byte("#!/bin/sh\n"+text+"\n"), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return &operator{e: plan.Estate{Targets: targets}, env: append(os.Environ(), "PATH="+bin+":"+os.Getenv("PATH"), "PASSWORD="+password, "PGPASSWORD="+password)}
}

func (o *operator) lines(uses string, with map[string]any) []string {
	b, _ := json.Marshal(with)
	return fold(byHand(plan.Step{Uses: uses, With: b, Site: "tokyo"}, o.e, i18n.EN)) // as it is printed
}

// paste hands everything to a shell, as somebody does who reads no "go on only when".
func (o *operator) paste(t *testing.T, uses string, with map[string]any, before ...string) string {
	t.Helper()
	return o.run(t, append(before, o.lines(uses, with)...)...)
}

func (o *operator) run(t *testing.T, lines ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	text := strings.Join(lines, "\n")
	cmd := exec.CommandContext(ctx, "sh")
	cmd.Stdin, cmd.Env, cmd.Dir, cmd.WaitDelay = strings.NewReader(text+"\n"), o.env, "/", 5*time.Second
	out, err := cmd.CombinedOutput()
	if ctx.Err() != nil {
		t.Fatalf("%v: %s\n%s", ctx.Err(), out, text)
	}
	t.Logf("%s\n-> %v\n%s", text, err, out)
	return string(out)
}
