//go:build unix

package conform

import (
	"fmt"
	"slices"

	"ferry/framing"
)

// offers are the vectors.
func offers() []followed {
	return slices.Concat(offersByName(), offersOfLinks(), offersOfMany(), offersOfRoots(), exactOffers(), textOffers(), brokenIDs())
}

// The kinds that are offered most.
const (
	fileKind   = framing.KindFile
	folderKind = framing.KindFolder
	linkKind   = framing.KindSymlink
	rootKind   = framing.KindRoot
)

// says is to announce entries in one frame, and END if they are all.
func says(end bool, all ...framing.Entry) func(*speech) {
	return func(s *speech) {
		s.entries(all...)
		if end {
			s.end()
		}
	}
}

// oneFile is an offer of one file of 5 bytes, and nothing else.
func oneFile(name string, broken bool, says func(*speech)) followed {
	return followed{name: name, bytes: 5, exact: true, listed: listed(framing.KindFile, "f"), says: says, broken: broken}
}

// two is a list of a folder and a file.
func two() []framing.OfferItem { return append(listed(folderKind, "d"), listed(fileKind, "f")...) }

// offersByName hold the names and kinds at the top against the list.
func offersByName() []followed {
	return []followed{
		{name: "all that was offered", listed: two(), says: says(true, folder(0, "d"), symlink(1, "in it"), ends(1), file(0, "f", 5))},
		{name: "in another order, and less", listed: two(), says: says(true, file(0, "f", 5))},
		{name: "nothing", listed: two(), says: (*speech).end},
		{name: "nothing, and nothing offered", says: (*speech).end},
		{name: "one item too many", listed: two(), says: says(false, folder(0, "d"), ends(1), file(0, "f", 5), file(0, "g", 5)), broken: true},
		{name: "a name that is not listed", listed: two(), says: says(false, file(0, "g", 5)), broken: true},
		{name: "a listed name in a folder, and at the top", listed: two(), says: says(true, folder(0, "d"), file(1, "f", 5), ends(1), file(0, "f", 5))},
		{name: "a listed name as another kind", listed: two(), says: says(false, symlink(0, "f")), broken: true},
		{name: "a listed name twice", listed: two(), says: says(false, file(0, "f", 5), file(0, "f", 5)), broken: true},
		{name: "a name that differs in case from a listed one", listed: two(), says: says(false, file(0, "F", 5)), broken: true},
		{name: "a name of a state folder that is listed fails, and breaks no rule", listed: listed(fileKind, ".ferry-partial"), says: says(true, file(0, ".ferry-partial", 0))},
		{name: "a name that is listed twice comes once", listed: listed(fileKind, "f", "f"), says: says(true, file(0, "f", 5))},
		{name: "a name that is listed twice, twice", listed: listed(fileKind, "f", "f"), says: says(false, file(0, "f", 5), file(0, "f", 5)), broken: true},
		{name: "of a name that is listed twice the last kind counts", listed: append(listed(fileKind, "f"), listed(folderKind, "f")...), says: says(true, folder(0, "f"), ends(1))},
		{name: "names that no item may have are listed, and do not come", listed: listed(fileKind, "..", "a/b", "\x00", ""), says: (*speech).end},
		{name: "a name that no item may have is listed, comes and fails", listed: listed(folderKind, ".."), says: says(true, folder(0, ".."), ends(1))},
		{name: "set-id bits that were not granted are ignored", listed: two(), says: says(true, withMode(file(0, "f", 5), 0o6755))},
		{name: "a stream where a file is listed", listed: two(), says: says(false, entry(framing.KindStream, 0, "f")), broken: true},
	}
}

// offersOfLinks are about hard links and special files.
func offersOfLinks() []followed {
	return []followed{
		{name: "a hard link that is listed as a file", flags: framing.FlagHardLinks, listed: listed(fileKind, "f", "g"), says: says(true, linked(file(0, "f", 0)), hardLink("g", 1))},
		{name: "a hard link to a file, listed as a symbolic link", flags: framing.FlagHardLinks, listed: append(listed(fileKind, "f"), listed(linkKind, "g")...),
			says: says(false, linked(file(0, "f", 0)), hardLink("g", 1)), broken: true},
		{name: "a hard link that was not granted", listed: listed(fileKind, "f", "g"), says: says(false, file(0, "f", 0), hardLink("g", 1)), broken: true},
		{name: "a hard link to an entry that has none", flags: framing.FlagHardLinks, listed: listed(fileKind, "f", "g"), says: says(false, file(0, "f", 0), hardLink("g", 1)), broken: true},
		{name: "a hard link behind the last one", flags: framing.FlagHardLinks, listed: listed(fileKind, "f", "g", "h"),
			says: says(false, linked(file(0, "f", 0)), hardLink("g", 1), hardLink("h", 1)), broken: true},
		{name: "a hard link to a hard link", flags: framing.FlagHardLinks, listed: listed(fileKind, "f", "g", "h"),
			says: says(false, linked(file(0, "f", 0)), linked(hardLink("g", 1)), hardLink("h", 2)), broken: true},
		{name: "a FIFO that was not granted", listed: listed(framing.KindFIFO, "p"), says: says(false, entry(framing.KindFIFO, 0, "p")), broken: true},
	}
}

