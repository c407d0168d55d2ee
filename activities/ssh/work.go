package ssh

import (
	"context"
	"strconv"
	"strings"

	"golang.org/x/crypto/ssh"

	"github.com/muster-dr/muster/activities"
	"github.com/muster-dr/muster/internal/plan"
)

// effectVar marks the program and its children, by which a look finds them at work; sudo
// takes it from them, for which there is what the ledger keeps.
const effectVar = "MUSTER_EFFECT_KEY"

// callVar marks what one call started, so that it can be ended.
const callVar = "MUSTER_CALL"

// work is what the site's ledger keeps of a program that an effect started: the session that
// sshd gave it, which whatever it becomes stays in, also as another user.
type work struct {
	Effect  string `json:"effect"`
	Session int    `json:"session"`
	Boot    string `json:"boot"`  // of the host
	Start   string `json:"start"` // of the session's first process, in clock ticks
}

// members goes over what lives of session n: those whose first process did not start at
// $start are not ours. The number is nobody else's for as long as there is one of it.
const members = `members() { for f in /proc/[0-9]*/stat; do { IFS= read -r l <"$f"; } 2>/dev/null || continue; set -- ${l##*) }; ` +
	`[ "$f" = "/proc/$n/stat" ] && { [ "${20}" = "$start" ] || return; }; ` +
	`[ "$3" = "$n" ] || [ "$4" = "$n" ] || continue; ` +
	`case $1 in Z | X) echo "ended ${f%/stat}" ;; *) echo "lives ${f%/stat}" ;; esac; done; }; `

// find says one process that carries $1 or is of the session, or that /proc is not there to
// see any; all of this is one line, as the gate is. Where /proc shows only one's own (hidepid), others are found by what kill says.
const find = members + `f=; [ -z "$1" ] || f=$(grep -lsaF -- "$1" /proc/[0-9]*/environ 2>/dev/null | head -n 1); ` +
	`if [ -n "$f" ]; then echo "${f%/environ}"; exit 0; fi; ` +
	`n=$2 boot=$3 start=$4; [ -n "$n" ] || exit 0; ` +
	`if [ "$boot" = - ] || [ "$start" = - ]; then echo ` + blind + `; exit 0; fi; ` +
	`[ "$(cat /proc/sys/kernel/random/boot_id)" = "$boot" ] || exit 0; ` +
	`all=$(members); if [ -n "$all" ]; then echo "$all" | sed -n "s/^lives //p" | head -n 1; exit 0; fi; ` +
	`if { LC_ALL=C kill -0 "-$n"; } 2>&1 | grep -q ermitted; then echo "/proc/$n"; fi; exit 0`

const blind = "blind"

// found is the line that finds what is at work.
func (w work) found(variable string) string {
	n := ""
	if w.Session != 0 {
		n = strconv.Itoa(w.Session)
	}
	return "exec sh -c " + quote(find) + " sh " + quote(variable) + " " + quote(n) + " " + quote(w.Boot) + " " + quote(w.Start)
}

// kill signals what carries $1 and what is of the session. OpenSSH passes signals on for
// ordinary users only, and to one process group only.
const kill = members + `n=$2 start=$3 signal=$4; ` +
	`for f in $(grep -lsaF -- "$1" /proc/[0-9]*/environ 2>/dev/null) $(members | sed -n "s/^lives //p"); do p=${f#/proc/}; kill "-$signal" "${p%/environ}"; done`

func end(c *ssh.Client, w work, mark, signal string) {
	_, _ = output(c, "exec sh -c "+quote(kill)+" sh "+quote(callVar+"="+mark)+" "+strconv.Itoa(w.Session)+" "+quote(w.Start)+" "+signal)
}

// output runs a line in a session of its own and returns what it prints.
func output(c *ssh.Client, line string) (string, error) {
	s, err := c.NewSession()
	if err != nil {
		return "", err
	}
	defer s.Close()
	b, err := s.Output(line)
	return string(b), err
}

// atWork says what of an effect's program may still be under way; empty is nothing.
func atWork(ctx context.Context, t Target, key string) (plan.Text, error) {
	if key == "" {
		return plan.Text{}, nil
	}
	var w work
	if kept, err := activities.Kept(ctx, &w); err != nil {
		return plan.Text{}, err
	} else if !kept || w.Effect != key {
		w = work{}
	}
	out, err := shell(ctx, t, w.found(effectVar+"="+key), nil, "")
	if err != nil {
		return plan.Text{}, err
	}
	switch file := strings.TrimSpace(out.Stdout); {
	case out.ExitCode != 0:
		return activities.Lacking("whether the program still runs on %s can't be told: %s", "%s でプログラムがまだ動いているか判断できない：%s", t.Name, out.LastLine()), nil
	case file == blind:
		return activities.Lacking("%s has no /proc, so whether the program still runs there can't be told", "%s には /proc がないため、プログラムがまだ動いているか判断できない", t.Name), nil
	case file != "":
		return activities.Lacking("the program still runs on %s, as %s", "プログラムは %s で %s としてまだ動いている", t.Name, file), nil
	}
	return plan.Text{}, nil
}
