package breakglass

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/transparency-dev/merkle/compact"
	"github.com/transparency-dev/merkle/rfc6962"

	"github.com/muster-dr/muster/internal/evidence"
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/run"
)

// BackFormat is the version of what comes back from a laptop.
const BackFormat = "muster-break-glass-back/1"

// Places in what comes back.
const (
	fileBack     = "back.json"
	fileBackHead = "log/checkpoint"
	fileBackLog  = "log/entries.json"
	dirBackRuns  = "runs/"
)

// TokensAhead is how far the tokens of a laptop lie above those of the copied record: what its installation gives out meanwhile, and may still
// be under way, is below, and the ledgers of the sites refuse it once the laptop has come by.
const TokensAhead = 100_000

// Back says what comes back.
type Back struct {
	Format string    `json:"format"`
	ID     string    `json:"id"` // of the archive
	MadeAt time.Time `json:"made_at"`
	Muster string    `json:"muster"`
	// Open are runs of the archive that had not ended; they are not in it.
	Open []string `json:"open,omitempty"`
}

// PackBack packs the sealed runs of a laptop, each as its evidence, and the whole of its log.
func PackBack(b Back, checkpoint []byte, entries [][]byte, runs map[string][]byte) ([]byte, error) {
	b.Format = BackFormat
	head, err := json.MarshalIndent(b, "", "  ")
	if err != nil {
		return nil, err
	}
	var list []string
	for _, e := range entries {
		list = append(list, string(e))
	}
	log, err := json.Marshal(list)
	if err != nil {
		return nil, err
	}
	files := map[string][]byte{fileBack: head, fileBackHead: checkpoint, fileBackLog: log}
	for id, zip := range runs {
		files[dirBackRuns+id+".zip"] = zip
	}
	return evidence.Write(files)
}

// Returned is what came back and was made sure of.
type Returned struct {
	Back
	Size  uint64 // of its log
	Root  []byte
	Begun evidence.Entry // who began, when and why
	Runs  []ReturnedRun
	// Removed are runs that the log sealed and later removed after their time: they can't come.
	Removed []string
}

// ReturnedRun is a run that came back.
type ReturnedRun struct {
	Run    string
	Plan   plan.Plan
	Events []run.Event
	Sealed []byte // its evidence, as the laptop's log sealed it
}

// Known is what an installation knows of an archive that it made.
type Known struct {
	ID, Key string
	// Size and Root are of the archive's log at the last merge; 0 is none yet.
	Size uint64
	Root []byte
}

// Rejected is what came back and is not what was sealed.
type Rejected struct{ Findings []plan.Text }

func (r *Rejected) Error() string { return r.Said().EN }

// Said is the reason in both languages.
func (r *Rejected) Said() plan.Text { return plan.Joined(r.Findings...) }

func (r *Rejected) found(en, ja string, args ...any) {
	r.Findings = append(r.Findings, plan.Say(en, ja, args...))
}

// BackID reads of which archive something comes back. Nothing is made sure of.
func BackID(file []byte) (string, error) {
	files, _, err := evidence.Read(file)
	if err != nil {
		return "", plan.Wrong("this is not what `muster bundle export` wrote: %v", "`muster bundle export` で書き出したファイルではありません（%v）", err)
	}
	var b Back
	if err := json.Unmarshal(files[fileBack], &b); err != nil || b.Format != BackFormat || !IsID(b.ID) {
		return "", plan.Wrong("this is not what `muster bundle export` wrote", "`muster bundle export` で書き出したファイルではありません")
	}
	return b.ID, nil
}

