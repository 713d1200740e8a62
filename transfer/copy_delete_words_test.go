package transfer_test

import (
	"errors"
	"testing"

	"ferry/transfer"
	"ferry/transfer/local"
)

func TestNotDeletedWords(t *testing.T) {
	for want, e := range map[string]*local.NotDeletedError{
		"1 item was not deleted":          {Items: 1},
		"2 items were not deleted":        {Items: 2},
		"1 item would not be deleted":     {Items: 1, DryRun: true},
		"1000 items would not be deleted": {Items: 1000, DryRun: true},
	} {
		if e.Error() != want || !errors.Is(e, transfer.ErrIncomplete) {
			t.Errorf("%q, want %q", e, want)
		}
	}
}
