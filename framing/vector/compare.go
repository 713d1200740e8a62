package vector

import (
	"testing"
)

// Compare holds vectors that a test has made against the file at path. If update is set
// it writes the file, with comment at its head, and not the test but the reader of the
// change decides.
func Compare(t testing.TB, path, comment string, made []Stanza, update bool) {
	t.Helper()
	if update {
		if err := Write(path, comment, made); err != nil {
			t.Fatal(err)
		}
	}
	want, err := Read(path)
	if err != nil {
		t.Fatal(err)
	}
	if len(want) != len(made) {
		t.Fatalf("%s has %d vectors, made were %d", path, len(want), len(made))
	}
	for i := range made {
		if !made[i].Equal(&want[i]) {
			t.Errorf("%s: vector %d is %v, made was %v", path, i, want[i], made[i])
		}
	}
}
