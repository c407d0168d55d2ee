package file

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/muster-dr/muster/activities"
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/run"
)

// A manifest is what sha256sum writes and checks, with what is known of the medium in
// comments above. Links, which sha256sum would follow, are comments too.

// Manifest is the parameters of file.manifest.
type Manifest struct {
	Tree   string `json:"tree" reach:"path" help:"Folder whose files are listed: the root of a backup medium, say." ja:"ファイルの一覧を作るフォルダー。バックアップ媒体のルートなど" example:"/mnt/vault/orders"`
	To     string `json:"to" reach:"path" help:"Manifest to write, outside the tree; one that is there is not replaced." ja:"書き出すマニフェスト。対象フォルダーの外に置く。既存のものは置き換えない" example:"/var/lib/muster/custody/orders-0042.sha256"`
	Medium string `json:"medium" help:"Label or number of the medium." ja:"媒体のラベルまたは番号" default:"" example:"LTO-0042"`
	Holder string `json:"holder" help:"Who has it in custody, and where." ja:"媒体の保管者と保管場所" default:"" example:"vault of the Osaka branch"`
}

// Listed is what is known of a manifest.
type Listed struct {
	Manifest string `json:"manifest" help:"The manifest's file." ja:"マニフェストのファイル"`
	Digest   string `json:"digest" help:"SHA-256 of the manifest itself: who keeps it can prove later that the list is the same." ja:"マニフェスト自身のSHA-256。控えておけば、一覧が変わっていないことを後で示せる"`
	Files    int    `json:"files" help:"How many files it lists." ja:"一覧にあるファイル数"`
	Bytes    int64  `json:"bytes" help:"Their size together." ja:"合計の大きさ"`
	Medium   string `json:"medium" help:"Label or number of the medium." ja:"媒体のラベルまたは番号"`
	Holder   string `json:"holder" help:"Who had it in custody when the manifest was made." ja:"マニフェスト作成時の保管者"`
	MadeAt   string `json:"made_at" help:"When that was, RFC 3339." ja:"その時刻（RFC 3339）"`
}

// Verify is the parameters of file.verify.
type Verify struct {
	Tree     string `json:"tree" reach:"path" help:"Folder to hold against the manifest." ja:"マニフェストと照合するフォルダー" example:"/mnt/vault/orders"`
	Manifest string `json:"manifest" reach:"path" help:"File that sha256sum or file.manifest wrote." ja:"sha256sum または file.manifest が書いたファイル" example:"/var/lib/muster/custody/orders-0042.sha256"`
	Digest   string `json:"digest" help:"SHA-256 that the manifest itself must have; empty takes it as it is." ja:"マニフェスト自身のSHA-256。空なら照合しない" default:""`
	Extra    string `json:"extra" help:"What files are that the manifest does not list: a finding, or nothing to mind." ja:"マニフェストにないファイルの扱い。指摘事項とするか、問題としないか" default:"finding" enum:"finding,ignore"`
}

// Verified is its result.
type Verified struct {
	Listed
	Extra int `json:"extra" help:"How many files there were that it does not list." ja:"マニフェストにないファイルの数"`
}

var manifest = activities.Define("file.manifest", activities.Doc{
	Summary:   "Write down every file of a tree with its checksum, and whose custody the medium is in.",
	SummaryJA: "ファイル一式をチェックサム付きで目録に記録し、媒体の保管者を残す。",
	Effect:    run.Isolated,
}, func(ctx context.Context, p Manifest) (Listed, error) {
	to, err := p.place()
	if err != nil {
		return Listed{}, err
	}
	defer to.around.Close()
	if _, err := to.around.Lstat(to.name); !errors.Is(err, fs.ErrNotExist) {
		return Listed{}, activities.RefusedBoth("%s is there already and says otherwise: a manifest is not replaced; name a new file", "%s は既にあり、内容が異なる：マニフェストは上書きしない。新しいファイル名を指定する", p.To)
	}
	files, total, err := digests(ctx, p.Tree)
	if err != nil {
		return Listed{}, err
	}
	if len(files) == 0 {
		return Listed{}, activities.FindingBoth("%s holds no file: is the medium mounted?", "%s にファイルがない：媒体はマウントされているか", p.Tree)
	}
	text := p.text(ctx, files, total)
	if err := to.around.RemoveAll(to.part()); err != nil {
		return Listed{}, err
	}
	if _, _, err := write(ctx, to.around, to.part(), 0o600, bytes.NewReader(text)); err != nil {
		return Listed{}, to.undo(err)
	}
	if err := to.appear(); err != nil {
		return Listed{}, to.undo(err)
	}
	listed, _, _, err := read(p.To)
	return listed, err
}, activities.Look(func(ctx context.Context, p Manifest) (activities.Seen, error) {
	listed, files, links, err := read(p.To)
	if errors.Is(err, fs.ErrNotExist) {
		return activities.Seen{Sight: plan.HoldsNot, Detail: activities.Lacking("%s is not there", "%s がない", p.To).Both()}, nil
	}
	if err != nil {
		return activities.Seen{Sight: plan.HoldsNot, Detail: err.Error()}, nil
	}
	wrong, extra, err := compare(ctx, p.Tree, files, links)
	if err != nil {
		return activities.Seen{}, err
	}
	if len(wrong)+len(extra) > 0 || listed.Medium != oneLine(p.Medium) || listed.Holder != oneLine(p.Holder) {
		return activities.Seen{Sight: plan.HoldsNot, Detail: activities.Lacking("%s is of another state of the tree, or of another custody", "%s は別の時点のツリー、または別の保管記録のものである", p.To).Both()}, nil
	}
	return activities.Seen{Sight: plan.Holds, Detail: activities.Lacking("%s lists the tree as it is", "%s はツリーの現状どおりである", p.To).Both(), Output: listed}, nil
}))

