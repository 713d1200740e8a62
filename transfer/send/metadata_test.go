package send

import (
	"testing"

	"ferry/framing"
	"ferry/transfer/internal/flow"
	"ferry/transfer/internal/progress"
	"ferry/transfer/tree"
)

// Each attribute that a receiver may warn of has its kind here, by the same value.
func TestWireAttributesAreAllKnown(t *testing.T) {
	var all framing.Attributes
	for _, what := range attributes {
		all |= framing.Attributes(what)
	}
	if may := allowed(tree.Metadata{Owner: true, Xattrs: true}); all != may {
		t.Errorf("WARN may tell of %#x, and %#x are known", may, all)
	}
	for _, what := range []tree.Attr{tree.AttrHardLink, tree.AttrSpecialFile} {
		if all&framing.Attributes(what) != 0 {
			t.Errorf("%v has the value of one in a WARN", what)
		}
	}
}

// A file with set-id bits is what was announced, whether owners are sent or not.
func TestAnnouncedLooksAtWhatWasTold(t *testing.T) {
	e := tree.Entry{
		ID: 1, Kind: tree.File, Name: "f", Mode: 0o6755, MTime: tree.Time{Sec: -1, Nsec: 999_999_999}, Size: 5 << 20,
		Extra: &tree.Extra{Owner: &tree.Owner{UID: 1, GID: 2, User: "u", Group: "g"}},
	}
	info := tree.Info{Size: e.Size, MTime: e.MTime, Mode: 0o6755}
	if !announced(info, &e) {
		t.Error("it counts as changed")
	}
	info.Mode = 0o755
	if announced(info, &e) {
		t.Error("a lost set-id bit goes unseen")
	}
	e.Extra, e.Mode, info.Mode = nil, 0o755, 0o6755
	if !announced(info, &e) {
		t.Error("without owners the set-id bit counts")
	}
}

// Folders that are open on one path leave room for what is in them: else their
// records fill the window that only their ends empty.
func TestAttributesOfNestedFoldersLeaveRoom(t *testing.T) {
	a := announcer{track: progress.New(nil), terms: newTerms(&Options{Metadata: tree.Metadata{Xattrs: true}}), window: newWindow(t.Context(), 0, 0)}
	a.folders.open = make(map[uint64]openFolder)
	for id := range uint64(100) {
		it := &tree.Item{Entry: tree.Entry{ID: id + 1, Parent: id, Kind: tree.Folder, Name: "d", Extra: &tree.Extra{
			Xattrs: []tree.Xattr{{Name: "user.a", Value: make([]byte, framing.MaxXattrValue)}}}}}
		a.encode(it)
		a.folders.begin(it.ID, openFolder{cost: int64(len(a.record))})
	}
	if a.folders.cost > flow.EntryBytes/2+16<<10 {
		t.Errorf("%d of %d bytes are taken", a.folders.cost, flow.EntryBytes)
	}
	lost := a.track.Final().Lost
	if len(lost) != 1 || lost[0].What != tree.AttrXattrs || lost[0].Items < 50 {
		t.Errorf("lost: %+v", lost)
	}
}
