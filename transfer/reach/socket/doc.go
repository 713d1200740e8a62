// Package socket makes the sockets by which a way to the other side is opened. One port
// can listen, and be dialled from at the same time, so that two sides behind firewalls can
// open one connection together. An Inlet gives connections from all ways to one listener.
//
// # What is guaranteed
//
// Listen is exclusive: a second listener on the same port gets EADDRINUSE, of this process
// or of another. Every connection that Listen, DialFrom and Open give is a *net.TCPConn,
// so that what the kernel tells of its path is to be had. Whatever is put into an Inlet is
// either returned by Accept, once, or closed.
//
// # What is not
//
// Where the system lets nobody dial from a port that listens, DialFrom dials from any port, as
// on Windows. It is tried on Linux; macOS has the same options, and is not
// tried. On Linux only processes of the same user can dial from the port.
//
// A simultaneous open needs both to dial within the time that firewalls remember, which is
// a minute and more. It fails through a NAT that picks ports at random.
//
// # Goroutines
//
// An Inlet owns one goroutine for each listener that feeds it, and Close waits for them. No
// lock is held while anything blocks.
package socket
