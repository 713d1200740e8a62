package transfer_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"ferry/framing"
	"ferry/transfer"
	"ferry/transfer/internal/deliverytest"
	"ferry/transfer/link"
	"ferry/transfer/receive"
	"ferry/transfer/send"
	"ferry/transfer/tree/treetest"
)

// Whoever is asked about an offer hears how much it is, before anything is accepted.
func TestOfferGrows(t *testing.T) {
	src := t.TempDir()
	deliverytest.Must(t, os.MkdirAll(filepath.Join(src, "d", "sub"), 0o755))
	deliverytest.Must(t, os.Mkdir(filepath.Join(src, "d", "empty"), 0o755))
	for i := range 400 { // more than one frame
		deliverytest.Write(t, filepath.Join(src, "d", "sub", fmt.Sprint("f", i)), 10, uint64(i))
	}
	deliverytest.Must(t, os.Link(filepath.Join(src, "d", "sub", "f0"), filepath.Join(src, "d", "twin")))
	links := treetest.Symlink(t, "twin", filepath.Join(src, "d", "l"))
	want := transfer.Extent{Files: 401, Folders: 3, Bytes: 4010, Whole: true}
	if links {
		want.Others = 1
	}
	for _, c := range []struct {
		about   string
		sources []send.Source
		want    transfer.Extent
	}{
		{"a folder", deliverytest.Named(filepath.Join(src, "d")), want},
		{"a file", deliverytest.Named(filepath.Join(src, "d", "twin")), transfer.Extent{Files: 1, Bytes: 10, Whole: true}},
		{"a stream", deliverytest.Stream("s", strings.NewReader("text")), transfer.Extent{Others: 1, Whole: true}},
	} {
		t.Run(c.about, func(t *testing.T) {
			var last transfer.Extent
			dst := t.TempDir()
			s := deliverytest.DeliverOver(t, t.Context(), link.Config{Capabilities: framing.CapWide}, dst, c.sources, func(_ *send.Options, r *receive.Options, _ *deliverytest.Sides) {
				r.Accept = func(ctx context.Context, o transfer.Offer, grown <-chan transfer.Extent) error {
					last = o.Extent
					for e := range grown { // closed when all is known
						if e.Files < last.Files || e.Folders < last.Folders || e.Bytes < last.Bytes {
							t.Errorf("%+v comes after %+v", e, last)
						}
						last = e
					}
					names, err := os.ReadDir(dst)
					if err != nil || len(names) != 0 {
						t.Errorf("before the answer the destination has %v, %v", names, err)
					}
					return ctx.Err()
				}
			}).OK(t)
			if last != c.want {
				t.Errorf("%+v was announced, want %+v", last, c.want)
			}
			if told := deliverytest.Find[transfer.Offered](s.ReceiveSaw); len(told) != 1 || told[0].Offer.Extent != c.want {
				t.Errorf("of the accepted offer was told %+v", told)
			}
		})
	}
}

// A sender announces no more than 256 entries to a receiver that does not know the wide
// window, however long that considers the offer.
func TestOfferGrowsLittleOnAnOldLink(t *testing.T) {
	src := t.TempDir()
	for i := range 1000 {
		deliverytest.Write(t, filepath.Join(src, fmt.Sprint("f", i)), 10, uint64(i))
	}
	dst := t.TempDir()
	s := deliverytest.Deliver(t, t.Context(), dst, deliverytest.Contents(src), func(_ *send.Options, r *receive.Options, _ *deliverytest.Sides) {
		r.Accept = func(ctx context.Context, o transfer.Offer, grown <-chan transfer.Extent) error {
			last := o.Extent
			for last.Files < 255 {
				select {
				case last = <-grown:
				case <-ctx.Done():
					return ctx.Err()
				}
			}
			if want := (transfer.Extent{Files: 255, Bytes: 2550}); last != want {
				t.Errorf("%+v was announced, want %+v", last, want)
			}
			return nil
		}
	}).OK(t)
	if s.Received.Delivered != 1000 {
		t.Errorf("%d items were delivered", s.Received.Delivered)
	}
	deliverytest.SameTree(t, src, dst)
}
