package send

import (
	"context"
	"time"

	"ferry/framing"
	"ferry/transfer/internal/failure"
	"ferry/transfer/internal/flow"
	"ferry/transfer/internal/progress"
)

// batch gathers ENTRY records into frames. A frame leaves when it is full, when its oldest
// record has waited long enough, or when the announcer has to wait for something.
// The goroutine walk alone uses it.
type batch struct {
	out   framing.Stream // stream 0
	purse *purse
	track *progress.Tracker

	body    []byte
	first   time.Time // when the oldest record in body was added
	items   int64     // in body, and not in the progress
	content int64     // of them, in bytes
}

// add adds the record of the entry with that id, which stands for so many bytes of
// content.
func (b *batch) add(ctx context.Context, id uint64, record []byte, content int64) error {
	b.items++
	b.content = flow.Plus(b.content, content)
	return b.append(ctx, id, record)
}

// append adds a record. next is the id of its entry, or of the next one if it is the end of
// a folder.
func (b *batch) append(ctx context.Context, next uint64, record []byte) error {
	if len(b.body) == 0 {
		b.first = time.Now()
		b.body = framing.AppendEntryHeader(b.body, next)
	}
	b.body = append(b.body, record...)
	if len(b.body) < entryBatch && time.Since(b.first) < entryDelay {
		return nil
	}
	return b.flush(ctx)
}

// flush sends what was gathered, and what the other side's person is to see.
func (b *batch) flush(ctx context.Context) error {
	if err := b.track.SendRemarks(b.out); err != nil {
		return err
	}
	if len(b.body) == 0 {
		return nil
	}
	b.track.Announced(b.items, b.content)
	b.items, b.content = 0, 0
	if err := b.purse.wait(ctx, len(b.body)); err != nil {
		return err
	}
	err := b.out.Send(true, framing.TypeEntry, b.body)
	b.body = b.body[:0]
	return failure.Link("announcing", err)
}

// folders are the folders that did not end yet. Their records take room in the window until
// then.
type folders struct {
	open map[uint64]openFolder // by id
	cost int64                 // of all
}

type openFolder struct {
	at   string // path at the destination
	cost int64
}

// path is that of a folder at the destination; empty of the top.
func (f *folders) path(id uint64) string { return f.open[id].at }

func (f *folders) begin(id uint64, folder openFolder) {
	f.open[id] = folder
	f.cost += folder.cost
}

func (f *folders) end(id uint64) {
	f.cost -= f.open[id].cost
	delete(f.open, id)
}
