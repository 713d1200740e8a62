package hostile

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"ferry/checksum"
	"ferry/framing"
	"ferry/transfer"
	"ferry/transfer/internal/deliverytest"
	"ferry/transfer/internal/delta"
	"ferry/transfer/receive"
	"ferry/transfer/send"
)

const chunkSize = 1 << 20

// updating is a receiver that has old under the name f, and looks in it for what moved.
func updating(old []byte) victim {
	return victim{
		caps: framing.CapCopy,
		options: func(o *receive.Options) { // by which it knows that the link is slow
			limit, err := transfer.NewLimit(1 << 20)
			if err != nil {
				panic(err)
			}
			o.Limit = limit
		},
		prepare: func(dst string) {
			if err := os.WriteFile(filepath.Join(dst, "f"), old, 0o644); err != nil {
				panic(err)
			}
		},
	}
}

// patching plays a sender of f to one that has it. Nothing is the same there. What is asked
// for by patch, patch says; what by again comes as it is.
func (p *peer) patching(content []byte, patch func(index uint64)) (asked map[framing.WantKind]int) {
	p.offer()
	p.entries(1, file(0, "f", uint64(len(content))))
	p.end(1)
	asked = make(map[framing.WantKind]int)
	ended := false
	p.answer(func(w framing.Want) {
		asked[w.Kind] += int(max(w.Count, 1))
		switch w.Kind {
		case framing.WantHold:
			c := framing.Checked{ID: 1, First: w.First, Count: w.Count, Bitmap: make([]byte, (w.Count+7)/8)}
			p.send(framing.TypeChecked, c.Append(nil))
		case framing.WantPatch:
			for i := range w.Count {
				patch(w.First + i)
			}
		case framing.WantAgain:
			for i := w.First; i < w.First+w.Count; i++ {
				p.chunk(1, i, content[i*chunkSize:min((i+1)*chunkSize, uint64(len(content)))])
			}
		}
		if !ended {
			ended = true // FILEEND may come before CHECKED
			p.fileEnd(framing.FileEnd{ID: 1, Size: uint64(len(content)), Root: checksum.Sum(content)})
		}
	})
	return asked
}

// copies sends a chunk as copies.
func (p *peer) copies(index uint64, check [32]byte, parts ...framing.Copy) {
	var b []byte
	for _, m := range parts {
		b = m.Append(b)
	}
	p.data(framing.DataHeader{ID: 1, Flags: framing.DataLast, Encoding: framing.EncodingCopies, Offset: index * chunkSize, Check: check}, b)
}

// What the old file has not costs that a chunk comes as it is, and never a byte.
func TestHostileCopiesThatLie(t *testing.T) {
	old, content := make([]byte, 3*chunkSize), bytes.Repeat([]byte("content "), 2*chunkSize/8)
	check := func(i uint64) [32]byte { return checksum.Check(content[i*chunkSize:(i+1)*chunkSize], i, false) }
	for name, patch := range map[string]func(p *peer, i uint64){
		"other bytes": func(p *peer, i uint64) { p.copies(i, check(i), framing.Copy{Offset: 5, Length: chunkSize}) },
		"past the end": func(p *peer, i uint64) {
			p.copies(i, check(i), framing.Copy{Offset: 3*chunkSize - 9, Length: chunkSize})
		},
		"the largest": func(p *peer, i uint64) {
			p.copies(i, check(i), framing.Copy{Offset: framing.MaxSize - chunkSize, Length: chunkSize})
		},
		"a wrong check": func(p *peer, i uint64) { p.copies(i, [32]byte{1}, framing.Copy{Length: chunkSize}) },
		"a wrong literal": func(p *peer, i uint64) {
			p.copies(i, check(i), framing.Copy{Literal: []byte("x"), Length: chunkSize - 1})
		},
	} {
		t.Run(name, func(t *testing.T) {
			var asked map[framing.WantKind]int
			dst, res, _, err := hostile(t, updating(old), func(p *peer) {
				asked = p.patching(content, func(i uint64) { patch(p, i) })
			})
			if got, rerr := os.ReadFile(filepath.Join(dst, "f")); err != nil || rerr != nil || !bytes.Equal(got, content) {
				t.Errorf("ended with %v, and the file is not there: %v", err, rerr)
			}
			if asked[framing.WantPatch] != 2 || asked[framing.WantAgain] != 2 || res.Moved != 2*chunkSize {
				t.Errorf("asked for %v, %d bytes moved", asked, res.Moved)
			}
		})
	}
}

