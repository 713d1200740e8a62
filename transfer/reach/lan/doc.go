// Package lan finds the other side on the networks that this machine is on. Who searches
// asks; nobody announces anything. The packets are those of mDNS (RFC 6762), because the
// firewalls of hosts let its group in and nothing else that reaches all.
//
//	question  SRV <nonce>-<tag>._ferry._tcp.local.   TXT v r p i f in the additional section
//	answer    SRV port, <instance>.local.            TXT the same; both may be kept for 1 s
//
// nonce is 8 random bytes of a search. tag is the first 8 bytes of the SHA-256 of "ferry
// find 1", nonce and room. In the TXT, v is 1, r is the role (1 sends, 2 receives), p is the
// TCP port, i the instance, f the flags: 1 asks to be called, 2 tells of a search. Numbers
// are decimal; nonce, tag and instance are in hex.
//
// # What is guaranteed
//
// Nothing is sent before Search, and nothing that is sent depends on the secret of a code,
// only on its room. A round of questions is one packet to the group for each family and
// interface, and one to all of each IPv4 subnet; there are 6 rounds at most in 10 s. In the
// second round up to 64 machines that this one has spoken to lately are asked too, each by
// itself: a firewall lets in what answers that.
//
// An answer goes to the group and to who asked: each arrives where the other does not. At
// most 10 questions a second are answered, and of one source one in 0.7 s for each way to
// ask. Only a source on the same network is answered or called. A call dials for 3 s at
// most, every 0.1 s while it is refused; there are 16 at a time, and 2 to one source.
// Failures end nothing, and those of a search are told by Report: interfaces and sockets are
// looked at again every 3 s by who answers, and in each round by who asks.
//
// # What is not
//
// Whoever is on the network sees that ferry looks for a room there, and can find out which
// by trying all rooms. He can answer falsely: package link proves the other side. Who sends
// questions from many addresses, 10 a second and for as long, keeps others from an answer.
//
// Loopback, tunnels (point to point) and the ports of a bridge are not searched, nor what
// is behind a router. Wi-Fi that keeps its clients apart lets nothing through. Of several
// who listen on one machine, only one gets what was sent to that machine alone.
//
// That the source is on the same network is known from its address, and from the TTL of 255
// where the kernel tells it. Windows does not, and does not tell the interface.
// Neighbours and ports of bridges are known on Linux only. Search and Answer are
// tried on Linux only.
//
// A packet that is not exactly as this package would write it is left alone.
//
// # Goroutines
//
// A Searcher and an Answerer own one goroutine each, one for each socket, and an Answerer
// one for each of at most 16 calls. Close waits for all. No lock is held while a callback or
// a channel is waited for.
//
// golang.org/x/net has what the system's own interface lacks: DNS messages, the interface
// that a packet came by, and a way to choose it for one that is sent. Libraries for mDNS were
// weighed: they use one interface, announce, and have no port of their own.
package lan
