// Command muster-cloud reads one secret from a cloud's store, for the muster that starts it.
//
//	muster-cloud REFERENCE          the value, or why there is none, as JSON on the pipe that is stdout
//	muster-cloud --check REFERENCE  says to people whether it can be read, and not what it is
//
// It ends when the pipe that is its stdin closes: it does not outlive whoever started it.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/muster-dr/muster/cloud"
)

// within is less than muster waits, so that what was waited for can be said.
const within = 12 * time.Second

func main() {
	ctx, stop := context.WithTimeout(context.Background(), within)
	defer stop()
	switch args := os.Args[1:]; {
	case len(args) == 2 && args[0] == "--check":
		if a := cloud.Read(ctx, args[1]); a.Why != "" {
			fmt.Fprintf(os.Stderr, "muster-cloud: %s: %s: %s\n", args[1], a.Why, a.Said)
			os.Exit(1)
		}
		fmt.Println(args[1] + " can be read")
	case len(args) == 1 && piped():
		go func() {
			_, _ = io.Copy(io.Discard, os.Stdin)
			os.Exit(1)
		}()
		if json.NewEncoder(os.Stdout).Encode(cloud.Read(ctx, args[0])) != nil {
			os.Exit(1)
		}
	default:
		fmt.Fprintln(os.Stderr, "muster-cloud is started by muster and hands it a secret over a pipe. Try: muster-cloud --check secret://aws/NAME#FIELD")
		os.Exit(2)
	}
}

// piped reports whether stdout is a pipe: on a terminal or in a file a secret would stay.
func piped() bool {
	info, err := os.Stdout.Stat()
	return err == nil && info.Mode()&os.ModeNamedPipe != 0
}
