//go:build unix

package conform

import (
	"context"
	"errors"
	"flag"
	"testing"
	"testing/synctest"

	"ferry/framing"
	"ferry/transfer"
)

var update = flag.Bool("update", false, "write the transcripts that are made here again")

// aWhile is the time of the items, some seconds after 1970.
const aWhile = 1700000000

// smallTree is a folder with one of each that needs no permission.
func smallTree(t *testing.T) *script {
	s := newScript(t, "tree", "a small tree", []item{
		{path: "notes", kind: framing.KindFolder, mode: 0o755, sec: aWhile},
		{path: "notes/empty", kind: framing.KindFile, mode: 0o644, sec: aWhile + 1},
		{path: "notes/hello.txt", kind: framing.KindFile, mode: 0o600, sec: aWhile + 2, length: 5, seed: 104},
		{path: "notes/large", kind: framing.KindFile, mode: 0o640, sec: aWhile + 3, length: 1<<20 + 17, seed: 1},
		{path: "notes/link", kind: framing.KindSymlink, mode: 0o777, target: "sub/a b"},
		{path: "notes/middle", kind: framing.KindFile, mode: 0o444, sec: aWhile + 4, length: 100000, seed: 2},
		{path: "notes/sub", kind: framing.KindFolder, mode: 0o700, sec: aWhile + 5},
		{path: "notes/sub/a b", kind: framing.KindFile, mode: 0o755, sec: aWhile + 6, length: 300, seed: 3},
	})
	s.ladder("the sender dials")
	s.offer(false)
	s.entries()
	s.accept()
	s.done(framing.DoneDelivered, "notes/link")
	s.want("notes/empty", "notes/hello.txt", "notes/large", "notes/middle", "notes/sub/a b")
	s.pack("notes/empty", "notes/hello.txt")
	s.data("notes/large", 0, 1)
	s.fileEnd("notes/large", 2)
	s.data("notes/middle", 0)
	s.pack("notes/sub/a b")
	s.done(framing.DoneDelivered, "notes/empty", "notes/hello.txt", "notes/large", "notes/middle", "notes/sub/a b", "notes/sub", "notes")
	s.finish()
	return s
}

// twoFiles are those that the delivery breaks off at, and that the next one finishes.
func twoFiles() []item {
	return []item{
		{path: "small", kind: framing.KindFile, mode: 0o644, sec: aWhile, length: 10, seed: 9},
		{path: "large", kind: framing.KindFile, mode: 0o600, sec: aWhile + 1, length: 3<<20 + 5, seed: 7},
	}
}

// chunkCost is what a whole chunk costs of the credit in pieces of pieceBytes.
const chunkCost = 1<<20 + 5*20 + framing.DigestSize

// interrupted breaks off once the receiver has the first chunk: CREDIT says so.
func interrupted(t *testing.T) *script {
	s := newScript(t, "interrupted", "two files; the sender leaves after the first chunk of the second", twoFiles())
	s.offer(true)
	s.entries()
	s.accept()
	s.want("small", "large")
	s.pack("small")
	s.data("large", 0)
	s.done(framing.DoneDelivered, "small")
	s.credit(chunkCost)
	s.bye(framing.CodeInterrupted)
	return s
}

// resumed finishes that.
func resumed(t *testing.T) *script {
	s := newScript(t, "resumed", "the same two files again: one is there, and the first chunk of the other", twoFiles())
	s.follows = "interrupted"
	s.offer(true)
	s.entries()
	s.accept()
	s.done(framing.DoneSame, "small")
	s.page("large", []int{0}, nil)
	s.data("large", 1, 2, 3)
	s.checked("large", 0)
	s.fileEnd("large", 3)
	s.done(framing.DoneDelivered, "large")
	s.finish()
	return s
}

