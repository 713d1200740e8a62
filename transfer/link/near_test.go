package link

import (
	"testing"

	"ferry/transfer/internal/machine"
)

// Two ends on one machine know it of each other.
func TestNear(t *testing.T) {
	if machine.This().OnConnection(nil) == [16]byte{} {
		t.Skip("this system does not tell which machine it is")
	}
	a, b, err := Pipe(Config{Role: Sender}, Config{Role: Receiver})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _, _ = a.Close(), b.Close() }()
	if !a.Near() || !b.Near() {
		t.Errorf("near: %v and %v", a.Near(), b.Near())
	}
}
