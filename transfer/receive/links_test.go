package receive

import (
	"testing"

	"ferry/framing"
	"ferry/transfer/tree"
)

func TestOpenLinksAreBounded(t *testing.T) {
	l := newLinks()
	admit := func(id uint64, e tree.Entry) error {
		e.ID = id
		return l.admit(&entry{id: id, kind: e.Kind, item: &e})
	}
	for id := range uint64(framing.MaxOpenLinks) {
		if err := admit(id+1, tree.Entry{Kind: tree.File, Linked: true}); err != nil {
			t.Fatal(err)
		}
	}
	if admit(framing.MaxOpenLinks+1, tree.Entry{Kind: tree.File, Linked: true}) == nil {
		t.Error("there is no bound")
	}
	l.open = framing.MaxOpenLinks
	if err := admit(framing.MaxOpenLinks+2, tree.Entry{Kind: tree.HardLink, LinkTo: 1}); err != nil {
		t.Fatal(err)
	}
	if err := admit(framing.MaxOpenLinks+3, tree.Entry{Kind: tree.File, Linked: true}); err != nil {
		t.Errorf("the last link to one makes no room: %v", err)
	}
}
