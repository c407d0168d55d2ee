package matrix

import (
	"fmt"
	"strings"
)

// Document is docs/faults.md.
func Document(rows []Row, shown map[int]Showing) string {
	var b strings.Builder
	b.WriteString(`# Faults

<!-- Made from internal/matrix by ` + "`make generate`" + `; change it there. -->

What is done to muster, what must hold then, and the tests that do it to the real thing and judge what came of it.
` + "`make faults`" + ` runs all of them, for at most 30 minutes, and prints a table; ` + "`make faults-quick`" + ` leaves out those that take their
time. Each is part of ` + "`make test`" + `, but for (P), which needs the previous release and git's history to build it. (L) is long, (R) needs
root or sudo without a password.

A test that can't fail shows nothing. A **planted defect** is one change to the code that breaks what a row promises;
` + "`make faults-planted`" + ` makes it in a copy of the tree and expects the row's test to fail: to end and say
what is wrong, having held in the same copy without the defect. A date is when that was last seen.
`)
	group := ""
	var not, lacking, unshown []int
	for _, r := range rows {
		if r.Group != group {
			group = r.Group
			fmt.Fprintf(&b, "\n## %s. %s\n\n| # | Fault | Must hold | Tests | Planted defect |\n| --- | --- | --- | --- | --- |\n", group, Groups[group])
		}
		fmt.Fprintf(&b, "| %d | %s | %s | %s | %s |\n", r.N, cell(r.Fault), cell(r.Holds), proofsOf(r), plantOf(r, shown))
		switch {
		case len(r.Proofs) == 0:
			not = append(not, r.N)
		case r.Lacks != "":
			lacking = append(lacking, r.N)
		}
		if !wasShown(r, shown) {
			unshown = append(unshown, r.N)
		}
	}
	b.WriteString("\n## What is not shown\n\n")
	if len(not) > 0 {
		fmt.Fprintf(&b, "Not run at all: %s. Shown in part: %s. Not yet seen to fail where they held without the defect: %s.\n\n", numbers(not), orNone(lacking), orNone(unshown))
	} else {
		fmt.Fprintf(&b, "Shown in part: %s. Not yet seen to fail where they held without the defect: %s.\n\n", orNone(lacking), orNone(unshown))
	}
	for _, r := range rows {
		if r.Lacks != "" {
			fmt.Fprintf(&b, "- Row %d: %s.\n", r.N, r.Lacks)
		}
	}
	return b.String()
}

func orNone(ns []int) string {
	if len(ns) == 0 {
		return "none"
	}
	return numbers(ns)
}

func cell(s string) string { return strings.ReplaceAll(s, "|", "\\|") }

func proofsOf(r Row) string {
	if len(r.Proofs) == 0 {
		return "not run"
	}
	var out []string
	last := ""
	for _, p := range r.Proofs {
		name := strings.TrimPrefix(p.Test, "Test")
		if p.Long {
			name += " (L)"
		}
		if p.Root {
			name += " (R)"
		}
		if p.Previous {
			name += " (P)"
		}
		if p.Package != last {
			name = "`" + p.Package + "` " + name
			last = p.Package
		}
		out = append(out, name)
	}
	return strings.Join(out, ", ")
}

// wasShown reports whether the row's plant, as it is now, was noticed.
func wasShown(r Row, shown map[int]Showing) bool {
	return r.Plant != nil && shown[r.N].Plant == r.Plant.Digest() && shown[r.N].Said != ""
}

func plantOf(r Row, shown map[int]Showing) string {
	switch {
	case r.Plant == nil:
		return "-"
	case wasShown(r, shown):
		return fmt.Sprintf("%s: noticed %s", cell(r.Plant.Breaks), shown[r.N].On)
	case shown[r.N].Plant == r.Plant.Digest():
		return fmt.Sprintf("%s: failed %s, not yet beside a run without it", cell(r.Plant.Breaks), shown[r.N].On)
	}
	return cell(r.Plant.Breaks) + ": not seen yet"
}