// offersOfMany are of more items than are listed.
func offersOfMany() []followed {
	return []followed{
		{name: "more than 64 items, one of them not listed", items: 66, listed: listed(fileKind, many("f", 64)...), says: says(true, file(0, "g", 0), file(0, "f00", 0))},
		{name: "more than 64 items, one not listed begins with a dot", items: 66, listed: listed(fileKind, many("f", 64)...), says: says(false, file(0, ".g", 0)), broken: true},
		{name: "the same, by U+200C before the dot", items: 66, listed: listed(fileKind, many("f", 64)...), says: says(false, file(0, "\u200c.g", 0)), broken: true},
		{name: "the same, and one listed begins with a dot", items: 66, listed: append(listed(fileKind, ".f"), listed(fileKind, many("f", 63)...)...),
			says: says(false, file(0, ".g", 0)), broken: true},
		{name: "the same, and all listed begin with a dot", items: 66, listed: listed(fileKind, many(".f", 64)...), says: says(true, file(0, ".g", 0), file(0, "g", 0))},
		{name: "more than 64 items: a listed name as another kind", items: 66, listed: listed(fileKind, many("f", 64)...), says: says(false, folder(0, "f00")), broken: true},
		{name: "more than 64 items, and 67 come", items: 66, listed: listed(fileKind, many("f", 64)...), says: func(s *speech) {
			var all []framing.Entry
			for _, name := range many("f", 67) {
				all = append(all, file(0, name, 0))
			}
			s.entries(all...)
		}, broken: true},
	}
}

// offersOfRoots are about root entries.
func offersOfRoots() []followed {
	return []followed{
		{name: "a root entry that is not listed", listed: two(), says: says(false, root()), broken: true},
		{name: "a root entry with any names in it", listed: listed(rootKind, ""), says: says(true, root(), file(1, "f", 0), folder(1, ".d"), ends(3), ends(1))},
		{name: "a name at the top beside a root entry", items: 2, listed: append(listed(rootKind, ""), listed(fileKind, "f")...),
			says: says(true, root(), ends(1), file(0, "f", 0))},
		{name: "a name at the top that is not listed beside a root entry", listed: append(listed(rootKind, ""), listed(fileKind, "f")...),
			says: says(false, root(), file(0, "g", 0)), broken: true},
		{name: "two root entries, each with an end", listed: listed(rootKind, "", ""), says: says(true, root(), file(1, "f", 0), ends(1), root(), file(3, "g", 0), ends(3))},
		{name: "two root entries, and one offered", listed: listed(rootKind, ""), says: says(false, root(), ends(1), root()), broken: true},
	}
}

// exactOffers are about what exact binds, and about its absence.
func exactOffers() []followed {
	return []followed{
		oneFile("exact: what was offered", false, says(true, file(0, "f", 5))),
		oneFile("exact: fewer bytes", false, says(true, file(0, "f", 4))),
		oneFile("exact: a byte too many", true, says(false, file(0, "f", 6))),
		{name: "exact: an entry too many, in a folder", exact: true, listed: listed(folderKind, "d"), says: says(false, folder(0, "d"), symlink(1, "l")), broken: true},
		{name: "not exact: many in a folder", listed: listed(folderKind, "d"), says: says(true, folder(0, "d"), symlink(1, "l"), symlink(1, "m"), folder(1, "e"), ends(4), ends(1))},
		oneFile("exact: the file shrinks, and grows to what it had", false, func(s *speech) {
			s.entries(file(0, "f", 5))
			s.end()
			s.changed(1, 1, 0)
			s.changed(1, 2, 5)
		}),
		oneFile("exact: the file grows by a byte", true, func(s *speech) {
			s.entries(file(0, "f", 5))
			s.changed(1, 1, 6)
		}),
		{name: "not exact: the file grows by a byte", bytes: 5, listed: listed(fileKind, "f"), says: func(s *speech) {
			s.entries(file(0, "f", 5))
			s.end()
			s.changed(1, 1, 6)
		}},
		{name: "exact: two files, of which one takes the other's bytes", bytes: 5, exact: true, listed: listed(fileKind, "f", "g"), says: func(s *speech) {
			s.entries(file(0, "f", 5))
			s.changed(1, 1, 0)
			s.entries(file(0, "g", 1))
		}, broken: true},
		{name: "exact: a stream with the bytes offered", bytes: 5, exact: true, listed: listed(framing.KindStream, "s"), says: func(s *speech) {
			s.entries(entry(framing.KindStream, 0, "s"))
			s.end()
			s.piece(1, 5)
		}},
		{name: "exact: a stream with a byte more", bytes: 5, exact: true, listed: listed(framing.KindStream, "s"), says: func(s *speech) {
			s.entries(entry(framing.KindStream, 0, "s"))
			s.piece(1, 6)
		}, broken: true},
	}
}

