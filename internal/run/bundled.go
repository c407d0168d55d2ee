package run

import "time"

// Bundled is the break-glass bundle that a run was begun from, when its installation could not be reached.
type Bundled struct {
	ID           string    `json:"id"`
	Installation string    `json:"installation"` // name of its evidence log
	By           string    `json:"by"`           // who began to use it
	Reason       string    `json:"reason"`
	At           time.Time `json:"at"`
	// Although says that the installation's server answered then, and why it was begun all the same.
	Although string `json:"although,omitempty"`
}

// OwnRun reports whether a run was begun from the bundle: nothing else has its ID at the end.
func (b Bundled) OwnRun(runID string) bool {
	return len(runID) > len(b.ID)+1 && runID[len(runID)-len(b.ID)-1:] == "-"+b.ID
}

// Merged is a run that came back from a break-glass bundle.
type Merged struct {
	Bundle string `json:"bundle"`
	Log    string `json:"log"`    // name of the bundle's evidence log
	Key    string `json:"key"`    // public, which it was verified with
	Size   uint64 `json:"size"`   // of that log, when it came back
	SHA256 string `json:"sha256"` // of the file it came in
}