// Copies that break the rules end the delivery, and the old file stays.
func TestHostileCopiesBreakRules(t *testing.T) {
	old, content := bytes.Repeat([]byte("old "), chunkSize/2), make([]byte, 2*chunkSize)
	whole := framing.Copy{Length: chunkSize}
	for name, patch := range map[string]func(p *peer){
		"too few bytes":       func(p *peer) { p.copies(0, [32]byte{}, framing.Copy{Length: chunkSize - 1}) },
		"too many copies":     func(p *peer) { p.copies(0, [32]byte{}, append(make1(1024), framing.Copy{Length: chunkSize - 1024})...) },
		"twice":               func(p *peer) { p.copies(0, [32]byte{}, whole); p.copies(0, [32]byte{}, whole) },
		"not of the file":     func(p *peer) { p.copies(2, [32]byte{}, whole) },
		"another encoding":    func(p *peer) { p.data(framing.DataHeader{ID: 1, Flags: framing.DataLast, Encoding: 4}, []byte("x")) },
		"an entry of no file": func(p *peer) { p.data(framing.DataHeader{ID: 9, Flags: framing.DataLast, Encoding: 3}, []byte("x")) },
	} {
		t.Run(name, func(t *testing.T) {
			dst, _, told, err := hostile(t, updating(old), func(p *peer) {
				p.patching(content, func(i uint64) {
					if i == 0 {
						patch(p)
					}
				})
			})
			wantCode(t, err, told, framing.CodeProtocol)
			if got, rerr := os.ReadFile(filepath.Join(dst, "f")); !bytes.Equal(got, old) {
				t.Errorf("the old file is not there any more: %v", rerr)
			}
		})
	}
	t.Run("not asked for", func(t *testing.T) {
		_, _, told, err := hostile(t, updating(old), func(p *peer) {
			p.offer()
			p.entries(1, file(0, "f", 2*chunkSize))
			p.until(framing.TypeWant)
			p.copies(0, [32]byte{}, whole)
			p.end(1)
		})
		wantCode(t, err, told, framing.CodeProtocol)
	})
	t.Run("nothing to copy from", func(t *testing.T) {
		_, _, told, err := hostile(t, victim{caps: framing.CapCopy}, func(p *peer) {
			p.offer()
			p.entries(1, file(0, "f", 2*chunkSize))
			p.until(framing.TypeWant)
			p.copies(0, [32]byte{}, whole)
			p.end(1)
		})
		wantCode(t, err, told, framing.CodeProtocol)
	})
	t.Run("not agreed on", func(t *testing.T) {
		v := updating(old)
		v.caps = 0
		_, _, told, err := hostile(t, v, func(p *peer) {
			p.offer()
			p.entries(1, file(0, "f", 2*chunkSize))
			p.until(framing.TypeWant)
			p.copies(0, [32]byte{}, whole)
			p.end(1)
		})
		wantCode(t, err, told, framing.CodeProtocol)
	})
}

// make1 is n copies of one byte.
func make1(n int) (all []framing.Copy) {
	for range n {
		all = append(all, framing.Copy{Length: 1})
	}
	return all
}

func (p *peer) pieces(m framing.Pieces) { p.send(framing.TypePieces, m.Append(nil)) }

// held plays a receiver up to the answer to a page of all chunks that is held.
func held(p *peer) {
	accepted(p)
	p.want(framing.Want{ID: 1, Kind: framing.WantHold, Count: 3, Bitmap: []byte{0}, Last: true})
	p.until(framing.TypeChecked)
}

