package engine

import (
	"net"
	"strings"
)

// Updates is how many updates, which people's acts are, the engine at an address takes of one workflow; "" is the embedded
// engine. 0 is not known: one's own cluster takes 2,000 unless history.maxTotalUpdates is raised there. Nobody can raise
// Temporal Cloud's.
func Updates(address string) int {
	host, _, _ := net.SplitHostPort(address)
	switch {
	case address == "":
		return 10_000 // as engine/tuning.go has it
	case strings.HasSuffix(host, ".tmprl.cloud"), strings.HasSuffix(host, ".api.temporal.io"):
		return 2000
	}
	return 0
}
