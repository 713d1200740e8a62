package hostile

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"ferry/framing"
	"ferry/transfer"
	"ferry/transfer/internal/deliverytest"
	"ferry/transfer/receive"
	"ferry/transfer/storage"
	"ferry/transfer/tree"
	"ferry/transfer/tree/treetest"
)

// links is what a delivery with hard links takes.
var links = tree.Metadata{HardLinks: true}

// offering begins a delivery with flags, and goes on once they are granted.
func (p *peer) offering(flags uint32) {
	p.offerFlags(flags)
	p.until(framing.TypeAccept)
}

func linked(e framing.Entry) framing.Entry {
	e.Linked = true
	return e
}

func hardLink(name string, to uint64, more bool) framing.Entry {
	return framing.Entry{Kind: framing.KindHardLink, Name: []byte(name), LinkTo: to, Linked: more}
}

func node(kind framing.EntryKind, name string) framing.Entry {
	return framing.Entry{Kind: kind, Name: []byte(name), Mode: 0o600}
}

const allMetadata = framing.FlagOwner | framing.FlagXattrs | framing.FlagHardLinks | framing.FlagDevices

// A sender may do with metadata what was granted, and names what it announced.
func TestHostileSenderOfMetadata(t *testing.T) {
	for _, c := range []struct {
		name   string
		permit tree.Metadata
		script func(*peer)
	}{
		{"H12 a FIFO that was not granted", links, func(p *peer) {
			p.offering(allMetadata)
			p.entries(1, node(framing.KindFIFO, "p"))
		}},
		{"H12 a device that was not offered", tree.Metadata{Devices: true}, func(p *peer) {
			p.offering(0)
			p.entries(1, node(framing.KindCharDevice, "c"))
		}},
		{"H12 links that were not granted", tree.Metadata{Owner: true}, func(p *peer) {
			p.offering(allMetadata)
			p.entries(1, linked(file(0, "a", 0)))
		}},
		{"H12 a hard link that was not granted", tree.Metadata{Owner: true}, func(p *peer) {
			p.offering(allMetadata)
			p.entries(1, file(0, "a", 0), hardLink("b", 1, false))
		}},
		{"H06 a hard link to an entry that has none", links, func(p *peer) {
			p.offering(allMetadata)
			p.entries(1, file(0, "a", 0), hardLink("b", 1, false))
		}},
		{"H06 a hard link after the last", links, func(p *peer) {
			p.offering(allMetadata)
			p.entries(1, linked(file(0, "a", 0)), hardLink("b", 1, false), hardLink("c", 1, false))
		}},
		{"H06 a hard link to a hard link", links, func(p *peer) {
			p.offering(allMetadata)
			p.entries(1, linked(file(0, "a", 0)), hardLink("b", 1, true), hardLink("c", 2, false))
		}},
		{"H08 attributes beyond the window of entries", tree.Metadata{Xattrs: true}, func(p *peer) {
			p.offering(allMetadata)
			for id := range uint64(40) {
				e := file(0, fmt.Sprint(id), 1)
				e.Ext = &framing.Extension{Xattrs: []framing.Xattr{
					{Name: []byte("user.a"), Value: make([]byte, framing.MaxXattrValue)},
					{Name: []byte("user.b"), Value: make([]byte, framing.MaxXattrValue-12)},
				}}
				p.entries(id+1, e)
			}
		}},
		{"H06 WARN from a sender", tree.Metadata{}, func(p *peer) {
			p.offering(0)
			w := framing.Warn{ID: 1, Attrs: framing.AttrTime, Code: framing.CodeIO}
			p.send(framing.TypeWarn, w.Append(nil))
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, res, told, err := hostile(t, victim{options: func(o *receive.Options) { o.Metadata = c.permit }}, c.script)
			wantCode(t, err, told, framing.CodeProtocol)
			if res.Delivered > 1 {
				t.Errorf("%d delivered", res.Delivered)
			}
		})
	}
}

// Metadata that was not granted is not applied, though it comes.
func TestMetadataThatWasNotGranted(t *testing.T) {
	dst, res, _, err := hostile(t, victim{}, func(p *peer) {
		p.offering(0)
		e := file(0, "a", 1)
		e.Mode = 0o6755
		e.Ext = &framing.Extension{
			Owner:  &framing.Owner{UID: 12345, GID: 12345},
			Xattrs: []framing.Xattr{{Name: []byte("user.a"), Value: []byte("b")}},
		}
		p.entries(1, e)
		p.until(framing.TypeWant)
		p.pack(packed(1, "x"))
		p.end(1)
	})
	if err != nil || res.Delivered != 1 || len(res.Lost) > 0 {
		t.Fatalf("%+v: %v", res, err)
	}
	info, err := os.Stat(filepath.Join(dst, "a"))
	deliverytest.Must(t, err)
	if info.Mode() != treetest.Mode(0o755) {
		t.Errorf("mode %v", info.Mode())
	}
}

