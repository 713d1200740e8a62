package object

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"ferry/checksum"
	"ferry/transfer"
	"ferry/transfer/internal/deliverytest"
	"ferry/transfer/object/bucket"
	"ferry/transfer/object/objecttest"
	"ferry/transfer/receive"
	"ferry/transfer/send"
	"ferry/transfer/tree"
	"ferry/transfer/tree/treetest"
)

// rigs are the stores that whole deliveries are tried at.
func rigs() map[string]func(testing.TB) (string, bucket.Options) {
	return map[string]func(testing.TB) (string, bucket.Options){"fake": objecttest.Fake, "real": objecttest.Versity}
}

// begin is a destination for one delivery. Die ends it without a word to the store, as the
// process would end that is killed.
func begin(t *testing.T, b *bucket.Bucket, o Options) (d *destination, die func()) {
	t.Helper()
	made, err := NewDestination(context.Background(), b, o)
	if err != nil {
		t.Fatal(err)
	}
	d = made.(*destination)
	d.files.leases.self.Start = "0" // no process that others would find alive
	root, end := context.WithCancel(context.Background())
	d.s.root = root
	die = func() {
		end()
		d.s.cancel(context.Canceled)
	}
	t.Cleanup(func() {
		die()
		_ = d.Close()
	})
	return d, die
}

// into has a delivery land in d.
func into(d *destination) deliverytest.Setup {
	return func(_ *send.Options, ro *receive.Options, _ *deliverytest.Sides) { ro.Destination = d }
}

// sameAsKeys compares a folder with the objects of a bucket: content, metadata and digests.
func sameAsKeys(t *testing.T, dir string, b *bucket.Bucket) {
	t.Helper()
	want := make(map[string]bool)
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || path == dir {
			return err
		}
		rel, _ := filepath.Rel(dir, path)
		key := filepath.ToSlash(rel)
		if d.IsDir() {
			if in, err := os.ReadDir(path); err != nil || len(in) > 0 {
				return err
			}
			key += "/"
		}
		want[key] = true
		o, err := b.Head(context.Background(), key)
		if err != nil {
			t.Errorf("%q: %v", key, err)
			return nil
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		m := decodeMeta(o.Meta)
		if !m.HasMTime || m.MTime.Std() != info.ModTime().Truncate(0) && !m.MTime.Std().Equal(info.ModTime()) {
			t.Errorf("%q: mtime %v, want %v", key, o.Meta, info.ModTime())
		}
		if treetest.Has(t, treetest.Modes) && m.Mode != uint32(info.Mode().Perm()) {
			t.Errorf("%q: mode %o, want %v", key, m.Mode, info.Mode())
		}
		if d.IsDir() {
			return nil
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		if !bytes.Equal(data, content(t, b, key)) || m.Digest != checksum.Sum(data) {
			t.Errorf("%q is another content, or its digest %v", key, o.Meta)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for o, err := range b.List(context.Background(), "", true) {
		if err != nil {
			t.Fatal(err)
		}
		if !want[o.Key] {
			t.Errorf("%q stands there too", o.Key)
		}
	}
	for _, u := range objecttest.Uploads(t, b) {
		t.Errorf("left is the upload %+v", u)
	}
}

// source makes a folder with one of each.
func source(t *testing.T, large int) string {
	t.Helper()
	dir := t.TempDir()
	for name, size := range map[string]int{"empty": 0, "small": 1000, "chunk": 1 << 20, "chunk+1": 1<<20 + 1, "d/large": large, "d/e/small ü": 70_000, "d/e/other": 5} {
		deliverytest.Write(t, filepath.Join(dir, name), size, uint64(size))
	}
	for i := range 40 {
		deliverytest.Write(t, filepath.Join(dir, "many", fmt.Sprint(i)), 100*i, uint64(i))
	}
	if err := os.MkdirAll(filepath.Join(dir, "hollow", "inner"), 0o750); err != nil {
		t.Fatal(err)
	}
	return dir
}

// A delivery brings all, a second one finds it the same, and a third one only what changed.
func TestDeliveries(t *testing.T) {
	for name, rig := range rigs() {
		t.Run(name, func(t *testing.T) {
			place, o := rig(t)
			b := openBucket(t, place, o)
			dir := source(t, 21<<20+5)
			src := []send.Source{{Source: tree.Source{Path: dir, Contents: true}}}
			deliver := func(o Options, more ...deliverytest.Setup) transfer.Result {
				t.Helper()
				d, _ := begin(t, b, o)
				s := deliverytest.Deliver(t, t.Context(), "", src, append([]deliverytest.Setup{into(d)}, more...)...).OK(t)
				if err := d.Close(); err != nil {
					t.Error(err)
				}
				if held := d.files.budget.held(); held != 0 {
					t.Errorf("%d bytes are held", held)
				}
				return s.Received
			}
			if r := deliver(Options{VerifyDisk: true}); r.Same > 1 {
				t.Errorf("%+v", r)
			}
			sameAsKeys(t, dir, b)
			if r := deliver(Options{}); r.Delivered > 0 {
				t.Errorf("the second time: %+v", r)
			}
			large := filepath.Join(dir, "d/large")
			data, err := os.ReadFile(large)
			if err != nil {
				t.Fatal(err)
			}
			data[7<<20] ^= 1
			deliverytest.Must(t, os.WriteFile(large, data, 0o640))
			deliverytest.Must(t, os.Chmod(filepath.Join(dir, "small"), 0o400))
			if r := deliver(Options{}, deliverytest.WithPolicy(transfer.ConflictOverwrite)); r.Replaced != 1 {
				t.Errorf("the third time: %+v", r)
			}
			sameAsKeys(t, dir, b)
		})
	}
}

// A delivery that is killed again and again ends with the whole, and hardly sends a part twice.
func TestKilledAgainAndAgain(t *testing.T) {
	for name, rig := range rigs() {
		t.Run(name, func(t *testing.T) {
			place, o := rig(t)
			b := openBucket(t, place, o)
			const large = 30<<20 + 5
			dir := source(t, large)
			src := []send.Source{{Source: tree.Source{Path: dir, Contents: true}}}
			rng := rand.New(rand.NewPCG(1, 2))
			sent := int64(0)
			for round := 0; ; round++ {
				if round == 60 {
					t.Fatal("it does not end")
				}
				d, die := begin(t, b, Options{part: 5 << 20, note: 1, Memory: 15 << 20})
				alone(d)
				ctx, cancel := context.WithCancel(t.Context())
				left := 2 + rng.IntN(40) + round // a slow machine tells more often how it goes
				s := deliverytest.Deliver(t, ctx, "", src, into(d), func(_ *send.Options, _ *receive.Options, s *deliverytest.Sides) {
					s.ReceiveSaw.Act = func(e transfer.Event) {
						if p, ok := e.(transfer.Progress); ok && p.Moved > 0 {
							if left--; left == 0 {
								die()
								cancel()
							}
						}
					}
				})
				cancel()
				sent += s.Sent.Moved
				if s.SendErr == nil && s.ReceiveErr == nil {
					deliverytest.Must(t, d.Close())
					// What is in memory and what the credit lets be under way are lost each time.
					if most := int64(round)*(32<<20) + large + 4<<20; sent > most {
						t.Errorf("%d MiB were sent in %d rounds, %d at most", sent>>20, round+1, most>>20)
					}
					break
				}
				die()
				_ = d.Close()
			}
			sameAsKeys(t, dir, b)
		})
	}
}
