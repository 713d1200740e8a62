package receive

import (
	"archive/tar"
	"context"
	"errors"
	"io"

	"ferry/checksum"
	"ferry/framing"
	"ferry/transfer"
	"ferry/transfer/internal/flow"
	"ferry/transfer/internal/progress"
	"ferry/transfer/tree"
)

// archive is the Output of an ordered delivery: one file's raw bytes, or a tar archive
// (PAX, POSIX.1-2001). One goroutine writes it.
type archive struct {
	out     io.Writer
	tar     *tar.Writer   // nil: raw
	granted tree.Metadata // that entries have
	track   *progress.Tracker
}

// newArchive returns the archive for what is offered: it is raw if that is exactly one
// file or stream.
func newArchive(out io.Writer, offer *framing.Offer, granted tree.Metadata, track *progress.Tracker) *archive {
	a := &archive{out: out, granted: granted, track: track}
	single := offer.Items == 1 && len(offer.Listed) == 1
	if !single || offer.Listed[0].Kind != framing.KindFile && offer.Listed[0].Kind != framing.KindStream {
		a.tar = tar.NewWriter(outputWriter{a})
	}
	return a
}

func (a *archive) raw() bool { return a.tar == nil }

// outputWriter is the Output of an archive, with heartbeats that say when it is waited for.
type outputWriter struct{ *archive }

func (w outputWriter) Write(b []byte) (int, error) {
	was := w.track.Be(framing.StateSource)
	defer w.track.Be(was)
	return w.out.Write(b)
}

// outputError is a failure to write the archive, or the one file, to the Output.
func outputError(err error) error {
	if err == nil || errors.As(err, new(*transfer.Error)) {
		return err
	}
	return &transfer.Error{Op: "writing to the output:", Code: framing.CodeIO, Err: err}
}

// header begins an entry. It returns what of its metadata an archive cannot hold.
func (a *archive) header(e *entry) (lost []tree.Loss, err error) {
	if a.raw() {
		return nil, nil
	}
	h, lost := tarHeader(e, a.granted)
	if own := e.link.own; own != nil {
		own.place = tarLink{e.path(), e.item.Mode, e.item.MTime}
	}
	return lost, outputError(a.tar.WriteHeader(h))
}

// write writes content of the entry that was begun last. It returns how many bytes were.
func (a *archive) write(b []byte) (n int, err error) {
	if a.raw() {
		n, err = outputWriter{a}.Write(b)
	} else {
		n, err = a.tar.Write(b)
	}
	return n, outputError(err)
}

// pad writes n zeros, for as long as the delivery goes on.
func (a *archive) pad(ctx context.Context, n int64) error {
	for n > 0 {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		some, err := a.write(flow.Zeros[:min(n, checksum.ChunkSize)])
		if err != nil {
			return err
		}
		n -= int64(some)
	}
	return nil
}

// close ends the archive.
func (a *archive) close() error {
	if a.raw() {
		return nil
	}
	return outputError(a.tar.Close())
}
