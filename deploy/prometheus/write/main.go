// Command write makes, from the alert rules in the file given, what the Prometheus operator reads, in the folder given.
package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

const head = `# Made by make generate from deploy/prometheus/alerts.yaml, for the Prometheus operator in the cluster; leave it out of the
# kustomization without one. An operator that takes rules with a label of its own only, as many charts set it up, is given it by
# the overlay.
apiVersion: monitoring.coreos.com/v1
kind: PrometheusRule
metadata: {name: muster-alerts}
spec:
`

func main() {
	b, err := os.ReadFile(os.Args[1])
	if err == nil {
		err = os.WriteFile(filepath.Join(os.Args[2], "alerts.yaml"), []byte(rule(string(b))), 0o644)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// rule is the rules' text, line by line as it is written, one level deeper.
func rule(alerts string) string {
	out := head
	for line := range strings.Lines(alerts) {
		if !strings.HasPrefix(line, "#") {
			out += "  " + line
		}
	}
	return out
}
