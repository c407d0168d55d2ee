package cli

import (
	"bytes"
	"regexp"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"github.com/muster-dr/muster/internal/i18n"
)

// leftOver is a sentence of cobra's or pflag's in Japanese help, or one that has no Japanese.
var leftOver = regexp.MustCompile(`\(default .*\)|(?m)^(?:  .*   )?[A-Z][a-z]+ [a-z]+ [a-z]+[^\p{Han}\p{Hiragana}\p{Katakana}]*$`)

var quotedName = regexp.MustCompile(`--[a-z-]+ muster [a-z]+  `)

// Flags of a command and those of all commands may clash, which shows only when the command
// is called: each one's help is asked for, in both languages.
func TestEveryCommandHasHelp(t *testing.T) {
	root := (&command{lang: i18n.EN}).root()
	var walk func(cmd *cobra.Command, path []string)
	walk = func(cmd *cobra.Command, path []string) {
		for _, l := range []string{"en", "ja"} {
			var out, talk bytes.Buffer
			code := Main(append([]string{"--lang", l, "help"}, path...), Stdio{In: strings.NewReader(""), Out: &out, Err: &talk})
			if code != 0 || out.Len() == 0 {
				t.Errorf("muster help %s (%s): exit %d\n%s", strings.Join(path, " "), l, code, talk.String())
			}
			if at := leftOver.FindString(out.String()); l == "ja" && at != "" {
				t.Errorf("muster help %s in Japanese says: %s", strings.Join(path, " "), at)
			}
			if at := quotedName.FindString(out.String()); at != "" {
				t.Errorf("muster help %s (%s): what stands in back quotes became the name of a flag's value: %s", strings.Join(path, " "), l, at)
			}
		}
		for _, sub := range cmd.Commands() {
			walk(sub, append(path[:len(path):len(path)], sub.Name()))
		}
	}
	walk(root, nil)
}
