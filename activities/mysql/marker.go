package mysql

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/muster-dr/muster/internal/mycluster"
)

// fenceNote is the marker of a fence. Beside it, muster's option file makes every start of
// the server, whoever starts it, a read-only one.
type fenceNote struct {
	Run   string    `json:"run"`
	Step  string    `json:"step"`
	Token int64     `json:"token"`
	At    time.Time `json:"at"`
	// For is set by a switchover: the server that takes over.
	For    string  `json:"for,omitempty"`
	Result *Fenced `json:"result,omitempty"`
}

const fenceFile = "fence.json"

// fenceOf returns the server's fence; nil when it has none.
func fenceOf(i *mycluster.Instance) (*fenceNote, error) {
	var f fenceNote
	if err := recall(i, fenceFile, &f); err != nil {
		return nil, err
	}
	if f.At.IsZero() {
		return olderFence(i)
	}
	return &f, nil
}

// olderMarker is where earlier versions kept it: one for all servers whose option files
// share the folder. A fence may outlive an upgrade of muster.
func olderMarker(i *mycluster.Instance) string {
	return filepath.Join(filepath.Dir(i.Config), "muster-fence.json")
}

// olderFence returns the server's fence of an earlier version; nil when it has none. A fence
// that was done says whose it is; one that was cut off may be anybody's in the folder.
func olderFence(i *mycluster.Instance) (*fenceNote, error) {
	b, err := os.ReadFile(olderMarker(i))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("the fence of %s: %w", i.Name, err)
	}
	var f fenceNote
	if err := json.Unmarshal(b, &f); err != nil {
		return nil, fmt.Errorf("%s, of an earlier version, is damaged (%w); look at it and remove it", olderMarker(i), err)
	}
	if f.At.IsZero() || f.Result != nil && f.Result.Server != i.Name {
		return nil, nil
	}
	return &f, nil
}

// dropFence removes the server's marker, whichever version wrote it.
func dropFence(i *mycluster.Instance) error {
	older, err := olderFence(i)
	if err == nil && older != nil {
		err = os.Remove(olderMarker(i))
	}
	return errors.Join(err, i.Drop(fenceFile))
}
