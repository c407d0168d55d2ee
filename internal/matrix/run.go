package matrix

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
)

// Part says which proofs are run.
type Part string

// Parts. A row of a part is judged by the proofs of that part.
const (
	Quick Part = "quick"
	Long  Part = "long"
	All   Part = "all"
)

func (p Part) has(proof Proof) bool { return p == All || (p == Long) == proof.Long }

// Run runs the proofs of the rows in the tree at root, a package at a time, for at most
// within. Verdicts are of the proofs that were run.
func Run(ctx context.Context, root string, rows []Row, part Part, within time.Duration, talk io.Writer) (map[Proof]Verdict, error) {
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	type group struct {
		Package  string
		Previous bool
	}
	byPackage := map[group][]Proof{}
	var packages []group
	for _, r := range rows {
		for _, p := range r.Proofs {
			of := group{p.Package, p.Previous}
			if !part.has(p) || slices.Contains(byPackage[of], p) {
				continue
			}
			if byPackage[of] == nil {
				packages = append(packages, of)
			}
			byPackage[of] = append(byPackage[of], p)
		}
	}
	verdicts := map[Proof]Verdict{}
	for i, of := range packages {
		if ctx.Err() != nil {
			for _, p := range byPackage[of] {
				verdicts[p] = Verdict{Outcome: Unended, Said: fmt.Sprintf("not begun within %s\n", within)}
			}
			continue
		}
		began := time.Now()
		got, err := runPackage(ctx, root, of.Package, byPackage[of], within)
		if err != nil {
			return nil, err
		}
		bad := 0
		for p, v := range got {
			verdicts[p] = v
			if v.Outcome != Held {
				bad++
			}
		}
		fmt.Fprintf(talk, "%3d/%d %s: %d of %d hold, %.0f s\n", i+1, len(packages), of.Package, len(got)-bad, len(got), time.Since(began).Seconds())
	}
	return verdicts, nil
}

// Result is a row's, as the table shows it.
type Result struct {
	Row
	Said    string // held, failed, not run
	Seconds float64
	Bad     []string // a line for each proof that did not hold
}

// Results judges rows by verdicts. A row is held when all of its proofs that were to be
// run were run and hold; one that has none here is not run, and says why.
func Results(rows []Row, part Part, verdicts map[Proof]Verdict) (results []Result, failed int) {
	for _, r := range rows {
		res := Result{Row: r, Said: "not run"}
		for _, p := range r.Proofs {
			if !part.has(p) {
				continue
			}
			v := verdicts[p]
			if v.Outcome == "" {
				v.Outcome = Unended
			}
			res.Seconds += v.Seconds
			if v.Outcome != Held {
				res.Bad = append(res.Bad, fmt.Sprintf("%s: %s", p, v.Outcome))
			} else if res.Said == "not run" {
				res.Said = "held"
			}
		}
		if len(res.Bad) > 0 {
			res.Said = "FAILED"
			failed++
		}
		results = append(results, res)
	}
	return results, failed
}

// Table writes the results.
func Table(w io.Writer, results []Result) {
	const fault, holds = 62, 62
	line := func(row, a, b, result, seconds string) {
		fmt.Fprintf(w, "%3s  %s  %s  %-7s %7s\n", row, pad(a, fault), pad(b, holds), result, seconds)
	}
	line("row", "fault", "must hold", "result", "seconds")
	for _, r := range results {
		if r.Said == "not run" {
			line(fmt.Sprint(r.N), r.Fault, r.Holds, r.Said, "-")
			continue
		}
		line(fmt.Sprint(r.N), r.Fault, r.Holds, r.Said, fmt.Sprintf("%.1f", r.Seconds))
		for _, b := range r.Bad {
			fmt.Fprintf(w, "     %s\n", b)
		}
	}
	count := map[string]int{}
	for _, r := range results {
		count[r.Said]++
	}
	fmt.Fprintf(w, "\n%d rows: %d held, %d failed, %d not run. A test counts in every row that it proves, so that the seconds add up to more than it took.\n",
		len(results), count["held"], count["FAILED"], count["not run"])
}

// pad cuts or fills to n columns.
func pad(s string, n int) string {
	runes := []rune(s)
	if len(runes) > n {
		return string(runes[:n-1]) + "…"
	}
	return s + strings.Repeat(" ", n-len(runes))
}
