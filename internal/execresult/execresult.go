// Package execresult is what a program that was run came to, wherever it ran: its exit code
// and output, bounded, and how they are held against what a step expects.
package execresult

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/muster-dr/muster/activities"
	"github.com/muster-dr/muster/internal/expr"
)

// Outcome is how a program ended.
type Outcome struct {
	ExitCode int      `json:"exit_code" help:"Exit code." ja:"終了コード"`
	Stdout   string   `json:"stdout" help:"Standard output." ja:"標準出力"`
	Stderr   string   `json:"stderr" help:"Standard error." ja:"標準エラー出力"`
	JSON     any      `json:"json,omitempty" help:"Standard output as a value, with parse json." ja:"標準出力を読み取った値。parse が json の場合"`
	Lines    []string `json:"lines,omitempty" help:"Standard output's lines, with parse lines." ja:"標準出力の各行。parse が lines の場合"`
	// Results are what the step's own expressions make of the above.
	Results map[string]any `json:"results,omitempty" help:"What results asked for, by name." ja:"results で求めた値（名前ごと）"`
}

// Judge reads the output of a program as parse says (none, json or lines), and returns a
// finding when it or the exit code falls short, or when one of the expressions that give
// results can't be told from it.
func Judge(name string, out Outcome, expect []int, parse string, results map[string]string) (Outcome, error) {
	if !slices.Contains(expect, out.ExitCode) {
		return out, activities.Finding("%s ended with exit code %d, not %s: %s", name, out.ExitCode, oneOf(expect), out.LastLine())
	}
	switch parse {
	case "json":
		d := json.NewDecoder(strings.NewReader(out.Stdout))
		d.UseNumber()
		if err := d.Decode(&out.JSON); err != nil || d.More() {
			return out, activities.Finding("%s printed no JSON value: %.200q", name, out.Stdout)
		}
	case "lines":
		out.Lines = strings.Split(strings.TrimSuffix(out.Stdout, "\n"), "\n")
	}
	if len(results) > 0 {
		var err error
		out.Results, err = expr.Values(results, map[string]any{"json": out.JSON, "lines": out.Lines, "stdout": out.Stdout, "stderr": out.Stderr, "exit_code": out.ExitCode})
		if err != nil {
			return out, activities.Finding("what %s printed does not give the result %v: %.200q", name, err, out.Stdout)
		}
	}
	return out, nil
}

// LastLine is the last thing that a program said, where its reason usually is.
func (o Outcome) LastLine() string {
	for _, text := range []string{o.Stderr, o.Stdout} {
		if text = strings.TrimSpace(text); text != "" {
			lines := strings.Split(text, "\n")
			return lines[len(lines)-1]
		}
	}
	return "it printed nothing"
}

func oneOf(codes []int) string {
	words := make([]string, len(codes))
	for i, c := range codes {
		words[i] = fmt.Sprint(c)
	}
	return strings.Join(words, " or ")
}

// Capture keeps the beginning and the end of what a program prints, so that an
// endless one does not fill the worker's memory.
type Capture struct {
	head, tail bytes.Buffer
	dropped    int
}

const (
	headKept = 8 << 20
	tailKept = 64 << 10
)

func (c *Capture) Write(p []byte) (int, error) {
	n := len(p)
	if room := headKept - c.head.Len(); room > 0 {
		took := min(room, len(p))
		c.head.Write(p[:took])
		p = p[took:]
	}
	c.tail.Write(p)
	if over := c.tail.Len() - 2*tailKept; over > 0 {
		c.tail.Next(over + tailKept)
		c.dropped += over + tailKept
	}
	return n, nil
}

func (c *Capture) String() string {
	text := c.head.String()
	if c.dropped > 0 {
		text += fmt.Sprintf("\n… %d bytes were not kept …\n", c.dropped)
	}
	return strings.ToValidUTF8(text+c.tail.String(), "\uFFFD")
}
