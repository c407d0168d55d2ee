package evidence

import (
	"fmt"

	"github.com/muster-dr/muster/internal/i18n"
	"github.com/muster-dr/muster/internal/plan"
)

// Code names what is wrong with a bundle; a closed set for programs.
type Code string

const (
	CodeContainer  Code = "container"       // the zip itself
	CodeCheckpoint Code = "checkpoint"      // unreadable, or its signature is not of its text
	CodeKey        Code = "key"             // signed with another key
	CodeProof      Code = "proof"           // an entry is not in the log that was signed
	CodeEntry      Code = "entry"           // an entry is of another run, or not what it should be
	CodeManifest   Code = "manifest"        // not the one that was sealed
	CodeFile       Code = "file"            // its content is not what was sealed
	CodeMissing    Code = "file_missing"    //
	CodeExtra      Code = "file_not_sealed" //
	CodeEvent      Code = "event"           // altered
	CodeNoEvent    Code = "event_missing"   //
	CodeOrder      Code = "event_order"     //
	CodeTwice      Code = "event_twice"     //
	CodePlan       Code = "plan"            // not the one that the run used
	CodeReport     Code = "report"          // can't be made from plan and events
	CodeFigure     Code = "figure"          // a figure of the report does not follow from plan and events
	CodePersonal   Code = "personal"        // personal data is not what was sealed
	CodeSince      Code = "since"           // the log is no continuation of an older checkpoint
	CodeLater      Code = "later"           // a later state of the log is no continuation of this one
	CodeLog        Code = "log"             // entries are not what the checkpoint signs
	CodeStamp      Code = "stamp"           // a time stamp does not count
)

// Finding is one thing that is wrong, with its place.
type Finding struct {
	Code   Code   `json:"code"`
	File   string `json:"file,omitempty"`
	Line   int    `json:"line,omitempty"`  // from 1
	From   *int64 `json:"from,omitempty"`  // bytes From to To of the file, from 0
	To     *int64 `json:"to,omitempty"`    //
	Event  string `json:"event,omitempty"` // writer/number
	System string `json:"system,omitempty"`
	Figure string `json:"figure,omitempty"` // as in rto.actual_s
	Sealed string `json:"sealed,omitempty"` // what the bundle says
	Found  string `json:"found,omitempty"`  // what was computed
	EN     string `json:"en"`
	JA     string `json:"ja"`
}

// In is the finding as a sentence.
func (f Finding) In(l i18n.Lang) string {
	if l == i18n.JA {
		return f.JA
	}
	return f.EN
}

// Result is what came of a verification.
type Result struct {
	Run      string     `json:"run,omitempty"`
	Scenario string     `json:"scenario,omitempty"`
	Title    *plan.Text `json:"title,omitempty"`
	// Sound: nothing is wrong with the bundle, and all that follows from its events was computed
	// again. Whose it is, is proven only with KeyGiven.
	Sound    bool     `json:"sound"`
	KeyGiven bool     `json:"key_given"`
	Computed Computed `json:"computed,omitempty"`

	// Page says whether what people read, report.html of every part, was made again and compared.
	Page Page `json:"page,omitempty"`

	Log         string `json:"log,omitempty"`
	LogSize     uint64 `json:"log_size"`
	Key         string `json:"key,omitempty"` // that signed the checkpoint
	Fingerprint string `json:"fingerprint,omitempty"`
	SealedBy    string `json:"sealed_by,omitempty"` // version of muster
	CheckedBy   string `json:"checked_by,omitempty"`

	Parts int `json:"parts"`
	// LaterParts is what the bundle shows of parts that were sealed after those it holds.
	LaterParts Later `json:"later_parts,omitempty"`

	Files    int       `json:"files"`
	Events   int       `json:"events"`
	Entries  int       `json:"entries"` // of the log, proven to be in it
	Figures  int       `json:"figures"` // of the report, computed again
	Systems  []System  `json:"systems"`
	Findings []Finding `json:"findings"`
	Notes    []Note    `json:"notes"`
	Since    *uint64   `json:"since,omitempty"` // size of the older checkpoint that it continues

	// Whole: it is a file of the log itself and not of one run.
	Whole     bool       `json:"whole_log,omitempty"`
	Continued *Continued `json:"continued,omitempty"` // by the later file that was given
	Stamps    []Stamped  `json:"stamps,omitempty"`
	Unstamped []int      `json:"unstamped,omitempty"` // parts that no time stamp covers
}

// Computed says what was computed again; a closed set for programs.
type Computed string

const (
	ComputedFigures Computed = "figures"             // report, record and page of every part
	ComputedNone    Computed = "no_report_by_design" // the record has no plan and no report by design: log, files and events were checked
	ComputedNot     Computed = "not_computed"        // a part was sealed without a report, since none could be made; never Sound
)

// Page is a closed set for programs.
type Page string

const (
	PageCompared    Page = "compared"
	PageNotCompared Page = "not_compared" // another version of muster made it: it is as it was sealed, no more
)

// Later says what a bundle shows of later parts; a closed set for programs.
type Later string

const (
	LaterNotShown Later = "not_shown" // whether there are any: `muster evidence list RUN` says
	LaterMissing  Later = "missing"   // an entry speaks of one that is not in it; a finding
)

// System is what was computed again for one system.
type System struct {
	ID  string `json:"id"`
	RTO string `json:"rto"` // verdicts
	RPO string `json:"rpo"`
	RLO string `json:"rlo"`
}

// Note is something to know that makes nothing wrong.
type Note struct {
	EN string `json:"en"`
	JA string `json:"ja"`
}

// In is the note as a sentence.
func (n Note) In(l i18n.Lang) string {
	if l == i18n.JA {
		return n.JA
	}
	return n.EN
}

// mostFindings bounds what one altered file can say.
const mostFindings = 200

func (v *verification) found(f Finding, en, ja string, args ...any) {
	if len(v.Findings) >= mostFindings {
		return
	}
	f.EN, f.JA = fmt.Sprintf(en, args...), fmt.Sprintf(ja, args...)
	v.Findings = append(v.Findings, f)
}

func (v *verification) note(en, ja string, args ...any) {
	v.Notes = append(v.Notes, Note{fmt.Sprintf(en, args...), fmt.Sprintf(ja, args...)})
}
