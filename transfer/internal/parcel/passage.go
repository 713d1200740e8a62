package parcel

import (
	"context"
	"errors"
	"sync/atomic"

	"ferry/transfer/storage"
)

// Inlet takes content from a sender in the same process. The sender's goroutines call it,
// several at a time, and go on when what they gave is written: so their number bounds what
// is under way, and a buffer is the caller's again when a method returns.
type Inlet interface {
	// Chunk takes a whole chunk of a file, with its Node.
	Chunk(ctx context.Context, c *Chunk) error
	// Share takes a chunk that was not read yet out of from, the file that it is of, if both
	// places are one file system that can share what files have. Then it has hashed what is
	// at the receiver, and set Node. Data is its to use. False: it is to be read and given to
	// Chunk, and so is all else of the attempt. Zeros are given to Chunk in any case, but
	// Share is asked before: it takes all of the file, and would take their place again.
	Share(ctx context.Context, c *Chunk, from storage.File) (shared bool, err error)
	// Pack takes the Files of a pack.
	Pack(ctx context.Context, p *Pack) error
}

// ErrOver is returned by an Inlet whose delivery has ended. How, the link tells.
var ErrOver = errors.New("the receiver takes nothing more")

// Passage is a way from a sender to a receiver of the same process, beside a link between
// them that has all but the content. The zero Passage is closed, and so is a nil one.
type Passage struct{ to atomic.Pointer[Inlet] }

// Open lets content go to an Inlet. The receiver calls it before it accepts, or never.
func (p *Passage) Open(to Inlet) { p.to.Store(&to) }

// Inlet is where content goes once the receiver has accepted. With nil it takes the link.
func (p *Passage) Inlet() Inlet {
	if p == nil {
		return nil
	}
	if to := p.to.Load(); to != nil {
		return *to
	}
	return nil
}

// Of is the Passage of a link, nil if it has none.
func Of(link any) *Passage {
	if b, ok := link.(interface{ Passage() *Passage }); ok {
		return b.Passage()
	}
	return nil
}