// textOffers are of texts, that are granted.
func textOffers() []followed {
	text := func(name string, broken bool, bytes uint64, says func(*speech)) followed {
		return followed{name: name, flags: framing.FlagText, bytes: bytes, exact: true, listed: listed(framing.KindStream, "message.txt"), says: says, broken: broken}
	}
	announced := func(s *speech) {
		s.entries(entry(framing.KindStream, 0, "message.txt"))
		s.end()
	}
	return []followed{
		text("a text", false, 5, func(s *speech) { announced(s); s.stream("hello") }),
		text("a text with a byte more", true, 5, func(s *speech) { announced(s); s.piece(1, 6) }),
		text("a text that is not UTF-8", true, 5, func(s *speech) { announced(s); s.stream("hell\xff") }),
		text("a file for a text", true, 5, says(false, file(0, "message.txt", 5))),
		text("a file beside a text", true, 5, says(false, entry(framing.KindStream, 0, "message.txt"), file(0, "f", 0))),
	}
}

// brokenIDs break what section 5 says of ids, folders and END.
func brokenIDs() []followed {
	return []followed{
		{name: "a first id that is not the next", listed: two(), says: func(s *speech) { s.next = 2; s.entries(file(0, "f", 0)) }, broken: true},
		{name: "an id again", listed: two(), says: func(s *speech) { s.entries(file(0, "f", 0)); s.next = 1; s.entries(folder(0, "d")) }, broken: true},
		{name: "a parent that is no folder", listed: two(), says: says(false, file(0, "f", 0), file(1, "g", 0)), broken: true},
		{name: "a parent that has ended", listed: two(), says: says(false, folder(0, "d"), ends(1), file(1, "g", 0)), broken: true},
		{name: "a folder that ends twice", listed: two(), says: says(false, folder(0, "d"), ends(1), ends(1)), broken: true},
		{name: "the end of a file", listed: two(), says: says(false, file(0, "f", 0), ends(1)), broken: true},
		{name: "END that counts an entry more", listed: two(), says: func(s *speech) { s.entries(file(0, "f", 0)); s.next++; s.end() }, broken: true},
		{name: "ENTRY after END", listed: two(), says: func(s *speech) { s.entries(file(0, "f", 5)); s.end(); s.entries(folder(0, "d")) }, broken: true},
		{name: "END twice", listed: two(), says: func(s *speech) { s.entries(file(0, "f", 5)); s.end(); s.end() }, broken: true},
	}
}

func listed(kind framing.EntryKind, names ...string) (all []framing.OfferItem) {
	for _, name := range names {
		all = append(all, framing.OfferItem{Kind: kind, Name: []byte(name)})
	}
	return all
}

// many are n names that begin with prefix.
func many(prefix string, n int) (names []string) {
	for i := range n {
		names = append(names, fmt.Sprintf("%s%02d", prefix, i))
	}
	return names
}

func entry(kind framing.EntryKind, parent uint64, name string) framing.Entry {
	return framing.Entry{Kind: kind, Parent: parent, Name: []byte(name)}
}

func folder(parent uint64, name string) framing.Entry {
	return entry(framing.KindFolder, parent, name)
}

func ends(id uint64) framing.Entry { return framing.Entry{Kind: framing.KindFolderEnd, ID: id} }

func file(parent uint64, name string, size uint64) framing.Entry {
	e := entry(framing.KindFile, parent, name)
	e.Size = size
	return e
}

func withMode(e framing.Entry, mode uint32) framing.Entry {
	e.Mode, e.Sec = mode, aWhile
	return e
}

func symlink(parent uint64, name string) framing.Entry {
	e := entry(framing.KindSymlink, parent, name)
	e.Target = []byte("x")
	return e
}

func hardLink(name string, to uint64) framing.Entry {
	e := entry(framing.KindHardLink, 0, name)
	e.LinkTo = to
	return e
}

func linked(e framing.Entry) framing.Entry {
	e.Linked = true
	return e
}

// root is a root entry.
func root() framing.Entry { return framing.Entry{Kind: framing.KindRoot} }
