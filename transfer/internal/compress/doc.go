// Package compress shrinks chunks and packs at the sender, where that makes the delivery
// faster, and unfolds them at the receiver.
//
// Guaranteed: neither side takes more memory for a frame than a chunk and its window, and
// what a frame unfolds to has exactly the size that it states. Not guaranteed: that
// anything is compressed. The policy measures that anew as the delivery goes.
//
// github.com/klauspost/compress does it: it is pure Go, as fast as a fast line, and its
// decoder keeps to limits of memory and size.
//
// No goroutine is started here. A Compressor has one lock, around its policy; compressing
// itself happens under none.
package compress
