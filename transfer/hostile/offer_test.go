package hostile

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"ferry/framing"
	"ferry/transfer"
	"ferry/transfer/internal/deliverytest"
	"ferry/transfer/receive"
	"ferry/transfer/storage"
	"ferry/transfer/tree"
	"ferry/transfer/tree/treetest"
)

// offered makes an offer of these items.
func (p *peer) offered(flags uint32, exact bool, bytes uint64, listed ...framing.OfferItem) {
	o := framing.Offer{Flags: flags | p.dryFlag(), Items: uint64(len(listed)), Bytes: bytes, Exact: exact, Listed: listed[:min(len(listed), framing.MaxListed)]}
	p.send(framing.TypeOffer, o.Append(nil))
}

// dryFlag makes an offer one of a dry run, if that is what the case is.
func (p *peer) dryFlag() uint32 {
	if p.dry {
		return framing.FlagDryRun
	}
	return 0
}

// tarNames lists an archive to its end.
func tarNames(r io.Reader) (names []string) {
	for in := tar.NewReader(r); ; {
		h, err := in.Next()
		if err != nil {
			_, _ = io.Copy(io.Discard, r) // so that the writer ends
			return names
		}
		names = append(names, h.Name)
	}
}

func item(kind framing.EntryKind, name string) framing.OfferItem {
	return framing.OfferItem{Kind: kind, Name: []byte(name)}
}

// crowd is an offer of more items than can be listed: n files, and what is to be
// listed before them.
func crowd(n int, first ...framing.OfferItem) []framing.OfferItem {
	for i := range n {
		first = append(first, item(framing.KindFile, fmt.Sprintf("crowd%d", i)))
	}
	return first
}

// all answers every WANT with a pack of the content "evil".
func (p *peer) all() { p.answer(func(w framing.Want) { p.pack(packed(w.ID, "evil")) }) }

var photo = item(framing.KindFile, "photo.jpg")

// otherItems are offers, and other items than they say.
func otherItems() []rule {
	return []rule{
		{"H28 other names, and many of them", func(p *peer) {
			p.offered(0, true, 10, photo)
			p.until(framing.TypeAccept)
			es := []framing.Entry{file(0, ".bashrc", 4), folderEntry(0, ".ssh"), file(2, "authorized_keys", 4)}
			for i := range 500 {
				es = append(es, file(0, fmt.Sprintf("junk%d", i), 4))
			}
			p.entries(1, append(es, folderEnd(2))...)
			p.end(503)
			p.all()
		}},
		{"H28 another name, before the answer", func(p *peer) {
			p.offered(0, false, 10, photo)
			p.entries(1, file(0, "photo.jpg ", 4))
			p.end(1)
			p.all()
		}},
		{"H28 a folder for a file", func(p *peer) {
			p.offered(0, false, 10, photo)
			p.entries(1, folderEntry(0, "photo.jpg"), folderEnd(1))
			p.end(1)
		}},
		{"H28 a file for a folder", func(p *peer) {
			p.offered(0, false, 10, item(framing.KindFolder, "photo.jpg"))
			p.entries(1, file(0, "photo.jpg", 4))
			p.end(1)
			p.all()
		}},
		{"H28 a symbolic link for a file", func(p *peer) {
			p.offered(0, false, 10, photo)
			p.entries(1, symlink(0, "photo.jpg", "x"))
			p.end(1)
		}},
		{"H28 a stream for a file", func(p *peer) {
			p.offered(0, true, 10, photo)
			p.entries(1, streamEntry("photo.jpg"))
			p.end(1)
		}},
		{"H28 a FIFO for a file", func(p *peer) {
			p.offered(framing.FlagDevices, false, 10, photo)
			p.until(framing.TypeAccept)
			p.entries(1, node(framing.KindFIFO, "photo.jpg"))
			p.end(1)
		}},
		{"H28 a further name for a folder", func(p *peer) {
			p.offered(framing.FlagHardLinks, false, 10, item(framing.KindFolder, "d"), item(framing.KindFolder, "e"))
			p.until(framing.TypeAccept)
			p.entries(1, folderEntry(0, "d"), linked(file(1, "f", 4)), folderEnd(1), hardLink("e", 2, false))
			p.end(3)
			p.all()
		}},
		{"H28 a further name for another kind", func(p *peer) {
			p.offered(framing.FlagHardLinks, false, 10, item(framing.KindSymlink, "l"), item(framing.KindFile, "g"))
			p.until(framing.TypeAccept)
			p.entries(1, linked(symlink(0, "l", "x")), hardLink("g", 1, false))
			p.end(2)
		}},
		{"H28 one name twice", func(p *peer) {
			p.offered(0, false, 10, photo, item(framing.KindFile, "b"))
			p.entries(1, file(0, "photo.jpg", 4), file(0, "photo.jpg", 4))
			p.end(2)
		}},
		{"H28 what is in a folder, for the folder", func(p *peer) {
			p.offered(0, false, 10, item(framing.KindFolder, "d"))
			p.entries(1, framing.Entry{Kind: framing.KindRoot, Mode: 0o755}, file(1, "f", 4))
			p.end(2)
			p.all()
		}},
	}
}

