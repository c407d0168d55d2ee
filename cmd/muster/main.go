// Command muster rehearses disasters and runs the real ones.
package main

import (
	"os"
	_ "time/tzdata" // zones of plans must be known where the system has none

	"github.com/muster-dr/muster/internal/cli"
)

func main() {
	os.Exit(cli.Main(os.Args[1:], cli.Stdio{In: os.Stdin, Out: os.Stdout, Err: os.Stderr}))
}
