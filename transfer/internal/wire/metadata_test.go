package wire

import (
	"reflect"
	"testing"

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
}

func TestMetadataFlagsComeBack(t *testing.T) {
	for bits := range 32 {
		m := tree.Metadata{Owner: bits&1 != 0, Numeric: bits&3 == 3, Xattrs: bits&4 != 0, HardLinks: bits&8 != 0, Devices: bits&16 != 0}
		if got := Metadata(Flags(m)); got != m {
			t.Errorf("%+v comes back as %+v", m, got)
		}
	}
	if got := Metadata(framing.FlagNumeric | framing.FlagChecksum); got != (tree.Metadata{}) {
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
	w := parse(t, FromItem(it, all))
	got := ToEntry(w)
	if w.Holes != 5<<20-4096 {
		t.Errorf("%d bytes of holes", w.Holes)
	}
	got.Extra.Xattrs[1].Value = nil // an empty one
	if !reflect.DeepEqual(*got, it.Entry) {
		t.Errorf("%+v arrives as %+v", it.Entry, *got)
	}
	if n := int64(len(w.Append(nil))); Weight(w) > n || Weight(w) < n/3 {
		t.Errorf("a record of %d bytes weighs %d", n, Weight(w))
	}
	for _, node := range []tree.Entry{
		{ID: 1, Kind: tree.BlockDevice, Name: "b", Mode: 0o660, Major: 1<<32 - 1, Minor: 7},
		{ID: 9, Parent: 3, Kind: tree.HardLink, Name: "h", LinkTo: 8, Linked: true},
	} {
		if got := ToEntry(parse(t, FromItem(&tree.Item{Entry: node}, all))); !reflect.DeepEqual(*got, node) {
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
		sent := ToEntry(FromItem(fullItem(), c.granted))
		kept := fullItem().Entry
		Narrow(&kept, c.granted)
		for _, e := range []*tree.Entry{sent, &kept} {
			if e.Mode != c.mode || !reflect.DeepEqual(e.Extra, c.extra) {
				t.Errorf("granted %+v: mode %#o, %+v", c.granted, e.Mode, e.Extra)
			}
		}
	}
}
