// Package delta finds in a file what an older one has, wherever it is there. It cuts both
// by their content; where pieces begin and end does not depend on how much stands before
// them. So an insertion or a deletion changes the pieces around it, and no others.
//
// # Who does what, and when
//
// The receiver has the old file, and the sender the new one. Both know chunk by chunk what
// is equal at the same place, as without this package: the receiver states its chaining
// values in pages, here of the kind hold. The sender answers with CHECKED, and sends nothing
// by itself. What differs the receiver asks for afterwards:
//
//  1. The first chunk that differs comes whole. It measures the link.
//  2. A link that outruns the reading of the old file ends it here: all that differs comes
//     whole, and further pages are ordinary ones. So it is for the rest of the delivery. The
//     same goes for a file of which so little differs that it crosses before the old one is
//     read once more, as where it was changed in place.
//  3. Else the receiver cuts the old file from its first byte to its last, and lists the
//     length and a short hash of each piece to the sender in PIECES frames.
//  4. It asks for the chunks that differ by the kind patch. The sender cuts each with what
//     stands around it, looks its pieces up, and sends the chunk as copies from the old file
//     and bytes in between. A chunk of which less than half was found goes whole;
//     so does one that is shorter as a zstd frame.
//  5. The receiver puts the chunk together and holds it against the CV that came with it,
//     as any other. If it differs the chunk is asked for again, and comes whole.
//
// The list goes from the receiver to the sender, and not the other way, since it is of the
// old file: it is made once, before anything moves, in one half of a round trip. The sender
// holds it; the receiver holds nothing but the chunks that it waits for.
//
// # What keeps it honest
//
// A piece's hash decides nothing. It has 5 bytes, and two pieces may have the same one by
// chance or by malice. The same goes for an old file that changes while it is read, and for
// a list that lies. All of them end in a chunk with another CV, which comes again. Resuming
// knows nothing of this package either: the journal has chunks with their CVs.
//
// # Bounds
//
//	pieces of a file          about size / 2^level, and never more than MaxPieces
//	MaxPieces                 of all files in flight together, at the receiver
//	an Index at the sender    28 bytes a piece; twice MaxPieces in all, since verdicts cross
//	a Weaver                  one window: a chunk and 4 * 2^level bytes, at most 2 MiB
//	a list in the making      3.5 MiB
//	copies of a chunk         framing.MaxCopies
//
// A file beyond them is listed as far as they go, and the rest of it is found only where it
// was. An Index never gives up: what stood behind a long new part may be found again.
//
// # Not done
//
// A piece is found whole or not at all: what stands around an insertion, half of one piece on
// average to each side, moves with it. Nothing is found in files other than the old one, and
// nothing within the new file.
//
// Nothing here has goroutines but List, while it runs. An Index may be used by several, see there.
package delta
