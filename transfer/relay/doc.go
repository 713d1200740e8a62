// Package relay is the server that two sides of ferry meet at when they cannot reach each
// other, and that carries their bytes: framing/RELAY.md.
//
// It guarantees that bytes pass unchanged, in their order, each direction with its own end,
// and that no client can use more than Limits of what it shares with others. It reads
// nothing of what it carries, keeps nothing on disk, and names nobody in what it tells. It
// does not guarantee that who holds a room is who held it before the relay was started
// again: the sides prove themselves to each other.
//
// The core (core.go, rooms.go, calls.go, source.go) decides: events in, actions out, no
// connection, no clock. The shell (server.go, dispatch.go, client.go) has the connections.
// sniff.go and web.go find out what is spoken, carry.go and pace.go move bytes.
//
// Each connection has a goroutine that reads it, and once it has asked for something, one
// that says frames. Serve waits for all. Server.mu guards the core, clients and links; the
// lobby has a lock of its own. Nothing waits and nobody is called back under a lock.
//
// golang.org/x/time/rate holds the rates: it is the standard library's neighbour, and has
// the reservations in order that several links on one limit need. VictoriaMetrics/metrics
// writes the numbers: with histograms, a tenth of the weight of Prometheus' own client.
// pires/go-proxyproto parses PROXY headers, of which there are many forms.
package relay
