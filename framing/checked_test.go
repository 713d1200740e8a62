package framing

import "testing"

func TestCheckedSaysWhatIsTheSame(t *testing.T) {
	m := Checked{ID: 1, First: 50, Count: 17, Bitmap: make([]byte, 3)}
	same := map[uint64]bool{0: true, 7: true, 8: true, 16: true}
	for i := range same {
		m.SetSame(i)
	}
	got, err := ParseChecked(m.Append(nil))
	if err != nil {
		t.Fatal(err)
	}
	for i := range got.Count {
		if got.Same(i) != same[i] {
			t.Errorf("chunk %d: %v", i, got.Same(i))
		}
	}
}
