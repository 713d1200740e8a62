//go:build unix

package conform

import (
	"testing"

	"ferry/framing"
)

// Transcripts of what a second implementation does first: it answers in order, sends no
// packs, and says of an item that something is wrong with it.

// inOrder is a receiver that takes all in order, and accepts before anything is announced.
func inOrder(t *testing.T) *script {
	s := newScript(t, "ordered", "a small tree to a receiver that takes everything in order", []item{
		{path: "box", kind: framing.KindFolder, mode: 0o755, sec: aWhile},
		{path: "box/empty", kind: framing.KindFile, mode: 0o644, sec: aWhile + 1},
		{path: "box/inner", kind: framing.KindFolder, mode: 0o700, sec: aWhile + 2},
		{path: "box/inner/small", kind: framing.KindFile, mode: 0o600, sec: aWhile + 3, length: 5, seed: 104},
		{path: "box/large", kind: framing.KindFile, mode: 0o640, sec: aWhile + 4, length: 1<<20 + 17, seed: 1},
		{path: "box/link", kind: framing.KindSymlink, mode: 0o777, target: "inner/small"},
		{path: "last", kind: framing.KindFile, mode: 0o444, sec: aWhile + 5, length: 100000, seed: 2},
	})
	s.offer(false)
	s.acceptBy(framing.Accept{Ordered: true, Streams: 1})
	s.entries()
	s.want("box/empty", "box/inner/small", "box/large", "last")
	s.pack("box/empty", "box/inner/small")
	s.done(framing.DoneDelivered, "box/empty", "box/inner/small", "box/inner")
	s.data("box/large", 0, 1)
	s.fileEnd("box/large", 2)
	s.data("last", 0)
	s.done(framing.DoneDelivered, "box/large", "box/link", "box", "last")
	s.finish()
	return s
}

// plain is a sender that waits for ACCEPT, sends neither packs nor zstd, and gives up a
// folder and a file. ferry's sends packs, and gives up no folder.
func plain(t *testing.T) *script {
	file := func(path string, seconds int64, length, seed int) item {
		return item{path: path, kind: framing.KindFile, mode: 0o644, sec: aWhile + seconds, length: length, seed: seed}
	}
	broken := file("broken", 7, 300000, 7)
	broken.fault = uint64(framing.CodeChanged)
	s := newScript(t, "plain", "a sender without packs; one item is not there, and a folder and a file are given up", []item{
		broken,
		file("empty", 0, 0, 0), file("large", 1, 1<<20+17, 1), file("small", 2, 5000, 2), file("zero", 3, 1, 0),
		{path: "odd", kind: framing.KindFolder, mode: 0o755, sec: aWhile + 5, fault: uint64(framing.CodeUnreadable)},
		file("odd/in it", 6, 300, 6),
	})
	s.only = fromReceiver
	s.offer(false)
	s.accept()
	s.entriesApart(1, map[string]func(){"odd": func() {
		s.fault(fromSender, framing.CodeUnreadable, "odd")
	}})
	s.fault(fromReceiver, framing.CodeUnreadable, "odd")
	s.want("broken", "empty", "large", "small", "zero", "odd/in it")
	// A chunk that was begun is ended, whatever becomes of its file.
	begun := s.pieces("broken", 0, mostBytes)
	s.frames = append(s.frames, begun[0])
	s.fault(fromSender, framing.CodeChanged, "broken")
	s.fault(fromReceiver, framing.CodeChanged, "broken")
	s.frames = append(s.frames, begun[1])
	s.fileEnd("empty", 0)
	for i := range 2 {
		s.frames = append(s.frames, s.pieces("large", i, mostBytes)...)
	}
	s.fileEnd("large", 2)
	s.data("small", 0)
	s.zeros("zero")
	s.data("odd/in it", 0)
	s.done(framing.DoneDelivered, "empty", "large", "small", "zero", "odd/in it")
	s.finish()
	return s
}

// faults has a file that vanishes after it was announced.
func faults(t *testing.T) *script {
	s := newScript(t, "faults", "three files; the second is gone when it is asked for", []item{
		{path: "first", kind: framing.KindFile, mode: 0o644, sec: aWhile, length: 10, seed: 1},
		{path: "gone", kind: framing.KindFile, mode: 0o644, sec: aWhile + 1, length: 100000, seed: 2, fault: uint64(framing.CodeVanished)},
		{path: "last", kind: framing.KindFile, mode: 0o644, sec: aWhile + 2, length: 70000, seed: 3},
	})
	s.offer(true)
	s.entries()
	s.accept()
	s.want("first", "gone", "last")
	s.pack("first")
	s.fault(fromSender, framing.CodeVanished, "gone")
	s.data("last", 0)
	s.done(framing.DoneDelivered, "first", "last")
	s.fault(fromReceiver, framing.CodeVanished, "gone")
	s.finish()
	return s
}

// verdicts is a receiver that has something of every name, and says each thing that a
// receiver can say of it. What ferry's says depends on its user and its file system.
func verdicts(t *testing.T) *script {
	var items []item
	for i, path := range []string{"adjusted", "elsewhere", "equal", "in the way", "renamed", "replaced", "same", "skipped"} {
		items = append(items, item{path: path, kind: framing.KindFile, mode: 0o644, sec: aWhile + int64(i), length: 100 + i, seed: i})
	}
	s := newScript(t, "verdicts", "what a receiver can say of items, with LIMIT and WARN", items)
	s.only = fromSender
	s.offer(true)
	s.entries()
	s.accept()
	s.limit(1 << 30)
	s.compare("equal")
	s.want("renamed", "replaced")
	s.done(framing.DoneSameAdjusted, "adjusted")
	s.doneAs("elsewhere", framing.Done{Status: framing.DoneElsewhere | framing.DoneSame, Name: []byte("elsewhere.1")})
	s.fault(fromReceiver, framing.CodeConflict, "in the way")
	s.doneAs("skipped", framing.Done{Status: framing.DoneSkipped, Code: framing.CodeConflict})
	s.warn("replaced", framing.AttrTime|framing.AttrMode, framing.CodeUnsupported)
	s.fileEnd("equal", 0)
	s.pack("renamed", "replaced")
	s.limit(0)
	s.done(framing.DoneSame, "same")
	s.done(framing.DoneEqualAdjusted, "equal")
	s.doneAs("renamed", framing.Done{Status: framing.DoneRenamed, Name: []byte("renamed.1")})
	s.done(framing.DoneReplaced, "replaced")
	s.warn("adjusted", framing.AttrMode, framing.CodePermission)
	s.finish()
	return s
}
