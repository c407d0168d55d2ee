package archtest

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// notSaid are words for which docs/glossary.md has another one: two words for one thing make
// people at three in the morning look for the difference.
var notSaid = map[string]string{"主拠点": "本拠点", "切り戻": "切戻", "実証": "立証", "深度": "深さ",
	"招集": "召集", "実施範囲": "深さ", "フェーズ": "段階", "証跡": "証拠", "シークレット": "秘密情報", "フェイルバック": "切戻し", "プライマリー": "プライマリ", "ディレクトリー": "ディレクトリ", "リポジトリー": "リポジトリ", "メモリー": "メモリ", "フォルダ": "フォルダー", "現状維持": "代替拠点で継続", "現状を維持": "代替拠点で継続"}

// othersNames are names that others gave to their own things, whichever word the glossary has.
var othersNames = strings.NewReplacer("クライアントシークレット", "", "署名シークレット", "", "シークレットキー", "", "シークレットID", "")

// othersWords are where the words of others are read, or what was recorded or made elsewhere lies.
var othersWords = []string{"internal/intake/", "internal/archtest/", "docs/cases.", "/testdata/"}

// inventory finds an estate inside of Japanese text, and a run named like the execution of a command.
var inventory = regexp.MustCompile(`[\p{Han}\p{Hiragana}、。（] ?estate ?[\p{Han}\p{Hiragana}]|"estate(・|[、 ]?[\p{Han}\p{Hiragana}]+)|実行 %|(この|その|別の|同じ|次の|種別の)実行[（・がのはでに]|実行中のrun`)

func TestOneWordForOneThing(t *testing.T) {
	root, seen := filepath.Join("..", ".."), 0
	for _, dir := range []string{"README.ja.md", "activities", "cloud", "cmd", "deploy", "docs", "internal", "runbooks", "scenarios", "workflows"} {
		err := filepath.WalkDir(filepath.Join(root, dir), func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() || !slices.Contains([]string{".go", ".html", ".js", ".json", ".md", ".tmpl", ".yaml"}, filepath.Ext(path)) {
				return err
			}
			name, err := filepath.Rel(root, path)
			if err != nil {
				return err
			}
			name = filepath.ToSlash(name)
			if slices.ContainsFunc(othersWords, func(part string) bool { return strings.Contains(name, part) }) {
				return nil
			}
			b, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			if strings.Contains(string(b), "本拠点") {
				seen++
			}
			if !strings.HasPrefix(name, "docs/") && !strings.HasSuffix(name, "_test.go") {
				for _, at := range inventory.FindAllString(string(b), -1) {
					t.Errorf("%s says %q in Japanese; the glossary's word for the estate is 構成台帳, and for a run 実施", name, at)
				}
			}
			for _, wrong := range unsaid(string(b)) {
				t.Errorf("%s says %s; the glossary's word is %s", name, wrong, notSaid[wrong])
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if seen < 5 {
		t.Errorf("the glossary's word was found in %d files only: the check looks in the wrong place", seen)
	}
}

// unsaid lists the words of a text that the glossary has others for.
func unsaid(text string) (out []string) {
	text = othersNames.Replace(text)
	for wrong, word := range notSaid {
		if strings.Contains(text, wrong) && !strings.HasPrefix(word, wrong) {
			out = append(out, wrong)
		}
	}
	if strings.Count(text, "フォルダ") > strings.Count(text, "フォルダー") {
		out = append(out, "フォルダ")
	}
	return out
}

// The check would notice.
func TestAnotherWordIsNoticed(t *testing.T) {
	for text, want := range map[string]int{"本拠点へ切戻します": 0, "主拠点は健全": 1, "本拠点へ切り戻します": 1, "フォルダーを指定": 0, "フォルダ (空)": 1, "プライマリを停止": 0, "プライマリーを停止": 1,
		"署名シークレットを参照で書く": 0, "短いシークレットは拒否": 1, "クライアントシークレットと別のシークレット": 1, "フェーズの所要時間": 1, "保留中の招集": 1, "封印済みの証跡": 1, "フェイルバックが未達": 1} {
		if got := unsaid(text); len(got) != want {
			t.Errorf("%s: %v", text, got)
		}
	}
	for text, want := range map[string]bool{`"estateに %q という人はいません"`: true, "このサーバーにはestateがない": true, "実行 %s が保持中": true, "先にその実行の後始末を終える": true, "実行中のrunは続行します": true, `"estate・runbook"`: true, "この深さでは実行しない": false, "構成台帳に載っている人": false, `t("the estate", "構成台帳")`: false, "（--estate を指定）": false} {
		if got := inventory.MatchString(text); got != want {
			t.Errorf("%s: %v", text, got)
		}
	}
}
