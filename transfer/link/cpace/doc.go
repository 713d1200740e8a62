// Package cpace proves a password to a peer that has it too, and makes a key of it.
//
// It is CPACE-X25519-SHA512 of draft-irtf-cfrg-cpace-21, in the initiator-responder
// form with explicit confirmation. The tests hold it against the draft's own vectors.
//
// No library of it can be had. filippo.io/edwards25519 gives the arithmetic of the field,
// and the standard library the curve, the hash and the MAC.
//
// It guarantees that one run tests one password: whoever does not know the password
// learns from a run whether one guess was right, and nothing more. It refuses shares
// of low order. It takes the same time whatever the password is, up to the length
// that the draft pads to.
//
// It does not guarantee that the key is wiped from memory: the scalar lies in
// crypto/ecdh, which cannot wipe it. It does not limit how often a peer guesses.
//
// All functions are pure, but for the randomness that New reads. A Party belongs to
// one goroutine. There are no goroutines and no locks.
package cpace