// Hard links lead to what the delivery put there, and never out of it or to
// another item that was put in its place.
func TestHostileHardLinks(t *testing.T) {
	treetest.Needs(t, treetest.Links)
	dst, res, _, err := hostile(t, victim{options: func(o *receive.Options) { o.Metadata, o.Links = links, transfer.LinksAll }}, func(p *peer) {
		p.offering(framing.FlagHardLinks)
		p.entries(1, linked(symlink(0, "l", "../canary")), hardLink("m", 1, true), hardLink("../n", 1, false))
		p.end(3)
	})
	if res.Delivered != 2 || res.Failed != 1 {
		t.Fatalf("%+v: %v", res, err)
	}
	info, err := os.Lstat(filepath.Join(dst, "m"))
	deliverytest.Must(t, err)
	if info.Mode()&os.ModeSymlink == 0 {
		t.Errorf("the link was followed: %v", info.Mode())
	}
}

// What a receiver says of metadata has to be about what it was sent.
func TestHostileReceiverOfMetadata(t *testing.T) {
	warn := func(p *peer, id uint64, attrs framing.Attributes) {
		w := framing.Warn{ID: id, Attrs: attrs, Code: framing.CodePermission}
		p.send(framing.TypeWarn, w.Append(nil))
	}
	for _, c := range []struct {
		name   string
		script func(*peer)
	}{
		{"H06 WARN before ACCEPT", func(p *peer) { warn(p, 1, framing.AttrTime) }},
		{"H06 WARN for an unknown entry", func(p *peer) { accepted(p); warn(p, 99, framing.AttrTime) }},
		{"H12 WARN of what was not granted", func(p *peer) { accepted(p); warn(p, 1, framing.AttrOwner) }},
		{"H12 WARN twice", func(p *peer) { accepted(p); warn(p, 1, framing.AttrTime); warn(p, 1, framing.AttrTime) }},
		{"H08 ACCEPT of owners that were not offered", func(p *peer) {
			p.accept(framing.Accept{Flags: framing.FlagOwner, EntryWindow: 256, EntryBytes: 1, Streams: 1})
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			res, told, err := against(t, func(p *peer) { c.script(p); p.until(framing.TypeBye) })
			wantCode(t, err, told, framing.CodeProtocol)
			if res.Acknowledged || res.Delivered != 0 {
				t.Errorf("%d delivered, acknowledged: %v", res.Delivered, res.Acknowledged)
			}
		})
	}
}

// plainDestination keeps no more than mode and time.
type plainDestination struct{ storage.Destination }

func (d plainDestination) Start(m tree.Metadata) (*storage.Landing, error) {
	return d.Destination.Start(tree.Metadata{Umask: m.Umask})
}

// The receiver's umask holds for whatever a sender says of permissions, of files
// of any size and of folders; a destination that knows of none gets it too.
func TestUmaskHolds(t *testing.T) {
	treetest.Needs(t, treetest.Modes)
	for _, plain := range []bool{false, true} {
		dst, _, _, err := hostile(t, victim{options: func(o *receive.Options) {
			o.Metadata.Umask = 0o077
			if plain {
				o.Destination = plainDestination{o.Destination}
			}
		}}, func(p *peer) {
			p.offer()
			x, d, f := file(0, "x", 4), folderEntry(0, "d"), file(2, "f", 4)
			x.Mode, d.Mode, f.Mode = 0o777, 0o777, 0o4666
			p.entries(1, x, d, f, folderEnd(2))
			p.end(3)
			p.answer(func(w framing.Want) { p.pack(packed(w.ID, "evil")) })
		})
		deliverytest.Must(t, err)
		for name, want := range map[string]os.FileMode{"x": 0o700, "d": 0o700, "d/f": 0o600} {
			info, err := os.Stat(filepath.Join(dst, name))
			deliverytest.Must(t, err)
			if got := info.Mode() &^ os.ModeDir; got != want {
				t.Errorf("plain %v: %s has mode %v, want %v", plain, name, got, want)
			}
		}
	}
}
