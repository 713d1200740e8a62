package object

import (
	"io"

	"ferry/checksum"
)

// piece is the part of a content that is in memory.
type piece struct {
	number int
	buf    []byte
	cvs    []checksum.CV
	has    []bool        // chunks whose bytes are there
	noted  []bool        // and whose chaining values are known: nobody has doubts of them
	lacks  int           // chunks that are not noted
	cost   int64         // bytes that it takes of the budget
	short  bool          // a stream ended in it
	users  int           // goroutines that copy into it
	gone   bool          // it is on its way to the store
	left   chan struct{} // closed when it is there, or failed
	// Of a part that is put aside, see spill.go: buf is nil.
	touched int64         // counts the uses of pieces
	aside   []spilled     // what of it is there
	busy    chan struct{} // it is being put aside; closed at the end
}

// put has a chunk of n bytes put into its piece by fill. Without a cv it is not noted yet.
func (p *partial) put(index uint64, n int, cv *checksum.CV, fill func([]byte) error) error {
	if err := p.check(index, n); err != nil {
		return p.fail("writing", err)
	}
	if n == 0 {
		p.mu.Lock()
		defer p.mu.Unlock()
		return p.fail("writing", p.open())
	}
	pc, err := p.use(index, cv)
	if pc == nil || err != nil {
		return p.fail("writing", err)
	}
	start, _ := p.lay.span(pc.number)
	at := int64(index)*checksum.ChunkSize - start
	err = fill(pc.buf[at : at+int64(n)])
	if whole := p.filled(pc, int(at/checksum.ChunkSize), n, cv, err == nil); whole {
		p.send(pc)
	}
	if err == io.ErrUnexpectedEOF {
		return err
	}
	return p.fail("writing", err)
}

// check returns an error unless n bytes may be chunk index.
func (p *partial) check(index uint64, n int) error {
	size := p.lay.size
	switch {
	case n < 0 || n > checksum.ChunkSize || index >= maxObject/checksum.ChunkSize:
		return errOutside
	case p.lay.streamed && p.lay.number(index) > maxParts:
		return errTooLong
	case !p.lay.streamed && size == 0 && index == 0 && n == 0:
		return nil
	case !p.lay.streamed && (index >= checksum.Chunks(size) || n != checksum.ChunkLen(size, index)):
		return errOutside
	}
	return nil
}

// use returns the piece that chunk index belongs into, for one user. Nil without an error: the
// chunk is at the store already.
func (p *partial) use(index uint64, cv *checksum.CV) (*piece, error) {
	number := p.lay.number(index)
	start, n := p.lay.span(number)
	chunk := int(index - uint64(start/checksum.ChunkSize))
	for {
		pc, leaving, there, err := p.find(number, chunk, cv)
		switch {
		case err != nil || there:
			return nil, err
		case pc != nil:
			return pc, nil
		case leaving != nil:
			<-leaving // what is sent ends with the delivery
			continue
		}
		if err := p.f.room(n); err != nil {
			return nil, err
		}
		if !p.add(number, n) {
			p.f.budget.give(nil, n, false) // another goroutine was faster, or it is over
		}
	}
}

// find looks for a piece. Leaving is closed when the one that there is has gone; there says that
// the store has the chunk. If it has other bytes for it, the part is begun anew.
func (p *partial) find(number, chunk int, cv *checksum.CV) (pc *piece, leaving <-chan struct{}, there bool, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if err := p.open(); err != nil {
		return nil, nil, false, err
	}
	pc = p.pieces[number]
	switch {
	case pc == nil:
	case pc.busy != nil:
		return nil, pc.busy, false, nil
	case !pc.gone && pc.buf == nil:
		return nil, nil, false, nil // it was put aside
	case !pc.gone:
		pc.users++
		pc.touched = p.f.uses.Add(1)
		return pc, nil, false, nil
	default:
		return nil, pc.left, cv != nil && pc.cvs[chunk] == *cv, nil
	}
	if p.up == nil {
		return nil, nil, false, nil
	}
	was, known, had := p.up.has(number, chunk)
	if known && cv != nil && was == *cv {
		return nil, nil, true, nil // it came twice
	}
	if had {
		p.up.redo(number)
		p.redone[number] = true
	}
	return nil, nil, false, nil
}

// add makes a piece of n bytes, which were taken from the budget.
func (p *partial) add(number int, n int64) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.open() != nil {
		return false
	}
	if pc := p.pieces[number]; pc != nil {
		if pc.gone || pc.busy != nil || pc.buf != nil {
			return false
		}
		pc.buf = p.f.budget.buffer(n)
		return true
	}
	chunks := int(checksum.Chunks(n))
	p.pieces[number] = &piece{
		number: number, buf: p.f.budget.buffer(n), cost: n, lacks: chunks, left: make(chan struct{}),
		cvs: make([]checksum.CV, chunks), has: make([]bool, chunks), noted: make([]bool, chunks),
	}
	return true
}

// filled ends the use of a piece. It reports whether that is whole now and is to be sent.
func (p *partial) filled(pc *piece, chunk, n int, cv *checksum.CV, ok bool) (whole bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	pc.users--
	if ok {
		pc.has[chunk] = true
		pc.rewritten(chunk)
		pc.short = pc.short || p.lay.streamed && n < checksum.ChunkSize
		p.noteChunk(pc, chunk, cv)
	}
	return p.leaves(pc)
}

// noteChunk notes the chaining value of a chunk, or that there is none. Callers hold mu.
func (p *partial) noteChunk(pc *piece, chunk int, cv *checksum.CV) {
	was := pc.noted[chunk]
	if pc.noted[chunk] = cv != nil; cv != nil {
		pc.cvs[chunk] = *cv
	}
	switch {
	case cv != nil && !was:
		pc.lacks--
	case cv == nil && was:
		pc.lacks++
	}
}

// leaves tells whether a piece is whole, and has it leave then. What may be all of the content
// waits until that is known. Callers hold mu.
func (p *partial) leaves(pc *piece) bool {
	if p.up == nil || pc.lacks > 0 || pc.users > 0 || pc.short || pc.gone || p.sealed || p.ended {
		return false
	}
	pc.gone = true
	return true
}
