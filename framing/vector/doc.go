// Package vector reads and writes the files of test vectors in testdata, in the form
// that section 10 of framing/PROTOCOL.md gives them: stanzas between empty lines, of
// lines "key: value". Only tests import it, those of every package that has vectors.
//
// It guarantees that what Write wrote, Read reads back. It does not know what a key
// means; whoever asks for one that is not there gets an error.
//
// Values are plain data. It has no goroutine and no lock.
package vector
