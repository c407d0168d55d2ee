package api

import "testing"

// An alarm is not held to a person's pace, and is the first to act in a server that starts.
func TestAnAlarmIsTheFirstToAct(t *testing.T) {
	var p pace
	if p.done("quake-real-1", "alarm:jma", "abort") {
		t.Error("the first act has the run weighed")
	}
}
