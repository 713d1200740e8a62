// Package keys lets two ferries prove who they are with the keys that people have for ssh.
// It reads and writes OpenSSH's formats: private keys, authorized_keys, known_hosts, and
// the signatures of ssh-keygen -Y. It asks ssh-agent.
//
// A proof is a signature of OpenSSH's PROTOCOL.sshsig in the namespace ferry@1 (sshsig.go).
// The server has a host key (host.go) and a Store of those who may come. A client has its
// own keys (Own) and the hosts that it knows (KnownHosts).
//
// golang.org/x/crypto/ssh parses keys, and its packages agent and knownhosts do what their
// names say. The standard library has none of these formats.
//
// # What is guaranteed
//
// A signature counts only for the namespace ferry@1 with SHA-512, by the key that it was
// asked for. RSA signs with SHA-512 as well, and never with SHA-1. A key of a security
// token has to tell that somebody touched it. Keys are ed25519, ECDSA, and RSA of 2048 to
// 8192 bits; a larger signature does not fit into the frame of a proof.
//
// A Store is wholly valid: a file with one bad line changes nothing, and the error names
// the line. Private keys are not read from a file that others can read. A host key and a
// file of known hosts appear whole or not at all.
//
// # What is not
//
// Certificates are refused. Windows has no bits of access to check, so nothing is checked
// there, and its agent is asked only if SSH_AUTH_SOCK names a socket. Comments, names and
// texts of an agent are what somebody wrote, and are not made safe to show.
//
// # Goroutines and locks
//
// No function leaves a goroutine or a connection behind. The agent is asked over a new
// connection for each signature, which ends with the context. Store.mu is the only lock.
// It guards what was read, and is held over the reading of the file, which has limits.
package keys