func (p Manifest) place() (place, error) {
	to, err := openPlace(p.To)
	if err != nil {
		return place{}, err
	}
	tree, err1 := filepath.EvalSymlinks(p.Tree)
	dir, err2 := filepath.EvalSymlinks(filepath.Dir(p.To))
	if err := errors.Join(err1, err2); err != nil {
		to.around.Close()
		return place{}, activities.Refused("%v", err)
	}
	if within(dir, tree) {
		to.around.Close()
		return place{}, activities.RefusedBoth("the manifest %s would lie in the tree that it lists: keep it elsewhere", "マニフェスト %s が、記載対象のツリーの中に置かれる：別の場所に置く", p.To)
	}
	return to, nil
}

func within(inner, outer string) bool {
	rel, err := filepath.Rel(outer, inner)
	return err == nil && rel != ".." && !strings.HasPrefix(rel, ".."+string(filepath.Separator))
}

func (p Manifest) text(ctx context.Context, files []entry, total int64) []byte {
	var b bytes.Buffer
	plain, links := 0, 0
	for _, f := range files {
		if f.kind == 0 {
			plain++
		} else {
			links++
		}
	}
	fmt.Fprintf(&b, "# muster manifest 1\n# medium: %s\n# holder: %s\n# made_at: %s\n# run: %s\n# files: %d\n# links: %d\n# bytes: %d\n",
		oneLine(p.Medium), oneLine(p.Holder), time.Now().UTC().Format(time.RFC3339), activities.CallFrom(ctx).Run, plain, links, total)
	for _, f := range files {
		if f.kind == fs.ModeSymlink {
			fmt.Fprintf(&b, "# link: %s -> %s\n", strconv.Quote(f.path), strconv.Quote(f.link))
			continue
		}
		mark := ""
		name := escape.Replace(f.path)
		if name != f.path {
			mark = `\`
		}
		fmt.Fprintf(&b, "%s%s  %s\n", mark, f.sha256, name)
	}
	return b.Bytes()
}

// As sha256sum writes names that would break its lines.
var (
	escape   = strings.NewReplacer(`\`, `\\`, "\n", `\n`, "\r", `\r`)
	unescape = strings.NewReplacer(`\\`, `\`, `\n`, "\n", `\r`, "\r")
)

func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }

// read reads a manifest: digests by path, and links by path.
func read(file string) (out Listed, files, links map[string]string, err error) {
	b, err := os.ReadFile(file)
	if err != nil {
		return Listed{}, nil, nil, err
	}
	sum := sha256.Sum256(b)
	out = Listed{Manifest: file, Digest: hex.EncodeToString(sum[:])}
	files, links = map[string]string{}, map[string]string{}
	want := map[string]string{}
	scan := bufio.NewScanner(bytes.NewReader(b))
	scan.Buffer(nil, 64<<10)
	for n := 1; scan.Scan(); n++ {
		line := scan.Text()
		if text, ok := strings.CutPrefix(line, "# link: "); ok {
			from, to, ok := quoted(text)
			if !ok {
				return out, nil, nil, activities.RefusedBoth("%s:%d: not a link as file.manifest writes it", "%s:%d：file.manifest が書くリンクの形ではない", file, n)
			}
			links[from] = to
			continue
		}
		if text, ok := strings.CutPrefix(line, "# "); ok {
			key, value, _ := strings.Cut(text, ":")
			want[key] = strings.TrimSpace(value)
			continue
		}
		if strings.TrimSpace(line) == "" || strings.HasPrefix(line, "#") {
			continue
		}
		text, escaped := strings.CutPrefix(line, `\`)
		if len(text) < 67 || (text[64:66] != "  " && text[64:66] != " *") {
			return out, nil, nil, activities.RefusedBoth("%s:%d: not a line of sha256sum: 64 hexadecimal digits, two spaces, a name", "%s:%d：sha256sum の行ではない（16 進 64 桁、空白2つ、名前）", file, n)
		}
		digest, name := strings.ToLower(text[:64]), text[66:]
		if _, err := hex.DecodeString(digest); err != nil {
			return out, nil, nil, activities.RefusedBoth("%s:%d: not a SHA-256: %v", "%s:%d：SHA-256 ではない：%v", file, n, err)
		}
		if escaped {
			name = unescape.Replace(name)
		}
		name = filepath.ToSlash(filepath.Clean(name))
		if !filepath.IsLocal(name) {
			return out, nil, nil, activities.RefusedBoth("%s:%d: %q leads out of the tree", "%s:%d：%q はツリーの外を指している", file, n, name)
		}
		if other, ok := files[name]; ok && other != digest {
			return out, nil, nil, activities.RefusedBoth("%s:%d: %q stands there twice with different digests", "%s:%d：%q が異なるダイジェストで2回記載されている", file, n, name)
		}
		files[name] = digest
	}
	if err := scan.Err(); err != nil {
		return out, nil, nil, fmt.Errorf("%s: %w", file, err)
	}
	if len(files)+len(links) == 0 {
		return out, nil, nil, activities.RefusedBoth("%s lists no file", "%s にファイルの記載がない", file)
	}
	out.Files, out.Medium, out.Holder, out.MadeAt = len(files), want["medium"], want["holder"], want["made_at"]
	out.Bytes, _ = strconv.ParseInt(want["bytes"], 10, 64)
	for what, n := range map[string]int{"files": len(files), "links": len(links)} {
		if count, ok := want[what]; ok && count != strconv.Itoa(n) {
			return out, nil, nil, activities.FindingBoth("%s says that it lists %s %s, and holds %d: it is not whole", "%s の記載数の表示は %s（%s）だが、実際は %d：ファイルが欠けている", file, count, what, n)
		}
	}
	return out, files, links, nil
}

func quoted(text string) (from, to string, ok bool) {
	first, err := strconv.QuotedPrefix(text)
	if err != nil {
		return "", "", false
	}
	second, ok := strings.CutPrefix(text[len(first):], " -> ")
	if !ok {
		return "", "", false
	}
	from, err1 := strconv.Unquote(first)
	to, err2 := strconv.Unquote(second)
	return from, to, err1 == nil && err2 == nil
}

// compare reads the tree and names what is missing or other than listed, and what is not listed.
func compare(ctx context.Context, tree string, files, links map[string]string) (wrong, extra []string, err error) {
	got, _, err := digests(ctx, tree)
	if err != nil {
		return nil, nil, err
	}
	seen := map[string]bool{}
	for _, e := range got {
		seen[e.path] = true
		switch digest, listed := files[e.path]; {
		case e.kind == fs.ModeSymlink && links[e.path] == e.link:
		case e.kind == fs.ModeSymlink && (listed || links[e.path] != ""):
			wrong = append(wrong, e.path+" is a link to "+e.link)
		case e.kind == fs.ModeSymlink || !listed && links[e.path] == "":
			extra = append(extra, e.path)
		case digest != e.sha256:
			wrong = append(wrong, e.path+" has other content")
		}
	}
	for _, all := range []map[string]string{files, links} {
		for path := range all {
			if !seen[path] {
				wrong = append(wrong, path+" is missing")
			}
		}
	}
	slices.Sort(wrong)
	return wrong, extra, nil
}

var verify = activities.Define("file.verify", activities.Doc{
	Summary:    "Hold every file of a tree against a manifest of checksums.",
	SummaryJA:  "ファイル一式を目録のチェックサムと突き合わせる。",
	Effect:     run.Observe,
	Repeatable: true,
}, func(ctx context.Context, p Verify) (Verified, error) {
	listed, files, links, err := read(p.Manifest)
	if err != nil {
		return Verified{}, err
	}
	if p.Digest != "" && !strings.EqualFold(p.Digest, listed.Digest) {
		return Verified{}, activities.FindingBoth("%s has the digest %s, and not %s, which was recorded: the list itself was changed", "%s のダイジェストは %s で、記録された %s と異なる：一覧自体が変更されている", p.Manifest, listed.Digest, p.Digest)
	}
	wrong, extra, err := compare(ctx, p.Tree, files, links)
	if err != nil {
		return Verified{}, err
	}
	if len(wrong) > 0 {
		return Verified{}, activities.FindingBoth("%d of %d files in %s are not as %s lists them: %s", "%d／%d ファイル（%s）が %s の記載と異なる：%s", len(wrong), len(files)+len(links), p.Tree, p.Manifest, some(wrong))
	}
	if len(extra) > 0 && p.Extra == "finding" {
		return Verified{}, activities.FindingBoth("%d files in %s are not in %s: %s; extra: ignore lets them be", "%d ファイル（%s）が %s に記載されていない：%s。extra: ignore なら許容する", len(extra), p.Tree, p.Manifest, some(extra))
	}
	return Verified{Listed: listed, Extra: len(extra)}, nil
}, activities.Ready(func(_ context.Context, p Verify) ([]plan.Text, error) {
	_, _, _, err := read(p.Manifest)
	return nil, err
}))

func some(all []string) string {
	const named = 5
	if len(all) > named {
		return fmt.Sprintf("%s, and %d more", strings.Join(all[:named], ", "), len(all)-named)
	}
	return strings.Join(all, ", ")
}
