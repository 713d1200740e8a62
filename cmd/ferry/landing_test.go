package main

import (
	"context"
	"errors"
	"syscall"
	"testing"

	"ferry/transfer"
	"ferry/transfer/storage"
)

// unclosable is a destination on a disk that fails as it is closed.
type unclosable struct{ storage.Destination }

func (unclosable) Close() error { return syscall.EIO }

func TestFailureToCloseIsTheDestinations(t *testing.T) {
	l := &landing{folder: unclosable{}}
	err := l.end(nil)
	exit := exitOf(context.Background(), err, transfer.Result{}, &tally{})
	if exit != exitDestination || !errors.Is(err, syscall.EIO) {
		t.Errorf("exit code %d, %v", exit, err)
	}
	if hintOf(exit, err, "ferry receive", false) == "" {
		t.Error("no next step is named")
	}
	if err := l.end(nil); err != nil {
		t.Errorf("closed again: %v", err)
	}
}
