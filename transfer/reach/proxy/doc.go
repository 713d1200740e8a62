// Package proxy makes connections through a proxy: SOCKS5 or HTTP CONNECT.
//
// # Guaranteed
//
// What a Proxy dials, it dials through the proxy, and the proxy looks up the names: not
// one packet goes to the address itself or to a resolver of this machine. There are two
// exceptions, which Takes tells of: addresses that NO_PROXY lists, and loopback, which no
// packet leaves. Dial returns the connection to the proxy itself, so that the system tells
// of it what it tells of any. Nothing of the tunnel is lost: the answer of the proxy is read
// without reading ahead.
//
// A proxy is not trusted. Its answer is at most maxAnswer bytes and comes within
// answerLimit. Its words are in an Error as they came: whoever shows them has to escape
// them. Names and passwords of a user are in no text of this package.
//
// # Not guaranteed
//
// The name of the proxy is looked up here. A proxy learns the address that is dialled, and
// the times and sizes. SOCKS5 and http:// send the password as it is.
//
// # Goroutines and locks
//
// A Proxy has neither, and may be used by several goroutines at once. Package
// golang.org/x/net speaks SOCKS5 and understands NO_PROXY; CONNECT is a few lines here.
package proxy
