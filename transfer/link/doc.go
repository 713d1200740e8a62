// Package link makes a proven, encrypted channel between two ferries that share
// a pairing code, and keeps watch over it. It covers everything between a
// net.Conn and streams of frames: listening and dialling, TLS 1.3, the proof of
// the code by CPace bound to the TLS exporter, further streams, heartbeats.
//
// It guarantees that a Link ends at somebody who knew the code, that nobody in
// between reads or alters a byte of it, that an orderly end differs from a cut
// one, and that before the proof nothing is allocated, waited for or answered
// beyond the limits in config.go. A code can be guessed once an exchange and
// three times in all.
//
// It does not guarantee that strangers leave a listener in peace: whoever
// reaches the port can burn the code with three wrong confirmations. It does not
// rejoin a lost link yet: such HELLOs are parsed and declined, and Link keeps
// the session secret and epoch that a rejoin will prove. It knows nothing of
// what the frames mean, and sends no BYE.
//
// Goroutines: a Listener owns its accept loop and one goroutine for each
// connection without proof; Close waits for them. A Link owns a heartbeat and a
// watchdog; Close waits for them. Dial and Grow start none that outlive them.
// Readers are the caller's, one a stream, and stream 0 must always have one.
package link
