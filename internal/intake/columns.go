package intake

import (
	"slices"
	"strings"

	"github.com/muster-dr/muster/internal/plan"
)

// What a column can be.
const (
	ColNumber   = "number"
	ColGroup    = "group"
	ColStep     = "step"
	ColDetail   = "detail"
	ColRole     = "role"
	ColDuration = "duration"
	ColVerify   = "verify"
	ColNeeds    = "needs"
	ColUndo     = "undo"
	ColNotes    = "notes"
)

// vocabulary is how people head their columns: whole names first, then words that names hold.
var vocabulary = []struct {
	col   string
	en    string
	ja    string
	whole []string
	holds []string
}{
	{ColNumber, "number", "番号", []string{"no", "no.", "#", "番号", "項番", "手順番号", "手順no", "手順no.", "連番", "通番", "項", "順番", "順序", "id", "step#", "stepno", "seq", "number", "№"}, []string{"項番", "手順番号"}},
	{ColNeeds, "prerequisite", "前提", []string{"前提", "前提条件", "先行", "先行作業", "先行手順", "前工程", "依存", "依存関係", "開始条件", "needs", "prerequisite", "prerequisites", "depends", "dependson", "after", "predecessor", "predecessors"}, []string{"前提", "先行", "prerequisite", "predecessor"}},
	{ColUndo, "undo", "戻し手順", []string{"切り戻し", "切戻し", "切戻", "戻し手順", "取り消し", "ロールバック", "復元手順", "undo", "rollback", "backout"}, []string{"切り戻し", "切戻し", "戻し手順", "ロールバック", "rollback"}},
	{ColVerify, "verification", "確認", []string{"確認", "確認内容", "確認方法", "確認事項", "確認項目", "確認ポイント", "期待結果", "期待値", "完了条件", "判定基準", "合格基準", "正常性確認", "verify", "verification", "expected", "expectedresult", "acceptance", "check"}, []string{"確認方法", "確認内容", "期待", "完了条件", "判定", "expected", "verification"}},
	{ColRole, "role", "担当", []string{"担当", "担当者", "担当部署", "担当班", "実施者", "実施担当", "作業者", "作業担当", "作業担当者", "役割", "責任者", "主担当", "体制", "role", "owner", "who", "assignee", "responsible", "operator", "team", "by"}, []string{"担当", "実施者", "作業者", "responsible", "assignee"}},
	{ColDuration, "duration", "所要時間", []string{"所要時間", "所要", "時間", "想定時間", "目安時間", "目安", "作業時間", "標準時間", "予定時間", "見積時間", "見積もり", "duration", "time", "estimate", "estimatedtime", "minutes", "min", "timerequired"}, []string{"所要", "想定時間", "目安", "作業時間", "duration", "estimate"}},
	{ColGroup, "group", "分類", []string{"分類", "大分類", "区分", "フェーズ", "段階", "大項目", "工程", "カテゴリ", "カテゴリー", "phase", "group", "category", "section", "stage"}, []string{"フェーズ", "大項目", "分類"}},
	{ColNotes, "notes", "備考", []string{"備考", "備考欄", "注意", "注意事項", "留意点", "留意事項", "補足", "コメント", "notes", "note", "remarks", "remark", "comment", "comments"}, []string{"備考", "注意", "留意", "補足", "remark"}},
	{ColDetail, "detail", "詳細", []string{"詳細", "作業詳細", "手順詳細", "詳細手順", "具体的な手順", "操作", "操作内容", "コマンド", "実行コマンド", "入力", "detail", "details", "description", "command", "commands", "instructions", "how"}, []string{"詳細", "コマンド", "操作", "detail", "description", "command"}},
	{ColStep, "step", "手順", []string{"手順", "作業", "作業内容", "作業項目", "作業名", "手順名", "実施内容", "実施事項", "対応内容", "対応事項", "対応", "実施項目", "項目", "内容", "タスク", "中項目", "小項目", "step", "steps", "task", "action", "activity", "procedure", "what", "item", "todo"}, []string{"手順", "作業", "実施内容", "対応", "タスク", "task", "step", "procedure"}},
}

// Columns lists what a column can be said to be.
func Columns() []string {
	var out []string
	for _, v := range vocabulary {
		out = append(out, v.col)
	}
	return out
}

// WordFor is a kind of column as people call it.
func WordFor(col string) plan.Text {
	for _, v := range vocabulary {
		if v.col == col {
			return plan.Text{EN: v.en, JA: v.ja}
		}
	}
	return plan.Text{EN: col, JA: col}
}

// unitless is a header without what stands in brackets: 所要時間（分）.
func unitless(header string) string {
	s := fold(header)
	for _, open := range []string{"(", "[", "<", "※"} {
		if i := strings.Index(s, open); i > 0 {
			s = s[:i]
		}
	}
	return strings.Trim(s, "*:：・■●◆")
}

// fits says how well a header fits a kind of column: 0 not at all, 2 by its whole name.
func fits(header, col string) int {
	h := unitless(header)
	if h == "" || len([]rune(h)) > 20 {
		return 0
	}
	for _, v := range vocabulary {
		if v.col != col {
			continue
		}
		if slices.Contains(v.whole, h) {
			return 2
		}
		if slices.ContainsFunc(v.holds, func(w string) bool { return strings.Contains(h, w) }) {
			return 1
		}
	}
	return 0
}