// answers has a receiver ask for what ferry's never asks for: pages of files of one chunk,
// and chunks again of them and of those that the sender said are the same.
func answers(t *testing.T) *script {
	file := func(path string, seconds int64, length, seed int) item {
		return item{path: path, kind: framing.KindFile, mode: 0o644, sec: aWhile + seconds, length: length, seed: seed}
	}
	s := newScript(t, "answers", "pages of files of one chunk, checks, and chunks once more", []item{
		file("again", 0, 70000, 1), file("clear", 1, 70001, 2), file("empty", 2, 0, 0), file("equal", 3, 300, 3),
		file("large", 4, 1<<20+17, 4), file("other", 5, 1<<20, 5), file("same", 6, 1, 6),
	})
	s.only = fromSender
	s.offer(true)
	s.entries()
	s.accept()
	s.page("clear", nil, nil)
	s.data("clear", 0)
	s.checked("clear")
	s.page("other", nil, []int{0})
	s.data("other", 0)
	s.checked("other")
	s.page("same", []int{0}, nil)
	s.fileEnd("same", 0)
	s.checked("same", 0)
	s.compare("empty")
	s.fileEnd("empty", 0)
	s.compare("equal")
	s.fileEnd("equal", 0)
	s.compare("again")
	s.fileEnd("again", 0)
	s.want("again")
	s.data("again", 0)
	s.again("again", 0, 1)
	s.data("again", 0)
	s.page("large", []int{1}, []int{0})
	s.data("large", 0)
	s.checked("large", 1)
	s.fileEnd("large", 1)
	s.again("large", 1, 1)
	s.data("large", 1)
	s.done(framing.DoneDelivered, "again", "clear", "large", "other", "same")
	s.done(framing.DoneEqual, "empty", "equal")
	s.finish()
	return s
}

// TestTranscriptsMade makes the transcripts and holds them against the files.
func TestTranscriptsMade(t *testing.T) {
	for _, s := range []*script{smallTree(t), interrupted(t), resumed(t), answers(t), inOrder(t), plain(t), faults(t), verdicts(t)} {
		if *update {
			if err := s.write(""); err != nil {
				t.Fatal(err)
			}
		}
		stored := load(t, s.name)
		if stored.about != s.about || stored.follows != s.follows || stored.only != s.only || len(stored.items) != len(s.items) || len(stored.frames) != len(s.frames) {
			t.Errorf("%s: stored are %d items and %d frames, made were %d and %d", s.name, len(stored.items), len(stored.frames), len(s.items), len(s.frames))
			continue
		}
		for i, f := range s.frames {
			if g := stored.frames[i]; g.from != f.from || g.stream != f.stream || g.typ != f.typ || string(g.body) != string(f.body) {
				t.Errorf("%s: frame %d is %s, made was %s", s.name, i, describe(g), describe(f))
			}
		}
	}
}

// TestTranscripts plays each transcript against the real sender and the real receiver.
func TestTranscripts(t *testing.T) {
	for _, names := range [][]string{
		{"tree"},
		{"interrupted", "resumed"},
		{"answers"},
		{"ordered"},
		{"plain"},
		{"faults"},
		{"verdicts"},
		{"44b4521-tree"},
		{"44b4521-update"},
	} {
		if load(t, names[0]).only != fromSender {
			t.Run(names[len(names)-1]+" to the receiver", func(t *testing.T) { toReceiver(t, names) })
		}
		for _, name := range names {
			if load(t, name).only == fromReceiver {
				continue
			}
			t.Run(name+" to the sender", func(t *testing.T) { toSender(t, name) })
		}
	}
}

// toReceiver plays transcripts that follow each other against the real receiver.
func toReceiver(t *testing.T, names []string) {
	dst := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		for _, name := range names {
			s := load(t, name)
			if s.ordered() {
				wantEnd(t, s, fromReceiver, intoArchive(t, s))
				continue
			}
			lay(t, dst, s.held, s.place)
			wantEnd(t, s, fromReceiver, againstReceiver(t, s, dst))
			if !s.broken() {
				s.check(t, dst)
			}
		}
	})
}

// toSender plays a transcript against the real sender.
func toSender(t *testing.T, name string) {
	src := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		s := load(t, name)
		lay(t, src, s.items, func(path string) string { return path })
		wantEnd(t, s, fromSender, againstSender(t, s, src))
	})
}

// wantEnd checks how the real side ended, which is the session's side of that name.
func wantEnd(t *testing.T, s *session, side string, err error) {
	t.Helper()
	var own *transfer.Error
	switch {
	case s.incomplete(t, side):
		if !errors.Is(err, transfer.ErrIncomplete) {
			t.Errorf("%s, in which not all is delivered, ended with %v", s.name, err)
		}
	case !s.broken() && err != nil:
		t.Errorf("%s ended with %v", s.name, err)
	case s.broken() && (err == nil || !errors.As(err, &own) && !errors.Is(err, context.Canceled)):
		t.Errorf("%s, which is broken off, ended with %v", s.name, err)
	}
}
