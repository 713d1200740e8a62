package deliverytest

import (
	"bytes"
	"errors"
	"io"
	"sync"
	"testing"

	"ferry/transfer"
	"ferry/transfer/local"
	"ferry/transfer/receive"
	"ferry/transfer/send"
	"ferry/transfer/storage"
	"ferry/transfer/tree"
)

// Setup may change the options and hook into the links before the delivery.
type Setup func(*send.Options, *receive.Options, *Sides)

// WithPolicy has the receiver meet conflicts so.
func WithPolicy(p transfer.ConflictPolicy) Setup {
	return func(_ *send.Options, r *receive.Options, _ *Sides) { r.OnConflict = p }
}

// ToOutput has the receiver write to w and to no folder.
func ToOutput(w io.Writer) Setup {
	return func(_ *send.Options, r *receive.Options, _ *Sides) { r.Output = w }
}

// Wishing has the sender wish for one thing and the receiver permit another.
func Wishing(wish, permit tree.Metadata) Setup {
	return func(so *send.Options, ro *receive.Options, _ *Sides) {
		so.Metadata, ro.Metadata = wish, permit
	}
}

// Rehearsed makes the delivery a dry run into dst.
func Rehearsed(t *testing.T, dst string) Setup {
	return func(s *send.Options, r *receive.Options, _ *Sides) {
		s.DryRun = true
		r.Rehearse = func() (storage.Destination, error) {
			h, err := local.NewRehearsal(dst, local.FolderOptions{})
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

// CutAfter ends the delivery without a goodbye once the receiver has n bytes.
func CutAfter(n int64) Setup {
	return func(_ *send.Options, _ *receive.Options, s *Sides) {
		var once sync.Once
		s.ReceiveSaw.Act = func(e transfer.Event) {
			if p, ok := e.(transfer.Progress); ok && p.Moved >= n {
				once.Do(func() {
					s.SendLink.Abort(errors.New("cut"))
					s.receiveEnd.Abort(errors.New("cut"))
				})
			}
		}
	}
}

// Stream is a source of unknown length.
func Stream(name string, r io.Reader) []send.Source {
	return []send.Source{{Source: tree.Source{Name: name}, Reader: r}}
}

// Notify hands on what is written, piece by piece.
type Notify chan []byte

func (n Notify) Write(p []byte) (int, error) {
	n <- bytes.Clone(p)
	return len(p), nil
}
