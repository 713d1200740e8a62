package transfer_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"ferry/framing"
	"ferry/transfer"
	"ferry/transfer/internal/deliverytest"
	"ferry/transfer/local"
	"ferry/transfer/receive"
	"ferry/transfer/send"
	"ferry/transfer/tree"
	"ferry/transfer/tree/treetest"
)

// copyCaps is what both ends of a copy between two machines offer.
const copyCaps = framing.CapRequest | framing.CapMirror | framing.CapRemarks | framing.CapWide

// pulled is a delivery that the receiver asked for.
type pulled struct {
	sent, received      transfer.Result
	sendErr, receiveErr error
	saw                 *deliverytest.Recorder // by the receiver
}

// pull asks for paths, which serve answers, into dst.
func pull(t *testing.T, dst string, paths []string, serve func(send.Request) (send.Options, error), prepare func(*receive.Options)) *pulled {
	t.Helper()
	a, b := deliverytest.PairWith(t, copyCaps)
	d, err := local.NewFolder(dst, local.FolderOptions{})
	deliverytest.Must(t, err)
	defer d.Close()
	p := &pulled{saw: new(deliverytest.Recorder)}
	o := receive.Options{Destination: d, OnConflict: transfer.ConflictOverwrite, Links: transfer.LinksAll, Observer: p.saw}
	if prepare != nil {
		prepare(&o)
	}
	var wg sync.WaitGroup
	wg.Go(func() {
		p.sent, p.sendErr = send.Serve(t.Context(), a, func(_ context.Context, r send.Request) (send.Options, error) {
			o, err := serve(r)
			o.OwnSkips, o.Unasked = true, true
			return o, err
		})
	})
	p.received, p.receiveErr = receive.Fetch(t.Context(), b, receive.Request{Paths: paths}, o)
	wg.Wait()
	return p
}

func TestPull(t *testing.T) {
	src, dst := t.TempDir(), t.TempDir()
	deliverytest.Write(t, filepath.Join(src, "d/a"), 3*deliverytest.MiB, 1)
	odd := "d/b '"
	if treetest.Has(t, treetest.AnyName) {
		odd = "d/b \xff'\n"
	}
	deliverytest.Write(t, filepath.Join(src, odd), 10, 2)
	asked := []string{"./d", filepath.Join(src, "d") + "/"}
	p := pull(t, dst, asked, func(r send.Request) (send.Options, error) {
		if !slices.Equal(r.Paths, asked) || r.DryRun || r.Checksum {
			t.Errorf("asked for %+v", r)
		}
		return send.Options{Sources: append(deliverytest.Named(filepath.Join(src, "d")), deliverytest.Contents(filepath.Join(src, "d"))...)}, nil
	}, nil)
	if p.sendErr != nil || p.receiveErr != nil || !p.received.Acknowledged || p.received.Digest != p.sent.Digest {
		t.Fatalf("%v, %v: %+v", p.sendErr, p.receiveErr, p.received)
	}
	deliverytest.SameTree(t, filepath.Join(src, "d"), filepath.Join(dst, "d"))
	deliverytest.SameFile(t, filepath.Join(src, "d/a"), filepath.Join(dst, "a"))
}

// What was not asked for is not taken, whatever is offered.
func TestPullTakesWhatWasAskedFor(t *testing.T) {
	src := t.TempDir()
	for _, name := range []string{"a", "b", ".bashrc"} {
		deliverytest.Write(t, filepath.Join(src, "d", name), 10, 1)
	}
	named := func(names ...string) (all []send.Source) {
		for _, n := range names {
			all = append(all, deliverytest.Named(filepath.Join(src, "d", n))...)
		}
		return all
	}
	for what, c := range map[string]struct {
		paths   []string
		sources []send.Source
	}{
		"another name":  {[]string{"x/a"}, named("b")},
		"a hidden name": {[]string{"a", "b"}, named("a", ".bashrc")},
		"one more":      {[]string{"a"}, named("a", "b")},
		"contents":      {[]string{"d"}, deliverytest.Contents(filepath.Join(src, "d"))},
		"a folder":      {[]string{"d/"}, deliverytest.Named(filepath.Join(src, "d"))},
	} {
		dst := t.TempDir()
		p := pull(t, dst, c.paths, func(send.Request) (send.Options, error) { return send.Options{Sources: c.sources}, nil }, nil)
		var own *transfer.Error
		if !errors.As(p.receiveErr, &own) || own.Code != framing.CodeProtocol || p.sendErr == nil {
			t.Errorf("%s: ended with %v and %v", what, p.receiveErr, p.sendErr)
		}
		if names, err := os.ReadDir(dst); err != nil || len(names) != 0 {
			t.Errorf("%s: there is %v, %v", what, names, err)
		}
	}
}

// A request may be declined, and then the receiver is told why.
func TestPullDeclined(t *testing.T) {
	cause := &transfer.Error{Path: "nowhere", Code: framing.CodeVanished, Err: errors.New("there is no such thing")}
	p := pull(t, t.TempDir(), []string{"nowhere"}, func(send.Request) (send.Options, error) { return send.Options{}, cause }, nil)
	var told *transfer.Error
	if !errors.As(p.receiveErr, &told) || !told.Remote || told.Code != framing.CodeVanished || !strings.Contains(told.Error(), "no such thing") {
		t.Errorf("the receiver ended with %v", p.receiveErr)
	}
	if !errors.Is(p.sendErr, cause) {
		t.Errorf("the sender ended with %v", p.sendErr)
	}
}

