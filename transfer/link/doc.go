// Package link makes a proven, encrypted channel between two ferries that share a pairing
// code, or know each other's long-term keys, and keeps it going. It covers everything between
// a net.Conn and streams of frames: listening and dialling, TLS 1.3, the proof of the code or
// the keys, further streams, heartbeats, and new connections in the place of lost ones.
//
// A connection climbs the ladder of HELLO and PROOF (ladder.go, handshake.go, prove.go), and
// with keys that of KEYPROOF (keys.go, keys_prove.go, keys_admit.go, keys_dial.go).
// Then it is a channel of a Link. Package admission decides which connections may climb,
// package cpace proves the code, package record seals what is sent, and package memory has
// connections within a process.
//
// The words of codes are those of github.com/sethvargo/go-diceware, the short list of the
// EFF: each is known by its first three letters.
//
// # What is guaranteed
//
// A Link ends at a peer that knew the code, or had a key that the caller took for right. No
// other party reads or alters a byte of it, and an orderly end differs from a cut. Before the proof nothing is allocated, waited for
// or answered beyond the limits of package admission. One exchange is one guess of the
// code, and admission.Guesses bounds the guesses. A key is no guess. A dialler shows its key
// to no host but one that has proved a key which Keys.Known took.
//
// With Config.RetryFor a stream's bytes arrive once and in order, whatever becomes of its
// connections, until that time is over. What the peer has not acknowledged is kept for
// that, at most 16 MiB and one frame a stream. Link.Move takes a link to another way while
// it runs; the same holds then. For that moment it has the buffers of both ways, less than
// 1 MiB a stream; what is kept is not kept twice. Of the peer's PATHS one is kept.
//
// A Listener with Config.Links has that many links, and all of this for each. A lost link of a
// key loses its place to a peer with that key alone.
//
// Within makes a link whose two ends are in this process. It has one stream, bytes as they
// are, and no proof; an orderly end differs from a cut there too, and it lives and ends like
// any other.
//
// # What is not
//
// What a key is worth is the caller's to say: the package does not read keys or signatures.
// A proof by keys costs a stranger one handshake and the listener one too and a signature
// beside it, at any rate that admission.Slots lets through, and from one source at the pace
// of admission.Failures.
//
// Strangers are not kept from a listener's port. From 64 addresses they can burn a code of
// three words in a minute, and from one address in an hour. A secret of 20 characters
// cannot be burnt. What was sent last before Close may be lost with its connection: an
// answer is the only proof of arrival. The package knows nothing of what the frames mean,
// and sends no BYE.
//
// Connections are any net.Conn, of pipes, a relay or memory too. Their deadlines have to
// work, in both directions, and Close has to end a Read and a Write: all limits rest on
// that. An address is for people, and what path_linux.go asks needs TCP.
//
// # Goroutines
//
// A Listener owns its accept loop and one goroutine for each connection without proof;
// Close waits for them. A Link owns a heartbeat and a watchdog. While it is lost it owns
// one more that waits or dials, and after that one a stream that sends again what was
// kept. Close waits for all of them. Dial, Grow and Move leave none behind. The caller reads
// each stream with one goroutine, and stream 0 must always have one.
//
// # Locks
//
// They are taken in this order, and each column only after those to its left:
//
//	Listener.mu   outlet.mu   conns.mu   inlet.mu
//	                                     ending.mu
//	                                     replay.mu
//	                                     news.mu
//	                                     those of packages admission and record
//
// outlet.mu and conns.mu are never held together. No callback of the caller runs under a
// lock. An outlet holds its lock while it writes to the network, and a Listener holds its
// lock over no wait.
//
// # What is pure
//
// newCodeProver, newKeyProver and newSessionProver take randomness and the TLS exporter as
// arguments, and all else in prove.go, keys_prove.go and session.go follows from them, and
// from the Signer.
package link