// Open makes sure of what came back: that its log is whole, is the one that the archive's key signs, continues what was merged before,
// and that every run is as it was sealed. What is not is named, run and event.
func Open(file []byte, of Known, version string) (Returned, error) {
	var out Returned
	bad := &Rejected{}
	files, damaged, err := evidence.Read(file)
	if err != nil {
		bad.found("the file can't be opened: %v", "ファイルを開けません（%v）", err)
		return out, bad
	}
	for _, name := range slices.Sorted(maps.Keys(damaged)) {
		bad.found("%s can't be unpacked: %v", "%s を展開できません（%v）", name, damaged[name])
	}
	if err := json.Unmarshal(files[fileBack], &out.Back); err != nil || out.Format != BackFormat || out.ID != of.ID {
		bad.found("%s is not that of bundle %s", "%s がパッケージ %s のものではありません", fileBack, of.ID)
		return out, bad
	}
	leaves := openLog(files, of, &out, bad)
	if leaves == nil {
		return out, bad
	}
	sealed, removed := map[string]int{}, map[string]bool{} // parts by run; runs
	for i, leaf := range leaves {
		e, err := evidence.ParseEntry(leaf)
		if err != nil {
			bad.found("entry %d of its log: %v", "台帳のエントリー %d: %v", i, err)
			continue
		}
		switch {
		case i == 0 && (e.Kind != evidence.EntryBegun || e.Bundle != of.ID || e.Reason == ""):
			bad.found("its log does not begin with the activation of bundle %s", "台帳の先頭がパッケージ %s の使用開始ではありません", of.ID)
		case i == 0:
			out.Begun = e
		case e.Kind == evidence.EntrySealed:
			sealed[e.Run] = max(sealed[e.Run], e.Part)
		case e.Kind == evidence.EntryRemoved:
			removed[e.Run] = true
		}
	}
	named := map[string]bool{fileBack: true, fileBackHead: true, fileBackLog: true}
	for _, id := range slices.Sorted(maps.Keys(sealed)) {
		name := dirBackRuns + id + ".zip"
		named[name] = true
		zip, ok := files[name]
		if !ok && removed[id] {
			out.Removed = append(out.Removed, id)
			continue
		}
		if !ok {
			bad.found("run %s was sealed there and is not in the file", "%s は封印されていますが、ファイルに含まれていません", id)
			continue
		}
		if !strings.HasSuffix(id, "-"+of.ID) {
			bad.found("run %s is not one of bundle %s", "%s はパッケージ %s の実施ではありません", id, of.ID)
			continue
		}
		if r, ok := openRun(zip, id, sealed[id], of, leaves, version, bad); ok {
			out.Runs = append(out.Runs, r)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(files)) {
		if !named[name] {
			bad.found("%s is in the file and was not sealed", "封印されていない %s が含まれています", name)
		}
	}
	if len(bad.Findings) > 0 {
		return out, bad
	}
	return out, nil
}

// openLog makes sure of the log, and returns its entries; nil when nothing can be looked at further.
func openLog(files map[string][]byte, of Known, out *Returned, bad *Rejected) [][]byte {
	cp, err := evidence.OpenCheckpoint(files[fileBackHead], []string{of.Key})
	if err != nil {
		bad.found("its log is not signed with the key that was made for bundle %s: %v", "台帳に、パッケージ %s のために作成された鍵の署名がありません（%v）", of.ID, err)
		return nil
	}
	var list []string
	if err := json.Unmarshal(files[fileBackLog], &list); err != nil {
		bad.found("the entries of its log can't be read: %v", "台帳のエントリーを読み取れません（%v）", err)
		return nil
	}
	var leaves [][]byte
	for _, e := range list {
		leaves = append(leaves, []byte(e))
	}
	root, err := rootOf(leaves)
	if err != nil || uint64(len(leaves)) != cp.Size || !bytes.Equal(root, cp.Root) {
		bad.found("its log has %d entries, and they are not the %d that were signed: one was altered, taken out or put in", "台帳の %d 件が、署名された %d 件と一致しません。改変・欠落・追加があります", len(leaves), cp.Size)
		return nil
	}
	out.Size, out.Root = cp.Size, cp.Root
	if of.Size > 0 {
		if of.Size > cp.Size {
			bad.found("its log had %d entries when it was merged last, and has %d: this is an older export", "前回の取り込み時に %d 件あった台帳が %d 件です。古い書き出しファイルです", of.Size, cp.Size)
			return nil
		}
		if before, err := rootOf(leaves[:of.Size]); err != nil || !bytes.Equal(before, of.Root) {
			bad.found("its log does not continue the one that was merged before: the archive was used twice, or the log was made anew", "台帳が前回取り込んだものの続きではありません。同じパッケージが2か所で使われたか、台帳が作り直されています")
			return nil
		}
	}
	return leaves
}

// openRun makes sure of one run.
func openRun(zip []byte, id string, parts int, of Known, leaves [][]byte, version string, bad *Rejected) (ReturnedRun, bool) {
	out := ReturnedRun{Run: id, Sealed: zip}
	before := len(bad.Findings)
	r := evidence.Verify(zip, evidence.Options{Keys: []string{of.Key}, Version: version})
	for _, f := range r.Findings {
		bad.found("run %s: %s", "%s: %s", id, plan.Text{EN: f.EN, JA: f.JA})
	}
	if r.Run != id && len(r.Findings) == 0 {
		bad.found("the evidence of run %s is that of %s", "%s の証拠が %s のものです", id, r.Run)
	}
	if r.Parts != parts && len(r.Findings) == 0 {
		bad.found("run %s was sealed in %d part(s), and %d are there", "%s は %d 部で封印されましたが、%d 部しかありません", id, parts, r.Parts)
	}
	files, _, err := evidence.Read(zip)
	if err != nil {
		return out, false
	}
	cp, err := evidence.OpenCheckpoint(files[evidence.FileCheckpoint], []string{of.Key})
	if err != nil || cp.Size > uint64(len(leaves)) {
		bad.found("the evidence of run %s is not under the log that came with it", "%s の証拠が、同梱の台帳に基づいていません", id)
		return out, false
	}
	if root, err := rootOf(leaves[:cp.Size]); err != nil || !bytes.Equal(root, cp.Root) {
		bad.found("the evidence of run %s is under another log than the one that came with it", "%s の証拠が、同梱の台帳とは別の台帳に基づいています", id)
	}
	if len(bad.Findings) > before {
		return out, false
	}
	if err := json.Unmarshal(files[evidence.FilePlan], &out.Plan); err != nil || !out.Plan.Intact() {
		bad.found("the plan of run %s is not what its hash names", "%s の計画が、そのハッシュと一致しません", id)
		return out, false
	}
	for part := 1; part <= parts; part++ {
		for _, line := range bytes.Split(bytes.TrimSuffix(files[evidence.Dir(part)+evidence.FileEvents], []byte("\n")), []byte("\n")) {
			var e run.Event
			if err := json.Unmarshal(line, &e); err != nil || e.Run != id {
				bad.found("an event of run %s can't be read", "%s のイベントを読み取れません", id)
				return out, false
			}
			out.Events = append(out.Events, e)
		}
	}
	return out, true
}

func rootOf(leaves [][]byte) ([]byte, error) {
	if len(leaves) == 0 {
		return nil, fmt.Errorf("a log without entries")
	}
	r := (&compact.RangeFactory{Hash: rfc6962.DefaultHasher.HashChildren}).NewEmptyRange(0)
	for _, leaf := range leaves {
		if err := r.Append(rfc6962.DefaultHasher.HashLeaf(leaf), nil); err != nil {
			return nil, err
		}
	}
	return r.GetRootHash(nil)
}