// unlistedItems are offers of more items than can be listed, and what none of these can be.
func unlistedItems() []rule {
	return []rule{
		{"H28 more than are offered, of more than are listed", func(p *peer) {
			p.offered(0, false, 10, crowd(70)...)
			for i := range uint64(71) {
				p.entries(i+1, folderEntry(0, fmt.Sprintf("other%d", i)), folderEnd(i+1))
			}
			p.end(71)
		}},
		{"H28 a hidden name among more than are listed", func(p *peer) {
			p.offered(0, false, 10, crowd(70, item(framing.KindFile, ".profile"))...)
			p.entries(1, file(0, ".bashrc", 4))
			p.end(1)
			p.all()
		}},
		{"H28 what ext4 with casefold takes for a hidden name, among more than are listed", func(p *peer) {
			p.offered(0, false, 10, crowd(70)...)
			p.entries(1, file(0, "\u200c.bashrc", 4))
			p.end(1)
			p.all()
		}},
		{"H28 another kind among more than are listed", func(p *peer) {
			p.offered(0, false, 10, crowd(70)...)
			p.entries(1, folderEntry(0, "crowd3"), folderEnd(1))
			p.end(1)
		}},
		{"H28 what is in a folder among more than are listed", func(p *peer) {
			p.offered(0, false, 10, crowd(70)...)
			p.entries(1, framing.Entry{Kind: framing.KindRoot, Mode: 0o755}, file(1, ".bashrc", 4))
			p.end(2)
			p.all()
		}},
	}
}

// moreThanOffered are exact offers, and more than they say.
func moreThanOffered() []rule {
	return []rule{
		{"H28 more bytes than an exact offer has", func(p *peer) {
			p.offered(0, true, 3, photo)
			p.entries(1, file(0, "photo.jpg", 4))
			p.end(1)
			p.all()
		}},
		{"H28 more bytes, after a change", func(p *peer) {
			p.offered(0, true, 3<<20, photo)
			p.entries(1, file(0, "photo.jpg", 3<<20))
			p.until(framing.TypeWant)
			c := framing.Changed{ID: 1, Attempt: 1, Size: 3<<20 + 1}
			p.send(framing.TypeChanged, c.Append(nil))
		}},
		{"H28 sizes that add up to less than nothing", func(p *peer) {
			p.offered(0, true, 10, photo, item(framing.KindFile, "b"))
			p.entries(1, file(0, "photo.jpg", math.MaxInt64), file(0, "b", math.MaxInt64))
			p.end(2)
		}},
		{"H28 more bytes of a stream", func(p *peer) {
			p.offered(0, true, 100, item(framing.KindStream, "s"))
			p.entries(1, streamEntry("s"))
			p.until(framing.TypeWant)
			p.data(framing.DataHeader{ID: 1}, make([]byte, 101))
		}},
		{"H28 more items than an exact offer has, in a folder", func(p *peer) {
			p.offered(0, true, 10, item(framing.KindFolder, "d"))
			p.entries(1, folderEntry(0, "d"), file(1, "f", 4), folderEnd(1))
			p.end(2)
			p.all()
		}},
		{"H28 an offer that lists fewer items than it counts", func(p *peer) {
			o := framing.Offer{Items: 2, Listed: []framing.OfferItem{photo}}
			p.send(framing.TypeOffer, o.Append(nil))
		}},
	}
}

