package progress

import (
	"slices"
	"time"

	"github.com/muster-dr/muster/internal/run"
)

// Inspection is the latest word on whether people may work at a site.
type Inspection struct {
	Site    string            `json:"site"`
	Usable  bool              `json:"usable"`
	Overall run.Usability     `json:"overall"` // usable, restricted or unusable
	Items   []run.CheckedItem `json:"items,omitempty"`
	By      string            `json:"by"`
	Others  []string          `json:"inspectors,omitempty"`
	At      time.Time         `json:"at"`
	Note    string            `json:"note,omitempty"`
	Photos  []string          `json:"photos,omitempty"`
	Count   int               `json:"count"` // of inspections so far
}

func (t *Tracker) inspected(e run.Event) {
	var d run.Inspection
	_ = e.Decode(&d)
	in := Inspection{Site: e.Site, Usable: d.Usable, Overall: d.Overall, Items: d.Items, By: e.By, Others: d.Inspectors, At: e.When(), Note: e.Reason, Photos: d.Photos, Count: 1}
	if in.Overall == "" {
		if in.Overall = run.Unusable; d.Usable {
			in.Overall = run.Usable
		}
	}
	i := slices.IndexFunc(t.view.Inspections, func(o Inspection) bool { return o.Site == e.Site })
	if i < 0 {
		t.view.Inspections = append(t.view.Inspections, in)
		return
	}
	in.Count += t.view.Inspections[i].Count
	t.view.Inspections[i] = in
}
