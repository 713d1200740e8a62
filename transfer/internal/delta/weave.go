package delta

import "ferry/framing"

// Weaver makes copies of chunks. It belongs to one goroutine.
type Weaver struct {
	cutter  *cutter // nil until it is needed
	buf     []byte  // of a window
	matches []match
}

// Window is what of a file is read to weave one chunk: the chunk, what stands before it, so
// that the cuts are where they are without a beginning there, and what its last piece needs.
type Window struct {
	From  int64  // in the file
	Data  []byte // to be filled
	chunk int    // where the chunk begins in Data
	size  int    // of it
}

// Chunk is the part of the window that is the chunk.
func (w *Window) Chunk() []byte { return w.Data[w.chunk : w.chunk+w.size] }

// Window returns that of the chunk of n bytes at offset at of a file of size bytes. It is
// good until the next call.
func (v *Weaver) Window(x *Index, at int64, n int, size int64) Window {
	_, most := bounds(x.level)
	from := max(at-int64(most), 0)
	to := min(at+int64(n)+int64(most), size)
	if need := int(to - from); cap(v.buf) < need {
		v.buf = make([]byte, need)
	}
	return Window{From: from, Data: v.buf[:to-from], chunk: int(at - from), size: n}
}

// match is a part of a window that the old file has.
type match struct {
	from, to int   // in the window
	old      int64 // where from is in the old file
}

// Weave appends to b the chunk of a window as copies and literals. Copied is how many of its
// bytes are copies. It is 0 if they are less than half, or too scattered: then nothing is
// appended, and the chunk goes whole.
func (v *Weaver) Weave(b []byte, x *Index, w *Window) (payload []byte, copied int) {
	v.match(x, w)
	for _, m := range v.matches {
		copied += m.to - m.from
	}
	if 2*copied < w.size || len(v.matches) > framing.MaxCopies {
		return b, 0
	}
	begin := len(b)
	at, end := w.chunk, w.chunk+w.size
	for _, m := range v.matches {
		part := framing.Copy{Literal: w.Data[at:m.from], Offset: uint64(m.old), Length: uint64(m.to - m.from)}
		b = part.Append(b)
		at = m.to
	}
	if at < end {
		part := framing.Copy{Literal: w.Data[at:end]}
		b = part.Append(b)
	}
	if len(b)-begin >= w.size {
		return b[:begin], 0
	}
	return b, copied
}

// match looks for the pieces of a chunk. What follows a piece in the old file is looked for
// behind it first, without a cut; what stands before it, before it: so it does not matter
// that cuts in a window begin anywhere.
func (v *Weaver) match(x *Index, w *Window) {
	if v.cutter == nil {
		v.cutter = newCutter()
	}
	v.matches = v.matches[:0]
	open, next := 0, none // nothing was found from open on; the piece that may follow
	for at := 0; at < w.chunk+w.size; {
		if x.is(next, w.Data[at:]) {
			at += v.found(x, w, next, at)
			open, next = at, next+1
			continue
		}
		length := v.cutter.cut(w.Data[at:], x.level)
		if next = x.find(sum(w.Data[at:at+length]), length); next != none {
			v.back(x, w, next, open, at)
			v.found(x, w, next, at)
			open = at + length
			next++
		}
		at += length
	}
}

// back looks for the pieces before piece n, which is at at, as far as open.
func (v *Weaver) back(x *Index, w *Window, n, open, at int) {
	first := n
	for first > 0 && at > w.chunk {
		from := at - int(x.pieces[first-1].length)
		if from < open || !x.is(first-1, w.Data[from:at]) {
			break
		}
		first, at = first-1, from
	}
	for ; first < n; first++ {
		at += v.found(x, w, first, at)
	}
}

// found notes that piece n is at at in the window, and returns its length. What follows each
// other in both files is one match.
func (v *Weaver) found(x *Index, w *Window, n, at int) int {
	p := &x.pieces[n]
	m := match{max(at, w.chunk), min(at+int(p.length), w.chunk+w.size), 0}
	if m.from >= m.to {
		return int(p.length)
	}
	m.old = p.at + int64(m.from-at)
	if last := len(v.matches) - 1; last >= 0 {
		if l := &v.matches[last]; l.to == m.from && l.old+int64(l.to-l.from) == m.old {
			l.to = m.to
			return int(p.length)
		}
	}
	v.matches = append(v.matches, m)
	return int(p.length)
}
