package scenario

import "testing"

// A row that was called otherwise says so, with one name or several, and is found by each.
func TestARowSaysWhatItWas(t *testing.T) {
	files := base(t)
	files["programme.yaml"] = []byte(`kind: Programme
name: year
chief: commander
planner: sato
rows:
  - {id: desk, was: paper, kind: other, content: X, method: in-house, audience: general-staff, months: [4]}
  - {id: till, was: [drawer, box], kind: other, content: X, method: in-house, audience: general-staff, months: [4]}
`)
	b, mistakes := LoadSources(catalog(), files)
	if len(mistakes) > 0 {
		t.Fatal(mistakes)
	}
	for name, want := range map[string]string{"desk": "desk", "paper": "desk", "drawer": "till", "box": "till", "other": "other"} {
		if got := b.programme.Called(name); got != want {
			t.Errorf("%s is row %s, want %s", name, got, want)
		}
	}
}
