// Package matrix is the table of faults that muster is held against: what is injected,
// what must hold, which tests inject it and judge what came of it, and a planted defect
// by which each row has been seen to fail. `make faults` runs it.
package matrix

import (
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strings"
)

// Module is the path of the root module.
const Module = "github.com/muster-dr/muster"

// Row is a fault.
type Row struct {
	N     int
	Group string // a letter, with its title in Groups
	Fault string // what is injected
	Holds string // what must hold then
	// Proofs inject the fault and judge what came of it. All of them are needed.
	Proofs []Proof
	// Lacks names what of the row no test here shows, and why. Empty when all of it is
	// shown; a row without proofs has nothing else.
	Lacks string
	Plant *Plant
}

// Proof is a test. A part of one is named as go test does: "TestFaults/slow".
type Proof struct {
	Package string // below the module's root
	Test    string
	Long    bool // not for those who wait
	Root    bool // needs rights that only root has, or sudo without a password
	// Previous: needs the previous release's programs, in the folder MUSTER_PREVIOUS, and the
	// build tag of that name.
	Previous bool
}

// top is the function that go test is told to run.
func (p Proof) top() string {
	name, _, _ := strings.Cut(p.Test, "/")
	return name
}

func (p Proof) String() string { return p.Package + " " + p.Test }

// Plant is a defect: one place of one file is changed, and a test must notice.
type Plant struct {
	Breaks string // what does not hold any more, in words
	File   string // below the module's root
	Old    string // is in the file once
	New    string
	By     Proof // the proof that must notice, in its own process
}

// Digest names a plant's content, so that a record of it does not speak of another.
func (p Plant) Digest() string {
	sum := sha256.Sum256([]byte(strings.Join([]string{p.File, p.Old, p.New, p.By.String()}, "\x00")))
	return hex.EncodeToString(sum[:8])
}

// Groups are the titles of the rows' groups.
var Groups = map[string]string{
	"A": "Our processes die or freeze",
	"B": "Temporal and storage",
	"C": "Time",
	"D": "Network",
	"E": "People and triggers",
	"F": "Targets",
	"G": "Messages",
	"H": "Inputs",
	"I": "Change",
	"J": "Hostile",
	"K": "Moments: nothing died, and something was not to be had for a while",
}

// Rows are all faults, in order.
func Rows() []Row {
	rows := slices.Concat(processes(), storage(), clocks(), network(), people(), targets(), messages(), inputs(), changes(), hostile(), moments())
	for i := range rows {
		if p, ok := plants[rows[i].N]; ok {
			rows[i].Plant = &p
		}
	}
	return rows
}

// tests are proofs of one package.
func tests(pkg string, names ...string) []Proof {
	var out []Proof
	for _, n := range names {
		out = append(out, Proof{Package: pkg, Test: n})
	}
	return out
}

// long marks proofs that take their time.
func long(proofs []Proof) []Proof {
	for i := range proofs {
		proofs[i].Long = true
	}
	return proofs
}

// root marks proofs that need root.
func root(proofs []Proof) []Proof {
	for i := range proofs {
		proofs[i].Root = true
	}
	return proofs
}

// previous marks proofs that need the previous release.
func previous(proofs []Proof) []Proof {
	for i := range proofs {
		proofs[i].Previous = true
	}
	return proofs
}

func all(of ...[]Proof) []Proof { return slices.Concat(of...) }