// What a person accepted is what comes, and of what comes besides nothing is written:
// not one byte, to whatever kind of destination.
func TestHostileBeyondTheOffer(t *testing.T) {
	for _, c := range slices.Concat(otherItems(), unlistedItems(), moreThanOffered()) {
		t.Run(c.name, func(t *testing.T) {
			dst, res, told, err := hostile(t, victim{options: func(o *receive.Options) { o.Metadata = tree.Metadata{HardLinks: true, Devices: true} }}, c.script)
			wantCode(t, err, told, framing.CodeProtocol)
			if res.Files != 0 {
				t.Errorf("%d files were delivered", res.Files)
			}
			names, rerr := os.ReadDir(dst)
			deliverytest.Must(t, rerr)
			for _, d := range names {
				if !d.IsDir() && d.Type()&os.ModeSymlink == 0 || d.Name()[0] == '.' {
					t.Errorf("%s stands there", d.Name())
				}
			}
		})
		if c.name == "H28 more bytes, after a change" {
			continue // what changes on its way to an output is not taken again; of a dry run nothing is
		}
		t.Run(c.name+" to an output", func(t *testing.T) {
			var out count
			_, res, told, err := hostile(t, victim{options: func(o *receive.Options) {
				o.Destination, o.Output = nil, &out
				o.Metadata = tree.Metadata{HardLinks: true, Devices: true}
			}}, c.script)
			wantCode(t, err, told, framing.CodeProtocol)
			if res.Files != 0 {
				t.Errorf("%d files were delivered", res.Files)
			}
		})
		if c.name == "H28 more bytes of a stream" {
			continue // of a dry run no content is asked for
		}
		t.Run(c.name+" in a dry run", func(t *testing.T) {
			dst, _, told, err := hostile(t, victim{options: func(o *receive.Options) {
				o.Metadata = tree.Metadata{HardLinks: true, Devices: true}
				o.Rehearse = func() (storage.Destination, error) { return rehearsal(t) }
			}}, func(p *peer) { p.dry = true; c.script(p) })
			wantCode(t, err, told, framing.CodeProtocol)
			if names, rerr := os.ReadDir(dst); rerr != nil || len(names) != 0 {
				t.Errorf("%v stand there, %v", names, rerr)
			}
		})
	}
}

type count struct{ n int64 }

func (c *count) Write(b []byte) (int, error) { c.n += int64(len(b)); return len(b), nil }

