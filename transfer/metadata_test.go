package transfer

import (
	"bytes"
	"errors"
	"io/fs"
	"reflect"
	"syscall"
	"testing"

	"ferry/checksum"
	"ferry/framing"
	"ferry/transfer/tree"
)

// Package tree imports nothing of ours: what it has of the wire is pinned here.
func TestAttributesAreThoseOfTheWire(t *testing.T) {
	for a, b := range map[tree.Attr]framing.Attributes{
		tree.AttrOwner: framing.AttrOwner, tree.AttrSpecial: framing.AttrSpecial, tree.AttrXattrs: framing.AttrXattrs,
		tree.AttrACL: framing.AttrACL, tree.AttrTime: framing.AttrTime,
	} {
		if framing.Attributes(a) != b {
			t.Errorf("%v is %d, on the wire %d", a, a, b)
		}
	}
	for _, c := range [][2]uint64{
		{tree.MaxHardLinks, framing.MaxOpenLinks},
		{tree.MaxXattrs, framing.MaxXattrs}, {tree.MaxXattrName, framing.MaxXattrName}, {tree.MaxXattrValue, framing.MaxXattrValue},
		{tree.MaxXattrBytes, framing.MaxXattrBytes}, {tree.MaxAccountName, framing.MaxAccount}, {tree.MaxOwnerID, framing.MaxID},
	} {
		if c[0] != c[1] {
			t.Errorf("a limit of a sender is %d, on the wire %d", c[0], c[1])
		}
	}
}

func TestMetadataFlagsComeBack(t *testing.T) {
	for bits := range 32 {
		m := tree.Metadata{Owner: bits&1 != 0, Numeric: bits&3 == 3, Xattrs: bits&4 != 0, HardLinks: bits&8 != 0, Devices: bits&16 != 0}
		if got := metadataOf(metadataFlags(m)); got != m {
			t.Errorf("%+v comes back as %+v", m, got)
		}
	}
	if got := metadataOf(framing.FlagNumeric | framing.FlagChecksum); got != (tree.Metadata{}) {
		t.Errorf("without owners numbers mean %+v", got)
	}
}

// fullItem has all that an entry can have.
func fullItem() *tree.Item {
	return &tree.Item{Info: tree.Info{Kind: tree.File, Allocated: 4096}, Entry: tree.Entry{
		ID: 1, Kind: tree.File, Name: "f", Mode: 0o6755, MTime: tree.Time{Sec: -1, Nsec: 999_999_999}, Size: 5 << 20, Linked: true,
		Extra: &tree.Extra{
			Owner: &tree.Owner{UID: 1, GID: 2, User: "u", Group: "g"}, Missing: true,
			Xattrs: []tree.Xattr{{Name: "user.a", Value: []byte("b")}, {Name: "user.c", Value: nil}},
		},
	}}
}

func parse(t *testing.T, w *framing.Entry) *framing.Entry {
	t.Helper()
	body := w.Append(framing.AppendEntryHeader(nil, w.ID))
	for got, err := range framing.ParseEntries(body) {
		if err != nil {
			t.Fatal(err)
		}
		copied := got
		return &copied
	}
	t.Fatal("no entry")
	return nil
}

func TestEntriesCrossTheWireWhole(t *testing.T) {
	it, all := fullItem(), tree.Metadata{Owner: true, Xattrs: true, HardLinks: true, Devices: true}
	w := parse(t, wireEntry(it, all))
	got := treeEntry(w)
	if w.Holes != 5<<20-4096 {
		t.Errorf("%d bytes of holes", w.Holes)
	}
	got.Extra.Xattrs[1].Value = nil // an empty one
	if !reflect.DeepEqual(*got, it.Entry) {
		t.Errorf("%+v arrives as %+v", it.Entry, *got)
	}
	if n := int64(len(w.Append(nil))); weight(w) > n || weight(w) < n/3 {
		t.Errorf("a record of %d bytes weighs %d", n, weight(w))
	}
	for _, node := range []tree.Entry{
		{ID: 1, Kind: tree.BlockDevice, Name: "b", Mode: 0o660, Major: 1<<32 - 1, Minor: 7},
		{ID: 9, Parent: 3, Kind: tree.HardLink, Name: "h", LinkTo: 8, Linked: true},
	} {
		if got := treeEntry(parse(t, wireEntry(&tree.Item{Entry: node}, all))); !reflect.DeepEqual(*got, node) {
			t.Errorf("%+v arrives as %+v", node, *got)
		}
	}
}

// What was not granted is neither sent nor, if it is sent, kept.
func TestWhatIsNotGrantedIsLeftOut(t *testing.T) {
	for _, c := range []struct {
		granted tree.Metadata
		mode    uint32
		extra   *tree.Extra
	}{
		{tree.Metadata{}, 0o755, nil},
		{tree.Metadata{Owner: true}, 0o6755, &tree.Extra{Owner: fullItem().Extra.Owner}},
		{tree.Metadata{Xattrs: true}, 0o755, &tree.Extra{Missing: true, Xattrs: fullItem().Extra.Xattrs}},
	} {
		sent := treeEntry(wireEntry(fullItem(), c.granted))
		kept := fullItem().Entry
		narrow(&kept, c.granted)
		for _, e := range []*tree.Entry{sent, &kept} {
			if e.Mode != c.mode || !reflect.DeepEqual(e.Extra, c.extra) {
				t.Errorf("granted %+v: mode %#o, %+v", c.granted, e.Mode, e.Extra)
			}
		}
	}
}

// A file with set-id bits is what was announced, whether owners are sent or not.
func TestAnnouncedLooksAtWhatWasTold(t *testing.T) {
	e := fullItem().Entry
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
	s := &sender{track: newTracker(nil), wish: tree.Metadata{Xattrs: true}, accepted: make(chan struct{})}
	s.entryCost.Store(entryBytes)
	b := entryBatchWriter{s: s}
	for id := range uint64(100) {
		it := &tree.Item{Entry: tree.Entry{ID: id + 1, Parent: id, Kind: tree.Folder, Name: "d", Extra: &tree.Extra{
			Xattrs: []tree.Xattr{{Name: "user.a", Value: make([]byte, framing.MaxXattrValue)}}}}}
		b.encode(it)
		b.openCost += int64(len(b.record))
	}
	if b.openCost > entryBytes/2+16<<10 {
		t.Errorf("%d of %d bytes are taken", b.openCost, entryBytes)
	}
	lost := s.track.final().Lost
	if len(lost) != 1 || lost[0].What != tree.AttrXattrs || lost[0].Items < 50 {
		t.Errorf("lost: %+v", lost)
	}
}

func TestLossCode(t *testing.T) {
	for err, want := range map[error]framing.Code{
		syscall.EPERM: framing.CodePermission, &fs.PathError{Err: syscall.EACCES}: framing.CodePermission, syscall.ENOTSUP: framing.CodeUnsupported, syscall.EINVAL: framing.CodeUnsupported,
		syscall.ENOSPC: framing.CodeNoSpace, syscall.ERANGE: framing.CodeIO, tree.ErrName: framing.CodeName, errors.New("x"): framing.CodeUnsupported,
	} {
		if got := lossCode(err); got != want {
			t.Errorf("%v is %v, want %v", err, got, want)
		}
	}
}

func TestZeroChunkStaysZero(t *testing.T) {
	if !bytes.Equal(zeroChunk[:], make([]byte, checksum.ChunkSize)) {
		t.Error("somebody wrote to it")
	}
}
