// Package simworld is what the family sim acts on and probe.sim looks at: services whose
// state lies in files. It knows nothing of actions or probes.
package simworld

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// Service is a simulated service as the estate describes it.
type Service struct {
	Dir   string `json:"dir" reach:"path" help:"Folder on the site worker's machine that holds the state; it is made when it is missing." ja:"状態を保存する、拠点ワーカーのマシン上のフォルダー。なければ作成する"`
	Needs []Need `json:"needs" help:"What it lives on; without it the service is down however it is switched." ja:"稼働に必要なもの。なければ、切り替えの状態によらず停止とする" default:"[]"`
}

// Need is a group of services of the same folder of which enough must be switched on: two
// feeds of which one will do, four cooling units of which three must run.
type Need struct {
	Of      []string `json:"of" help:"Simulated services of the same folder, by name." ja:"同じフォルダーの模擬サービスの名前"`
	AtLeast int      `json:"at_least" help:"How many of them must be switched on." ja:"稼働していなければならない数" default:"1"`
}

// On reports whether a service is switched on; one that nobody has touched is.
func On(dir, name string) (bool, error) {
	b, err := os.ReadFile(stateFile(dir, name))
	if errors.Is(err, fs.ErrNotExist) {
		return true, nil
	}
	if err != nil {
		return false, fmt.Errorf("state of %s: %w", name, err)
	}
	switch state := strings.TrimSpace(string(b)); state {
	case "up", "down":
		return state == "up", nil
	default:
		return false, fmt.Errorf("state of %s: %s holds %q, not up or down", name, stateFile(dir, name), state)
	}
}

// Up reports whether a service is switched on and has what it needs; why says what is
// missing.
func (s Service) Up(name string) (up bool, why string, err error) {
	if on, err := On(s.Dir, name); err != nil || !on {
		return false, "it is switched off", err
	}
	for _, n := range s.Needs {
		running := 0
		for _, of := range n.Of {
			on, err := On(s.Dir, of)
			if err != nil {
				return false, "", err
			}
			if on {
				running++
			}
		}
		if running < max(1, n.AtLeast) {
			return false, fmt.Sprintf("%d of %s run, and it needs %d", running, strings.Join(n.Of, ", "), max(1, n.AtLeast)), nil
		}
	}
	return true, "", nil
}

// Switch switches a service on or off.
func (s Service) Switch(name string, on bool) error {
	state := "down\n"
	if on {
		state = "up\n"
	}
	err := os.MkdirAll(s.Dir, 0o755)
	if err == nil {
		err = replace(stateFile(s.Dir, name), state)
	}
	if err != nil {
		return fmt.Errorf("state of %s: %w", name, err)
	}
	return nil
}

func stateFile(dir, name string) string { return filepath.Join(dir, FileName(name)+".state") }

// replace writes a file so that a reader sees the old text or the new one.
func replace(path, text string) error {
	f, err := os.CreateTemp(filepath.Dir(path), ".new-*")
	if err != nil {
		return err
	}
	_, err = f.WriteString(text)
	if err = errors.Join(err, f.Chmod(0o644), f.Sync(), f.Close()); err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return nil
}

// FileName makes a name that is a single file's, whatever it held.
func FileName(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9', r == '-', r == '_', r == '.' && s[0] != '.':
			return r
		}
		return '_'
	}, s)
}
