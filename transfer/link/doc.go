// Package link makes a proven, encrypted channel between two ferries that share
// a pairing code, and keeps it going. It covers everything between a net.Conn
// and streams of frames: listening and dialling, TLS 1.3, the proof of the code
// by CPace bound to the TLS exporter, then sealed records (package record), further streams, heartbeats, and new connections in the place of
// lost ones.
//
// It guarantees that a Link ends at somebody who knew the code, that nobody in
// between reads or alters a byte of it, that an orderly end differs from a cut
// one, and that before the proof nothing is allocated, waited for or answered
// beyond the limits of package admission. A code can be guessed once an exchange, and no
// oftener than admission.Guesses has it. With Config.RetryFor a stream's bytes arrive once and in
// order whatever becomes of its connections, until the time is over; what the
// peer has not acknowledged is kept for that, at most replayLimit a stream.
//
// It does not guarantee that strangers leave a listener in peace: whoever reaches
// the port from 64 addresses can burn a code of three words in a minute, and from one
// in an hour. A secret of 20 characters cannot be burnt. What was sent last before Close may be lost with its connection: an answer is the only
// proof of arrival. It knows nothing of what the frames mean, and sends no BYE.
//
// What is computed for the proof is pure: newCodeProver and newSessionProver in prove.go
// take randomness and the TLS exporter as arguments, and all else follows from them.
// Package cpace has the exchange itself, package memory connections within a process.
//
// Goroutines: a Listener owns its accept loop and one goroutine for each
// connection without proof; Close waits for them. A Link owns a heartbeat and a
// watchdog, while it is lost one that waits or dials, and after that one a
// stream that sends what was kept; Close waits for them. Dial and Grow start
// none that outlive them. Readers are the caller's, one a stream, and stream 0
// must always have one.
package link