// A list that breaks the rules ends the delivery.
func TestHostilePieces(t *testing.T) {
	many := make([]framing.Piece, framing.PiecesRoom)
	for i := range many {
		many[i] = framing.Piece{Length: 1024}
	}
	for name, script := range map[string]func(p *peer){
		"before a page":      func(p *peer) { accepted(p); p.pieces(framing.Pieces{ID: 1, Level: 12}) },
		"of an unknown file": func(p *peer) { held(p); p.pieces(framing.Pieces{ID: 2, Level: 12}) },
		"behind the last": func(p *peer) {
			held(p)
			p.pieces(framing.Pieces{ID: 1, Level: 12, Last: true})
			p.pieces(framing.Pieces{ID: 1, Level: 12})
		},
		"of two levels": func(p *peer) {
			held(p)
			p.pieces(framing.Pieces{ID: 1, Level: 12})
			p.pieces(framing.Pieces{ID: 1, Level: 13})
		},
		"too short": func(p *peer) {
			held(p)
			p.pieces(framing.Pieces{ID: 1, Level: 12, Pieces: []framing.Piece{{Length: 1023}}})
		},
		"too many": func(p *peer) {
			held(p)
			for range 2*delta.MaxPieces/len(many) + 1 {
				p.pieces(framing.Pieces{ID: 1, Level: 12, Pieces: many})
			}
		},
		"patch past the end": func(p *peer) { held(p); p.want(framing.Want{ID: 1, Kind: framing.WantPatch, First: 3, Count: 1}) },
	} {
		t.Run(name, func(t *testing.T) {
			src := filepath.Join(t.TempDir(), "f")
			deliverytest.Write(t, src, 3*deliverytest.MiB, 1)
			_, told, err := againstCaps(t, framing.CapCopy, send.Options{Sources: deliverytest.Named(src)}, func(p *peer) {
				script(p)
				p.until(framing.TypeBye)
			})
			wantCode(t, err, told, framing.CodeProtocol)
		})
	}
	for name, frame := range map[string]func(p *peer){
		"pieces": func(p *peer) { p.pieces(framing.Pieces{ID: 1, Level: 12}) },
		"hold": func(p *peer) {
			p.want(framing.Want{ID: 1, Kind: framing.WantHold, Count: 3, Bitmap: []byte{0}, Last: true})
		},
		"patch": func(p *peer) { p.want(framing.Want{ID: 1, Kind: framing.WantPatch, Count: 3}) },
	} {
		t.Run("not agreed on: "+name, func(t *testing.T) {
			_, told, err := against(t, func(p *peer) { accepted(p); frame(p); p.until(framing.TypeBye) })
			wantCode(t, err, told, framing.CodeProtocol)
		})
	}
}

// A list may say what it likes: each chunk has the CV of what the file has, and comes as it is
// when it is asked for again.
func TestHostileListThatLies(t *testing.T) {
	src := filepath.Join(t.TempDir(), "f")
	content := deliverytest.Write(t, src, 3*deliverytest.MiB, 1)
	copies := 0
	res, _, err := againstCaps(t, framing.CapCopy, send.Options{Sources: deliverytest.Named(src)}, func(p *peer) {
		held(p)
		_, lerr := delta.List(bytes.NewReader(content), int64(len(content)), 13, delta.MaxPieces, func() func() { return func() {} },
			func(pieces []framing.Piece, last bool) error {
				p.pieces(framing.Pieces{ID: 1, Level: 13, Last: last, Pieces: pieces})
				return nil
			})
		deliverytest.Must(t, lerr)
		p.credit(8 << 20)
		p.want(framing.Want{ID: 1, Kind: framing.WantPatch, Count: 3})
		for _, encoding := range []uint8{framing.EncodingCopies, framing.EncodingRaw} {
			for range 3 {
				copies += p.oneChunk(t, encoding, content)
			}
			if encoding == framing.EncodingCopies {
				p.want(framing.Want{ID: 1, Kind: framing.WantAgain, Count: 3})
			}
		}
		root := checksum.Sum(content)
		var sums checksum.Sumset
		sums.Add(1, uint64(len(content)), root)
		p.done(framing.Done{ID: 1, Status: framing.DoneDelivered})
		p.receipt(framing.Receipt{Delivered: 1, Bytes: uint64(len(content)), Digest: sums.Sum()})
		p.until(framing.TypeBye)
	})
	if err != nil || copies != 3 || res.Delivered != 1 {
		t.Errorf("ended with %v, %d chunks came as copies, %+v", err, copies, res)
	}
}

// oneChunk takes the pieces of one chunk, which has to be that of content. It returns 1 if it
// came as copies, and else 0.
func (p *peer) oneChunk(t *testing.T, encoding uint8, content []byte) int {
	t.Helper()
	var payload []byte
	for {
		body := p.until(framing.TypeData)
		if body == nil {
			t.Error("no more content comes")
			return 0
		}
		h, n, err := framing.ReadDataHeader(&bodyOf{body}, make([]byte, 52))
		deliverytest.Must(t, err)
		payload = append(payload, body[len(body)-n:]...)
		if !h.Last() {
			continue
		}
		index := h.Offset / chunkSize
		whole := content[index*chunkSize : (index+1)*chunkSize]
		if h.Encoding != encoding || h.Check != checksum.Check(whole, index, false) {
			t.Errorf("chunk %d has encoding %d, and another check", index, h.Encoding)
		}
		if h.Encoding != framing.EncodingCopies {
			if !bytes.Equal(payload, whole) {
				t.Errorf("chunk %d is another one", index)
			}
			return 0
		}
		return 1
	}
}

// bodyOf is a framing.BodyReader of a body that was read.
type bodyOf struct{ left []byte }

func (b *bodyOf) Remaining() int { return len(b.left) }

func (b *bodyOf) ReadFull(p []byte) error {
	b.left = b.left[copy(p, b.left):]
	return nil
}
