// Command write makes docs/cases.md in the folder given, and fails when a row of the
// requirements has no scenario or no run. It runs in the root of the repository.
package main

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/muster-dr/muster/internal/cases"
)

func main() {
	if err := write(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func write(to string) error {
	rows, err := cases.Rows()
	if err != nil {
		return err
	}
	all, err := cases.Cases("scenarios/cases")
	if err != nil {
		return err
	}
	results, err := cases.ReadResults("docs/cases.json")
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(to, "cases.md"), []byte(cases.Document(rows, all, results)), 0o644); err != nil {
		return err
	}
	missing := cases.Check(rows, all, results)
	for _, m := range missing {
		fmt.Fprintln(os.Stderr, m)
	}
	if len(missing) > 0 {
		return fmt.Errorf("docs/cases.md lacks %d thing(s)", len(missing))
	}
	return nil
}