// headed is how many columns of a row look like heads; zero where a head for steps is missing.
func headed(row []Cell) int {
	n, step := 0, false
	for _, c := range row {
		if c.Covered {
			continue
		}
		for _, v := range vocabulary {
			if fits(c.Text, v.col) > 0 {
				n++
				step = step || v.col == ColStep || v.col == ColDetail
				break
			}
		}
	}
	if !step {
		return 0
	}
	return n
}

// headerRow finds the row of heads among the first forty: titles, dates and stamps stand above it.
func (s Sheet) headerRow() (int, bool) {
	best, most := -1, 1
	for i, row := range s.Rows[:min(40, len(s.Rows))] {
		if n := headed(row); n > most {
			best, most = i, n
		}
	}
	return best, best >= 0
}

// layout is which column is what.
type layout struct {
	header int
	at     map[string]int
}

// lay finds the columns of a sheet. What was said wins; what is unsure is asked.
func lay(s Sheet, said map[string]string) (layout, error) {
	header, ok := s.headerRow()
	l := layout{header: header, at: map[string]int{}}
	if !ok && said[ColStep] == "" {
		return l, &Unsure{What: ColStep, Sheet: s.Name, Candidates: s.candidates(-1)}
	}
	heads := []Cell{}
	if ok {
		heads = s.Rows[header]
	}
	taken := map[int]bool{}
	for _, v := range vocabulary {
		value, is := said[v.col]
		if !is || value == "-" {
			continue
		}
		at := slices.IndexFunc(heads, func(c Cell) bool { return !c.Covered && c.Text != "" && fold(c.Text) == fold(value) })
		if at < 0 {
			at = columnOf(value)
		}
		if at < 0 || at >= s.width() {
			return l, plan.Wrong("sheet %s has no column %q; a column is said by its letter, A to %s, or its head", "シート %s に列 %q がありません。列は記号（A〜%s）か見出しで指定してください", s.Name, value, Letter(max(0, s.width()-1)))
		}
		l.at[v.col], taken[at] = at, true
	}
	// Whole names before parts of names, so that 作業時間 is a duration before 作業 makes it a step.
	for _, least := range []int{2, 1} {
		for _, v := range vocabulary {
			if _, done := l.at[v.col]; done || said[v.col] == "-" {
				continue
			}
			var found []int
			for i, c := range heads {
				if !taken[i] && !c.Covered && fits(c.Text, v.col) >= least {
					found = append(found, i)
				}
			}
			if v.col == ColStep {
				found = slices.DeleteFunc(found, func(c int) bool { return s.numbers(header, c) })
				if _, has := l.at[ColDetail]; !has && sameKind(heads, found) {
					l.at[ColDetail], taken[found[1]] = found[1], true
					found = found[:1]
				}
			}
			if len(found) > 1 && (v.col == ColStep || v.col == ColRole || v.col == ColDuration) {
				return l, &Unsure{What: v.col, Sheet: s.Name, Optional: v.col != ColStep, Candidates: pick(s.candidates(header), found)}
			}
			if len(found) > 0 {
				l.at[v.col], taken[found[0]] = found[0], true
			}
		}
	}
	if _, ok := l.at[ColNumber]; !ok && said[ColNumber] != "-" {
		for c := range heads {
			if !taken[c] && fits(heads[c].Text, ColStep) > 0 && s.numbers(header, c) {
				l.at[ColNumber], taken[c] = c, true
				break
			}
		}
	}
	if _, ok := l.at[ColStep]; !ok {
		if d, ok := l.at[ColDetail]; ok {
			l.at[ColStep] = d
			delete(l.at, ColDetail)
			return l, nil
		}
		return l, &Unsure{What: ColStep, Sheet: s.Name, Candidates: s.candidates(header)}
	}
	return l, nil
}

// sameKind: two heads for steps of which the first is the more general, as in 項目 and 作業内容, are a
// step and its detail.
func sameKind(heads []Cell, found []int) bool {
	general := []string{"項目", "中項目", "小項目", "作業項目", "作業名", "手順名", "item", "step", "task"}
	return len(found) == 2 && slices.Contains(general, unitless(heads[found[0]].Text))
}

func (s Sheet) width() int {
	w := 0
	for _, r := range s.Rows {
		w = max(w, len(r))
	}
	return w
}

// numbers reports whether a column below the heads holds nothing but numbers, as one named 手順 may.
func (s Sheet) numbers(header, c int) bool {
	any := false
	for _, r := range s.Rows[min(header+1, len(s.Rows)):] {
		if c < len(r) && r[c].Text != "" && !r[c].Covered {
			if !numbered.MatchString(fold(r[c].Text)) {
				return false
			}
			any = true
		}
	}
	return any
}

// candidates are the columns that hold anything, with what stands in them.
func (s Sheet) candidates(header int) []Candidate {
	var out []Candidate
	for c := range s.width() {
		label := ""
		for i, r := range s.Rows {
			if i >= max(header, 0) && c < len(r) && r[c].Text != "" && !r[c].Covered {
				label = strings.ReplaceAll(r[c].Text, "\n", " ")
				break
			}
		}
		if label == "" && header >= 0 {
			continue
		}
		if r := []rune(label); len(r) > 24 {
			label = string(r[:24]) + "…"
		}
		if label != "" {
			out = append(out, Candidate{Value: Letter(c), Label: label})
		}
	}
	return out
}

func pick(all []Candidate, columns []int) []Candidate {
	var out []Candidate
	for _, c := range all {
		if slices.Contains(columns, columnOf(c.Value)) {
			out = append(out, c)
		}
	}
	return out
}
