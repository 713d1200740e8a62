package transfer_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"

	"ferry/framing"
	"ferry/transfer"
	"ferry/transfer/internal/deliverytest"
	"ferry/transfer/receive"
	"ferry/transfer/send"
)

func TestManyLargeFilesThatVanish(t *testing.T) {
	src, dst := t.TempDir(), t.TempDir()
	const files = 200
	for i := range files {
		name := filepath.Join(src, fmt.Sprint(i))
		deliverytest.Must(t, os.WriteFile(name, nil, 0o644))
		deliverytest.Must(t, os.Truncate(name, deliverytest.MiB+1))
	}
	s := deliverytest.Deliver(t, t.Context(), dst, deliverytest.Contents(src), func(_ *send.Options, r *receive.Options, _ *deliverytest.Sides) {
		r.Accept = func(context.Context, transfer.Offer, <-chan transfer.Extent) error {
			for i := range files {
				deliverytest.Must(t, os.Remove(filepath.Join(src, fmt.Sprint(i))))
			}
			return nil
		}
	})
	if !errors.Is(s.SendErr, transfer.ErrIncomplete) || !errors.Is(s.ReceiveErr, transfer.ErrIncomplete) || s.Sent.Failed != files || s.Received.Failed != files {
		t.Errorf("ended with %v (%d failed) and %v (%d failed)", s.SendErr, s.Sent.Failed, s.ReceiveErr, s.Received.Failed)
	}
}

// A file that is written all the time must not be waited for.
func TestFileThatNeverRestsEnds(t *testing.T) {
	src, dst := t.TempDir(), t.TempDir()
	path := filepath.Join(src, "log")
	deliverytest.Write(t, path, 200<<10, 1)
	stop := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		f, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND, 0)
		if err != nil {
			t.Error(err)
			return
		}
		defer f.Close()
		for {
			select {
			case <-stop:
				return
			default:
				if _, err := f.WriteString("x"); err != nil {
					t.Error(err)
					return
				}
				runtime.Gosched()
			}
		}
	})
	s := deliverytest.Deliver(t, t.Context(), dst, deliverytest.Contents(src))
	close(stop)
	wg.Wait()
	if s.SendErr == nil { // the writer was held up for as long as it took
		got, err := os.ReadFile(filepath.Join(dst, "log"))
		all, aerr := os.ReadFile(path)
		if err != nil || aerr != nil || !bytes.HasPrefix(all, got) {
			t.Errorf("published %d bytes that were never in the file (%v)", len(got), err)
		}
		return
	}
	if !errors.Is(s.SendErr, transfer.ErrIncomplete) || len(s.Sent.Failures) != 1 || s.Sent.Failures[0].Code != framing.CodeChanged {
		t.Errorf("ended with %v, %v", s.SendErr, s.Sent.Failures)
	}
}

// changeWhileRead rewrites path once, when the sender has begun to send it.
func changeWhileRead(path string, times int, change func(n int)) deliverytest.Setup {
	return func(_ *send.Options, _ *receive.Options, s *deliverytest.Sides) {
		var mu sync.Mutex
		n := 0
		s.SendSaw.Act = func(e transfer.Event) {
			if p, ok := e.(transfer.Progress); ok && p.Moved > 0 && strings.HasSuffix(p.Active, filepath.Base(path)) {
				mu.Lock()
				defer mu.Unlock()
				if n < times {
					n++
					change(n)
				}
			}
		}
	}
}

func TestFileThatChangesWhileReadIsSentAgain(t *testing.T) {
	src, dst := t.TempDir(), t.TempDir()
	path := filepath.Join(src, "changing")
	deliverytest.Write(t, path, 20*deliverytest.MiB, 1)
	deliverytest.Deliver(t, t.Context(), dst, deliverytest.Contents(src), changeWhileRead(path, 1, func(int) {
		deliverytest.Write(t, path, 21*deliverytest.MiB+5, 2)
	})).OK(t)
	deliverytest.SameTree(t, src, dst)
}

// Small files are read long after they were listed, when many stand before them.
func TestSmallFileThatChangedSinceItWasListed(t *testing.T) {
	for _, change := range []func(path string){
		func(p string) { deliverytest.Write(t, p, 7, 2) },
		func(p string) { deliverytest.Write(t, p, 0, 2) },
		func(p string) { deliverytest.Write(t, p, 100<<10, 2) },
		func(p string) { deliverytest.Write(t, p, 3*deliverytest.MiB, 2) },
		func(p string) { deliverytest.Must(t, os.Chmod(p, 0o600)) },
	} {
		src, dst := t.TempDir(), t.TempDir()
		path := filepath.Join(src, "f")
		deliverytest.Write(t, path, 5, 1)
		deliverytest.Deliver(t, t.Context(), dst, deliverytest.Contents(src), func(_ *send.Options, r *receive.Options, _ *deliverytest.Sides) {
			r.Accept = func(context.Context, transfer.Offer, <-chan transfer.Extent) error { change(path); return nil }
		}).OK(t)
		deliverytest.SameTree(t, src, dst)
	}
}

func TestFileThatKeepsChangingIsNotPublished(t *testing.T) {
	for _, allow := range []bool{false, true} {
		src, dst := t.TempDir(), t.TempDir()
		path := filepath.Join(src, "changing")
		deliverytest.Write(t, path, 20*deliverytest.MiB, 1)
		deliverytest.Write(t, filepath.Join(src, "calm"), 10, 2)
		s := deliverytest.Deliver(t, t.Context(), dst, deliverytest.Contents(src), changeWhileRead(path, 1<<30, func(n int) {
			f, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND, 0)
			if err == nil {
				_, err = f.WriteString("more")
				err = errors.Join(err, f.Close())
			}
			if err != nil {
				t.Error(err)
			}
		}), func(o *send.Options, _ *receive.Options, _ *deliverytest.Sides) { o.AllowChanged = allow })
		deliverytest.SameFile(t, filepath.Join(src, "calm"), filepath.Join(dst, "calm"))
		got, err := os.ReadFile(filepath.Join(dst, "changing"))
		if allow {
			s.OK(t)
			now, rerr := os.ReadFile(path)
			if err != nil || rerr != nil || !bytes.HasPrefix(now, got) || len(got) < 20*deliverytest.MiB {
				t.Errorf("published %d bytes that are no prefix of the file (%v)", len(got), err)
			}
			continue
		}
		if !errors.Is(s.SendErr, transfer.ErrIncomplete) || !errors.Is(s.ReceiveErr, transfer.ErrIncomplete) {
			t.Errorf("ended with %v and %v", s.SendErr, s.ReceiveErr)
		}
		if !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("it was published: %v", err)
		}
	}
}

func TestMissingSourceFailsAlone(t *testing.T) {
	src, dst := t.TempDir(), t.TempDir()
	deliverytest.Write(t, filepath.Join(src, "there"), 10, 1)
	s := deliverytest.Deliver(t, t.Context(), dst, deliverytest.Named(filepath.Join(src, "there"), filepath.Join(src, "gone")))
	if !errors.Is(s.SendErr, transfer.ErrIncomplete) || !errors.Is(s.ReceiveErr, transfer.ErrIncomplete) {
		t.Errorf("ended with %v and %v", s.SendErr, s.ReceiveErr)
	}
	if len(s.Sent.Failures) != 1 || s.Sent.Failures[0].Code != framing.CodeVanished || s.Received.Failed != 1 {
		t.Errorf("sender %v, receiver counts %d", s.Sent.Failures, s.Received.Failed)
	}
	deliverytest.SameFile(t, filepath.Join(src, "there"), filepath.Join(dst, "there"))
}
