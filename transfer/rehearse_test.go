package transfer_test

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"ferry/framing"
	"ferry/transfer"
	"ferry/transfer/local"
	"ferry/transfer/receive"
	"ferry/transfer/send"
	"ferry/transfer/storage"
)

// rehearsed makes the delivery a dry run into dst.
func rehearsed(t *testing.T, dst string) setup {
	return func(s *send.Options, r *receive.Options, _ *sides) {
		s.DryRun = true
		r.Rehearse = func() (storage.Rehearsal, error) {
			h, err := local.NewRehearsal(dst)
			if err == nil {
				t.Cleanup(func() {
					if err := h.Close(); err != nil {
						t.Error(err)
					}
				})
			}
			return h, err
		}
	}
}

// snapshot is all that a dry run must leave as it is: names, inodes by their
// times, modes and contents.
func snapshot(t *testing.T, root string) string {
	t.Helper()
	var b strings.Builder
	err := filepath.WalkDir(root, func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		fmt.Fprintf(&b, "%s %v %d %v\n", p, info.Mode(), info.Size(), info.ModTime().UnixNano())
		if info.Mode().IsRegular() {
			content, err := os.ReadFile(p)
			if err != nil {
				return err
			}
			fmt.Fprintf(&b, "%x\n", content)
		}
		return nil
	})
	must(t, err)
	return b.String()
}

// layConflicts makes a source and a destination in which something of each kind
// awaits the delivery.
func layConflicts(t *testing.T) (src, dst string) {
	src, dst = t.TempDir(), t.TempDir()
	old := time.Unix(1e9, 0)
	same := func(name string, size int) {
		write(t, filepath.Join(src, name), size, 1)
		write(t, filepath.Join(dst, name), size, 1)
		must(t, os.Chtimes(filepath.Join(src, name), old, old))
		must(t, os.Chtimes(filepath.Join(dst, name), old, old))
	}
	same("same", 100)
	same("touched", 2*mib+5)
	must(t, os.Chtimes(filepath.Join(dst, "touched"), old, old.Add(time.Hour)))
	same("d/differs", 2*mib+5)
	write(t, filepath.Join(dst, "d/differs"), 2*mib+5, 2)
	same("longer", 10)
	write(t, filepath.Join(dst, "longer"), 11, 1)
	must(t, os.Symlink("a", filepath.Join(src, "link")))
	must(t, os.Symlink("b", filepath.Join(dst, "link")))
	must(t, os.Symlink("a", filepath.Join(src, "newlink")))
	write(t, filepath.Join(src, "new/deep/file"), 3*mib, 3)
	write(t, filepath.Join(src, "new/small"), 30, 3)
	return src, dst
}

// A dry run says, of each item, what the delivery then does, and until then
// nothing has changed.
func TestDryRunSaysWhatWouldHappen(t *testing.T) {
	for _, policy := range []transfer.ConflictPolicy{transfer.ConflictFail, transfer.ConflictSkip, transfer.ConflictOverwrite, transfer.ConflictRename} {
		for _, checksum := range []bool{false, true} {
			t.Run(fmt.Sprintf("policy %d checksum %v", policy, checksum), func(t *testing.T) {
				src, dst := layConflicts(t)
				before := snapshot(t, dst)
				options := func(s *send.Options, r *receive.Options, _ *sides) {
					s.Checksum, r.OnConflict, r.Links = checksum, policy, transfer.LinksAll
				}
				dry := deliver(t, t.Context(), "", contents(src), options, rehearsed(t, dst))
				if after := snapshot(t, dst); after != before {
					t.Fatalf("it changed the destination:\n%s\nwas\n%s", after, before)
				}
				real := deliver(t, t.Context(), dst, contents(src), options)
				if errors.Is(dry.sendErr, transfer.ErrIncomplete) != errors.Is(real.sendErr, transfer.ErrIncomplete) {
					t.Fatalf("%v, and then %v", dry.sendErr, real.sendErr)
				}
				left := policy == transfer.ConflictFail || policy == transfer.ConflictSkip
				if left != errors.Is(dry.sendErr, transfer.ErrIncomplete) {
					t.Fatalf("ended with %v", dry.sendErr)
				}
				endings := func(r *recorder) map[string]string {
					m := make(map[string]string)
					for _, d := range find[transfer.ItemDone](r) {
						m[d.At] = fmt.Sprintf("%v %s %d %d", d.Status, d.NewName, d.Size, d.Cause)
					}
					for _, f := range find[transfer.ItemFailed](r) {
						m[f.Path] = fmt.Sprint(f.Err.Code)
					}
					return m
				}
				for i, pair := range [][2]map[string]string{
					{endings(dry.sendSaw), endings(real.sendSaw)}, {endings(dry.receiveSaw), endings(real.receiveSaw)},
				} {
					if fmt.Sprint(pair[0]) != fmt.Sprint(pair[1]) {
						t.Errorf("side %d: it said\n%v\nand then came\n%v", i, pair[0], pair[1])
					}
				}
				for _, pair := range [][2]transfer.Result{{dry.sent, real.sent}, {dry.received, real.received}} {
					r, real := pair[0], pair[1]
					if !r.DryRun || r.Durable || r.Moved != 0 {
						t.Errorf("result %+v", r)
					}
					if r.Delivered != real.Delivered || r.Replaced != real.Replaced || r.Same != real.Same ||
						r.Skipped != real.Skipped || r.Failed != real.Failed || r.Bytes != real.Bytes {
						t.Errorf("%+v, and then %+v", r, real)
					}
				}
			})
		}
	}
}

