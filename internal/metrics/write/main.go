// Command write makes docs/metrics.md in the folder given, from what a server registers: a figure that
// is not in the code is not in the document, and the other way round.
package main

import (
	"fmt"
	"os"
	"path/filepath"
)

func main() {
	text, err := document(sample())
	if err == nil {
		err = os.WriteFile(filepath.Join(os.Args[1], "metrics.md"), []byte(text), 0o644)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
