package transfer_test

import (
	"testing"

	"ferry/transfer"
)

func TestLimitRefusesNonsense(t *testing.T) {
	for _, rate := range []int64{-1, 1, transfer.MinRate - 1} {
		if _, err := transfer.NewLimit(rate); err == nil {
			t.Errorf("%d bytes/s was taken", rate)
		}
	}
	var none *transfer.Limit
	if none.Rate() != 0 {
		t.Error("no limit limits")
	}
}

// A delivery that follows a limit is woken by each change, and by nothing else.
func TestLimitTellsOfItsChanges(t *testing.T) {
	l, err := transfer.NewLimit(transfer.MinRate)
	if err != nil {
		t.Fatal(err)
	}
	told := func(changed <-chan struct{}) bool {
		select {
		case <-changed:
			return true
		default:
			return false
		}
	}
	rate, changed := l.Watch()
	if err := l.Set(rate); err != nil || told(changed) {
		t.Errorf("the same rate again counts as a change: %v", err)
	}
	if err := l.Set(0); err != nil || !told(changed) {
		t.Errorf("a change goes unseen: %v", err)
	}
	if rate, changed := l.Watch(); rate != 0 || told(changed) {
		t.Errorf("then the rate is %d", rate)
	}
}