func TestDryRunMakesNoDestination(t *testing.T) {
	src, dst := t.TempDir(), filepath.Join(t.TempDir(), "not", "there")
	write(t, filepath.Join(src, "a/b"), 2*mib, 1)
	s := deliver(t, t.Context(), "", contents(src), rehearsed(t, dst)).ok(t)
	if s.sent.Delivered != 3 || s.sent.Bytes != 2*mib {
		t.Errorf("%+v", s.sent)
	}
	if _, err := os.Lstat(filepath.Dir(dst)); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("it made something: %v", err)
	}
	must(t, os.WriteFile(filepath.Dir(dst), nil, 0o644))
	if s := deliver(t, t.Context(), "", contents(src), rehearsed(t, dst)); s.receiveErr == nil || s.sendErr == nil {
		t.Error("a file stands where the destination would be, and nothing was said")
	}
}

// unread fails the test when it is read.
type unread struct{ t *testing.T }

func (u unread) Read([]byte) (int, error) {
	u.t.Error("the stream was read")
	return 0, io.EOF
}

func TestDryRunReadsNoStream(t *testing.T) {
	s := deliver(t, t.Context(), "", stream("s", unread{t}), rehearsed(t, t.TempDir())).ok(t)
	if s.sent.Delivered != 1 || s.sent.Bytes != 0 {
		t.Errorf("%+v", s.sent)
	}
}

func TestDryRunToAnOutputIsDeclined(t *testing.T) {
	src := t.TempDir()
	write(t, filepath.Join(src, "f"), 10, 1)
	s := deliver(t, t.Context(), "", contents(src), toOutput(io.Discard),
		func(s *send.Options, _ *receive.Options, _ *sides) { s.DryRun = true })
	for _, err := range []error{s.sendErr, s.receiveErr} {
		var own *transfer.Error
		if !errors.As(err, &own) || own.Code != framing.CodeDeclined {
			t.Errorf("ended with %v", err)
		}
	}
}

// full is a rehearsal with so much room.
type full struct {
	storage.Rehearsal
	free int64
}

func (f full) Free() (int64, error) { return f.free, nil }

// The listing goes on where the room ends, and what was left by an unfinished
// delivery is not needed again.
func TestDryRunCountsTheRoom(t *testing.T) {
	src, dst := t.TempDir(), t.TempDir()
	write(t, filepath.Join(src, "a"), 3*mib, 1)
	write(t, filepath.Join(src, "b"), 4*mib, 2)
	write(t, filepath.Join(src, "c"), 1*mib, 3)
	limited := func(free int64) setup {
		return func(_ *send.Options, r *receive.Options, _ *sides) {
			rehearse := r.Rehearse
			r.Rehearse = func() (storage.Rehearsal, error) {
				h, err := rehearse()
				return full{h, free}, err
			}
		}
	}
	s := deliver(t, t.Context(), "", contents(src), rehearsed(t, dst), limited(5*mib))
	if !errors.Is(s.sendErr, transfer.ErrIncomplete) || s.sent.Failed != 1 || s.sent.Delivered != 2 {
		t.Fatalf("%v, %+v", s.sendErr, s.sent)
	}
	for _, f := range []*transfer.Error{s.sent.Failures[0], s.received.Failures[0]} {
		if f.Code != framing.CodeNoSpace || filepath.Base(f.Path) != "b" || !strings.Contains(f.Error(), "needs 4.00 MiB of space, 2.00 MiB are free") {
			t.Errorf("failure %v", f)
		}
	}
	if s := deliver(t, t.Context(), dst, contents(src), cutAfter(2*mib)); s.sendErr == nil {
		t.Fatal("the delivery was not cut")
	}
	s = deliver(t, t.Context(), "", contents(src), rehearsed(t, dst), limited(8*mib-1))
	if s.sendErr != nil {
		t.Errorf("what an interrupted delivery left was counted as needed: %v", s.sendErr)
	}
}

// A receiver that takes a dry run for a delivery, or asks for content in one, is
// left before it gets any.
func TestDryRunGivesNoContent(t *testing.T) {
	for name, script := range map[string]func(*peer){
		"an ACCEPT without the flag": func(p *peer) {
			a := framing.Accept{EntryWindow: 1000, EntryBytes: 1 << 20, Streams: 1}
			p.send(framing.TypeAccept, a.Append(nil))
		},
		"a WANT for all": func(p *peer) {
			a := framing.Accept{Flags: framing.FlagDryRun, EntryWindow: 1000, EntryBytes: 1 << 20, Streams: 1}
			p.send(framing.TypeAccept, a.Append(nil))
			w := framing.Want{ID: 1, Kind: framing.WantAll}
			p.send(framing.TypeWant, w.Append(nil))
		},
	} {
		t.Run(name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "f")
			write(t, file, 10, 1)
			a, b := pair(t)
			ended := make(chan error, 1)
			go func() {
				_, err := send.Send(t.Context(), a, send.Options{Sources: named(file), DryRun: true})
				ended <- err
			}()
			p := &peer{t: t, l: b}
			p.until(framing.TypeEntry)
			script(p)
			bye, err := framing.ParseBye(p.until(framing.TypeBye))
			if err != nil || bye.Code != framing.CodeProtocol {
				t.Errorf("goodbye %v, %v", bye, err)
			}
			_ = b.Close()
			var own *transfer.Error
			if err := <-ended; !errors.As(err, &own) || own.Code != framing.CodeProtocol {
				t.Errorf("ended with %v", err)
			}
		})
	}
}