// One that knows no requests is told apart from one that declines.
func TestPullFromAnOldSender(t *testing.T) {
	a, b := deliverytest.PairWith(t, 0)
	defer a.Close()
	_, err := receive.Fetch(t.Context(), b, receive.Request{Paths: []string{"a"}}, receive.Options{})
	var own *transfer.Error
	if !errors.As(err, &own) || own.Code != framing.CodeVersion {
		t.Errorf("ended with %v", err)
	}
}

// One file lands under the name that the receiver has for it, and both sides know that.
func TestLandingName(t *testing.T) {
	src, dst := t.TempDir(), t.TempDir()
	deliverytest.Write(t, filepath.Join(src, "a"), 2*deliverytest.MiB, 1)
	items := []string{"a"}
	if treetest.Symlink(t, "a", filepath.Join(src, "l")) {
		items = append(items, "l")
	}
	for _, name := range items {
		for _, again := range []bool{false, true} {
			p := pull(t, dst, []string{name}, func(send.Request) (send.Options, error) {
				return send.Options{Sources: deliverytest.Named(filepath.Join(src, name))}, nil
			}, func(o *receive.Options) {
				o.Land = func(offer transfer.Offer) (string, error) {
					if len(offer.Listed) != 1 || offer.Listed[0].Name != name {
						t.Errorf("offered was %+v", offer)
					}
					return name + " renamed", nil
				}
			})
			if p.receiveErr != nil || p.sendErr != nil || again != (p.received.Same == 1) {
				t.Fatalf("%v, %v: %+v", p.receiveErr, p.sendErr, p.received)
			}
			for _, d := range deliverytest.Find[transfer.ItemDone](p.saw) {
				if d.Path != name+" renamed" || d.NewName != "" {
					t.Errorf("told was %+v", d)
				}
			}
		}
	}
	deliverytest.SameFile(t, filepath.Join(src, "a"), filepath.Join(dst, "a renamed"))
	if names, _ := os.ReadDir(dst); len(names) != len(items) {
		t.Errorf("there is %v", names)
	}
}

// A name for more than one file, or one that leads elsewhere, declines.
func TestLandingNameRefused(t *testing.T) {
	src := t.TempDir()
	deliverytest.Write(t, filepath.Join(src, "d/a"), 10, 1)
	deliverytest.Write(t, filepath.Join(src, "b"), 10, 1)
	for name, sources := range map[string][]send.Source{
		"x":    deliverytest.Named(filepath.Join(src, "d")),
		"y":    deliverytest.Contents(src),
		"../z": deliverytest.Named(filepath.Join(src, "b")),
	} {
		dst := t.TempDir()
		s := deliverytest.Deliver(t, t.Context(), dst, sources, func(_ *send.Options, r *receive.Options, _ *deliverytest.Sides) {
			r.Land = func(transfer.Offer) (string, error) { return name, nil }
		})
		if s.SendErr == nil || s.ReceiveErr == nil {
			t.Errorf("%s: ended with %v and %v", name, s.SendErr, s.ReceiveErr)
		}
		if names, err := os.ReadDir(dst); err != nil || len(names) != 0 {
			t.Errorf("%s: there is %v, %v", name, names, err)
		}
	}
}

// What the sender's person would see, the receiver's sees.
func TestRemarksOfASender(t *testing.T) {
	src, dst := filepath.Join(t.TempDir(), "s"), t.TempDir()
	deliverytest.Write(t, filepath.Join(src, "a"), 10, 1)
	deliverytest.Write(t, filepath.Join(src, "big"), 5000, 1)
	gone := filepath.Join(src, "gone")
	p := pull(t, dst, []string{"s", "gone"}, func(send.Request) (send.Options, error) {
		o := send.Options{Sources: deliverytest.Named(src, gone), Remove: &send.Removal{Spare: neverThere}}
		most := int64(100)
		o.Select.Sizes.Max = &most
		return o, nil
	}, nil)
	if !errors.Is(p.receiveErr, transfer.ErrIncomplete) || p.received.Failed != 1 || p.received.Excluded != 1 || p.received.Removed != 1 {
		t.Errorf("ended with %v: %+v", p.receiveErr, p.received)
	}
	failed := deliverytest.Find[transfer.ItemFailed](p.saw)
	if len(failed) != 1 || failed[0].Path != gone || failed[0].Err.Code != framing.CodeVanished || !failed[0].Err.Remote {
		t.Errorf("failed: %+v", failed)
	}
	out := deliverytest.Find[transfer.ItemExcluded](p.saw)
	if len(out) != 1 || out[0].Path != filepath.Join(src, "big") || out[0].String() != "--max-size" {
		t.Errorf("excluded: %+v", out)
	}
	removed := deliverytest.Find[transfer.ItemRemoved](p.saw)
	if len(removed) != 1 || removed[0].Path != filepath.Join(src, "a") || removed[0].Size != 10 {
		t.Errorf("removed: %+v", removed)
	}
	if _, err := os.Lstat(filepath.Join(src, "a")); err == nil {
		t.Error("it was not removed")
	}
}

func neverThere(string, tree.Info) bool { return false }
