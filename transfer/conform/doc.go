// Package conform holds the sender and the receiver to framing/PROTOCOL.md by
// transcripts: whole deliveries, frame by frame, in testdata/sessions. A transcript
// is played against the real sender, with the frames of its receiver, and against the
// real receiver, with those of its sender. What the real side says in between has to
// be what the transcript says.
//
// Two kinds of transcripts are there. Some are made here, by a script that knows
// PROTOCOL.md only and sends the simplest frames that it allows; go test -run
// Transcripts -update writes them again. What one of ferry's sides never says is played
// to the other one only. The others were recorded between the sender
// and the receiver of an earlier commit, and are never written again: so that old and
// new stay able to deliver to each other.
//
// offer_cases_test.go has what may follow an offer, and what breaks a rule of it: those
// frames are said to the real receiver. cost_test.go holds what content costs of the
// credit against both real sides.
//
// The frames of a real side may come in other batches and pieces, and in another order
// where PROTOCOL.md leaves it open. ledger_test.go says what is compared: records one
// by one, chunks whole, and the order of what concerns one entry. HEARTBEAT and ACK
// are not in transcripts; the link takes them.
//
// The package has tests only. A player owns two goroutines: the one that plays, and
// the one that reads stream 0. Its ledger has the one lock.
package conform
