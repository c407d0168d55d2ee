package probe

import (
	"fmt"
	"os"
	"slices"
	"testing"
	"time"
)

// While the disk is full nothing is logged, and what was seen then dies with its worker: a
// later one finds a gap there and no line of rubbish, and loses nothing that was logged.
func TestAFullDiskLeavesAGapInTheLog(t *testing.T) {
	dir, at := t.TempDir(), time.Date(2026, 11, 28, 9, 0, 0, 0, time.UTC)
	nothing := func(sample, bool) {}
	d, err := openDiary(dir, "run", "probe", nothing, func(counted) {})
	if err != nil {
		t.Fatal(err)
	}
	look := func(n int) sample {
		began := at.Add(time.Duration(n) * time.Second)
		return sample{Began: began, Ended: began.Add(time.Millisecond), Fate: ok}
	}
	write := func(n int) error { return d.write(look(n)) }
	if err := write(1); err != nil {
		t.Fatal(err)
	}
	file := d.f
	if _, err := file.WriteString("[17800"); err != nil { // as much as fitted
		t.Fatal(err)
	}
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer full.Close()
	d.f = full
	if write(2) == nil || write(3) == nil {
		t.Fatal("a full disk took a line")
	}
	d.f = file
	for _, n := range []int{4, 5} {
		if err := write(n); err != nil {
			t.Fatal(err)
		}
	}
	d.close()
	var got []string
	again, err := openDiary(dir, "run", "probe", func(s sample, first bool) {
		got = append(got, fmt.Sprint(s.Began.Sub(at), " ", first))
	}, func(counted) {})
	if err != nil {
		t.Fatal(err)
	}
	again.close()
	if want := []string{"1s true", "4s true", "5s false"}; !slices.Equal(got, want) {
		t.Errorf("read back %v, want %v: a sample after a gap is a first one", got, want)
	}
}
