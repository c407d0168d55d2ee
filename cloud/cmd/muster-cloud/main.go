// Command muster-cloud reads one secret from a cloud's store, for the muster that starts it.
//
//	muster-cloud REFERENCE          the value, or why there is none, as JSON on the pipe that is stdout
//	muster-cloud --check REFERENCE  says to people whether it can be read, and not what it is; --lang en or ja, else as LANG has it
//
// It ends when the pipe that is its stdin closes: it does not outlive whoever started it.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/muster-dr/muster/cloud"
)

// within is less than muster waits, so that what was waited for can be said.
const within = 8 * time.Second

func main() {
	ctx, stop := context.WithTimeout(context.Background(), within)
	defer stop()
	lang, args := language(os.Args[1:])
	switch {
	case len(args) == 2 && args[0] == "--check":
		a := cloud.Read(ctx, args[1])
		if a.Why != "" {
			fmt.Fprintln(os.Stderr, "muster-cloud: "+a.In(lang, args[1]))
			os.Exit(1)
		}
		fmt.Println(a.In(lang, args[1]))
	case len(args) == 1 && piped():
		go func() {
			_, _ = io.Copy(io.Discard, os.Stdin)
			os.Exit(1)
		}()
		if json.NewEncoder(os.Stdout).Encode(cloud.Read(ctx, args[0])) != nil {
			os.Exit(1)
		}
	case lang == "ja":
		fmt.Fprintln(os.Stderr, "muster-cloud はmusterが起動し、読み取った値をパイプで渡すプログラムです。確認するには: muster-cloud --check secret://aws/名前#項目")
		os.Exit(2)
	default:
		fmt.Fprintln(os.Stderr, "muster-cloud is started by muster and hands it what it read over a pipe. Try: muster-cloud --check secret://aws/NAME#FIELD")
		os.Exit(2)
	}
}

// language takes --lang LANG or --lang=LANG out of the arguments; else the environment says it.
func language(args []string) (lang string, rest []string) {
	lang = cloud.Lang(os.Getenv)
	for i := 0; i < len(args); i++ {
		given, ok := strings.CutPrefix(args[i], "--lang=")
		if !ok && args[i] == "--lang" && i+1 < len(args) {
			i++
			given, ok = args[i], true
		}
		if !ok {
			rest = append(rest, args[i])
			continue
		}
		lang = given
	}
	return lang, rest
}

// piped reports whether stdout is a pipe: on a terminal or in a file a secret would stay.
func piped() bool {
	info, err := os.Stdout.Stat()
	return err == nil && info.Mode()&os.ModeNamedPipe != 0
}
