package pgcluster

import (
	"strings"
	"testing"
)

// What a server died of is told, however many hints follow it.
func TestTheCauseIsAmongTheLastLines(t *testing.T) {
	said := lastLines("LOG:  starting\nFATAL:  could not create shared memory segment: No space left on device\nDETAIL:  Failed system call was shmget\nHINT:  This error does not mean that\n\tyou have run out of disk space.\n\tThe documentation has more.\nLOG:  database system is shut down\n")
	if !strings.Contains(said, "could not create shared memory segment") || !strings.Contains(said, "is shut down") || strings.Contains(said, "starting") {
		t.Errorf("said %q", said)
	}
	if said := lastLines("\n"); said != "" {
		t.Errorf("of nothing it says %q", said)
	}
}
