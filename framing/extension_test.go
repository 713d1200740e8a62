package framing

import (
	"bytes"
	"errors"
	"fmt"
	"runtime"
	"testing"
)

// fullExtension has everything at its limit.
func fullExtension() *Extension {
	x := &Extension{
		Owner:   &Owner{UID: MaxID, GID: MaxID, User: make([]byte, MaxAccount), Group: make([]byte, MaxAccount)},
		Missing: true,
	}
	for i := range MaxXattrs {
		x.Xattrs = append(x.Xattrs, Xattr{Name: fmt.Appendf(nil, "user.%05d", i)})
	}
	room := MaxXattrBytes - MaxXattrs*len("user.00000")
	for i := 0; room > 0; i++ {
		n := min(room, MaxXattrValue)
		x.Xattrs[i].Value = make([]byte, n)
		room -= n
	}
	for i := range MaxACLNames {
		x.Names = append(x.Names, ACLName{Kind: ACLGroup, ID: MaxID - MaxACLNames + uint32(i), Name: make([]byte, MaxACLNameBytes/MaxACLNames)})
	}
	return x
}

func TestLargestExtensionFitsAnEntry(t *testing.T) {
	e := Entry{ID: 1, Kind: KindSymlink, Name: make([]byte, MaxName), Target: make([]byte, MaxTarget), Ext: fullExtension()}
	body := e.Append(AppendEntryHeader(nil, 1))
	all, err := collect(ParseEntries(body))
	if err != nil || len(all) != 1 || len(all[0].Ext.Xattrs) != MaxXattrs || len(all[0].Ext.Names) != MaxACLNames {
		t.Fatal(err)
	}
	// PROTOCOL.md names this bound; what sends entries in batches relies on it.
	if len(body) > 184<<10 || len(body) > Limit(TypeEntry) {
		t.Errorf("a record of %d bytes", len(body))
	}
}

func TestAttributesAboveTheirTotal(t *testing.T) {
	x := fullExtension()
	x.Xattrs[9].Value = []byte{0}
	e := Entry{ID: 1, Kind: KindFile, Name: []byte("f"), Ext: x}
	_, err := collect(ParseEntries(e.Append(AppendEntryHeader(nil, 1))))
	if !errors.Is(err, errRange) {
		t.Errorf("got %v", err)
	}
}

func TestACLNamesAboveTheirTotal(t *testing.T) {
	x := fullExtension()
	x.Names[9].Name = append(x.Names[9].Name, 'x')
	e := Entry{ID: 1, Kind: KindFile, Name: []byte("f"), Ext: x}
	_, err := collect(ParseEntries(e.Append(AppendEntryHeader(nil, 1))))
	if !errors.Is(err, errRange) {
		t.Errorf("got %v", err)
	}
}

func TestAttributesInOneBlock(t *testing.T) {
	e := Entry{ID: 1, Kind: KindFile, Name: []byte("f"), Ext: &Extension{Xattrs: []Xattr{
		{Name: []byte("user.a"), Value: bytes.Repeat([]byte{7}, MaxXattrValue)},
		{Name: []byte("user.b")},
	}}}
	body := e.Append(AppendEntryHeader(nil, 1))
	all, err := collect(ParseEntries(body))
	if err != nil {
		t.Fatal(err)
	}
	got := all[0].Ext.Xattrs
	if len(got) != 2 || !bytes.Equal(got[0].Value, e.Ext.Xattrs[0].Value) || string(got[1].Name) != "user.b" || len(got[1].Value) != 0 {
		t.Errorf("%d attributes", len(got))
	}
	if all[0].Ext.Owner != nil || all[0].Ext.Missing {
		t.Errorf("parts that were not sent")
	}
}

// A count of attributes is a claim: memory follows the records that are there.
func TestAttributeCountCostsNothing(t *testing.T) {
	body := []byte{1, byte(KindFile), entryExtended, 0, 1, 'f', 0, 0, 0, 0, partXattrs, 0x80, 0x20}
	const runs = 200
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for range runs {
		if _, err := collect(ParseEntries(body)); !errors.Is(err, errShort) {
			t.Fatal(err)
		}
	}
	runtime.ReadMemStats(&after)
	if got := (after.TotalAlloc - before.TotalAlloc) / runs; got > 2048 {
		t.Errorf("%d bytes allocated for a claim", got)
	}
}
