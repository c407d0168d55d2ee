package engine

import (
	"encoding/json"
	"os"
	"path/filepath"

	"github.com/muster-dr/muster/internal/plan"
)

// FindBinary returns the path of muster-engine as Start would find it; given is
// Options.Binary.
func FindBinary(given string) (string, error) { return findBinary(given) }

// Running reads how to reach the engine whose data directory dir is, from the file that it
// leaves there. Whether it answers is for who dials to find out. The error is fs.ErrNotExist
// where no engine ever started.
func Running(dir string) (Endpoint, error) {
	var e Endpoint
	b, err := os.ReadFile(filepath.Join(dir, "engine.json"))
	if err != nil {
		return e, err
	}
	if err := json.Unmarshal(b, &e); err != nil || e.Address == "" {
		return e, plan.Wrong("%s is not what an engine wrote; start it again and it writes it anew", "%s はエンジンが書いたものではありません。エンジンを起動し直すと書き直されます", filepath.Join(dir, "engine.json"))
	}
	return e, nil
}
