package receive

import (
	"testing"

	"ferry/framing"
)

// Entries that fail for one cause are each told under their own name.
func TestItemErrorsAreOnesOwn(t *testing.T) {
	for _, name := range []string{"a", "b"} {
		err := itemError(entryNamed(1, name), "receiving", errUnsure)
		if err.Path != name || err.Op != "receiving" || err.Code != framing.CodeConflict || err.Err != errUnsure.Err {
			t.Errorf("%s: %+v", name, err)
		}
	}
}