// What an offer allows comes.
func TestHostileWithinTheOffer(t *testing.T) {
	for _, c := range []struct {
		name   string
		want   int64 // delivered
		script func(*peer)
	}{
		{"all of an exact offer", 2, func(p *peer) {
			p.offered(0, true, 8, item(framing.KindFile, "b"), item(framing.KindFile, "a"))
			p.entries(1, file(0, "a", 4), file(0, "b", 4))
			p.end(2)
		}},
		{"less than was offered", 1, func(p *peer) {
			p.offered(0, true, 800, item(framing.KindFile, "b"), item(framing.KindFile, "a"))
			p.entries(1, file(0, "a", 4))
			p.end(1)
		}},
		{"whatever is in a folder", 3, func(p *peer) {
			p.offered(0, false, 0, item(framing.KindFolder, "d"))
			p.entries(1, folderEntry(0, "d"), file(1, ".a", 4), file(1, "b", 4), folderEnd(1))
			p.end(3)
		}},
		{"further names, of the kind of the first", 4, func(p *peer) {
			p.offered(framing.FlagHardLinks, true, 4, item(framing.KindFile, "a"), item(framing.KindFile, "b"), item(framing.KindSymlink, "l"), item(framing.KindSymlink, "m"))
			p.until(framing.TypeAccept)
			p.entries(1, linked(file(0, "a", 4)), hardLink("b", 1, false), linked(symlink(0, "l", "x")), hardLink("m", 3, false))
			p.end(4)
		}},
		{"unlisted names of more than are listed", 2, func(p *peer) {
			p.offered(0, false, 0, crowd(70)...)
			p.entries(1, file(0, "new", 4), file(0, "crowd1", 4))
			p.end(2)
		}},
		{"hidden names, where all listed are hidden", 1, func(p *peer) {
			var hidden []framing.OfferItem
			for i := range 70 {
				hidden = append(hidden, item(framing.KindFile, fmt.Sprintf(".h%d", i)))
			}
			p.offered(0, false, 0, hidden...)
			p.entries(1, file(0, ".h66", 4))
			p.end(1)
		}},
		{"what is in a folder", 2, func(p *peer) {
			p.offered(0, false, 0, framing.OfferItem{Kind: framing.KindRoot})
			p.entries(1, framing.Entry{Kind: framing.KindRoot, Mode: 0o755}, file(1, ".a", 4), file(1, "b", 4), folderEnd(1))
			p.end(3)
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, res, _, err := hostile(t, victim{options: func(o *receive.Options) { o.Metadata = links }}, func(p *peer) { c.script(p); p.all() })
			if c.want == 4 { // two of them are links
				treetest.Needs(t, treetest.Links)
			}
			if err != nil || res.Delivered != c.want {
				t.Errorf("%d were delivered, %v", res.Delivered, err)
			}
		})
	}
}

// A violation that comes while a person is asked ends the question, and nothing that
// is answered then counts. (The check of a delivery's entries begins with the answer;
// this is about the offer itself.)
func TestHostileOfferIsNotAsked(t *testing.T) {
	_, _, told, err := hostile(t, victim{options: func(o *receive.Options) {
		o.Accept = func(context.Context, transfer.Offer, <-chan transfer.Extent) error { return errors.New("was asked") }
	}}, func(p *peer) {
		o := framing.Offer{Items: 65, Listed: []framing.OfferItem{item(framing.KindFile, "a")}}
		p.send(framing.TypeOffer, o.Append(nil))
	})
	wantCode(t, err, told, framing.CodeProtocol)
}

// --links safe is about where a link stands, and a further name stands elsewhere.
func TestHostileSafeLinksByHardLink(t *testing.T) {
	treetest.Needs(t, treetest.Links)
	script := func(p *peer) {
		p.offering(framing.FlagHardLinks)
		l := linked(symlink(2, "l", "../../canary"))
		inside := hardLink("m", 3, true)
		inside.Parent = 2
		p.entries(1, folderEntry(0, "a"), folderEntry(1, "b"), l, inside, hardLink("l", 3, false), symlink(0, "direct", "../../canary"), folderEnd(2), folderEnd(1))
		p.end(6)
		p.answer(func(framing.Want) {})
	}
	dst, res, _, err := hostile(t, victim{options: func(o *receive.Options) { o.Links, o.Metadata = transfer.LinksSafe, links }}, script)
	if !errors.Is(err, transfer.ErrIncomplete) || res.Failed != 2 {
		t.Errorf("%d failed, %v", res.Failed, err)
	}
	for name, want := range map[string]bool{"a/b/l": true, "a/b/m": true, "l": false, "direct": false} {
		if _, err := os.Readlink(filepath.Join(dst, name)); (err == nil) != want {
			t.Errorf("%s: %v", name, err)
		}
	}
	r, w := io.Pipe()
	names := make(chan []string, 1)
	go func() { names <- tarNames(r) }()
	_, res, _, err = hostile(t, victim{options: func(o *receive.Options) {
		o.Destination, o.Output, o.Links, o.Metadata = nil, w, transfer.LinksSafe, links
	}}, script)
	_ = w.Close()
	if got := fmt.Sprint(<-names); !errors.Is(err, transfer.ErrIncomplete) || res.Failed != 2 || got != "[a/ a/b/ a/b/l a/b/m]" {
		t.Errorf("the archive has %s; %d failed, %v", got, res.Failed, err)
	}
}
