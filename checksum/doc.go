// Package checksum computes BLAKE3 digests of whole files, of chunks in any
// order, and of many files at once, and reads and writes lists of them in the
// format of b3sum.
//
// A file is divided into chunks of 1 MiB. Each is a complete subtree of the
// BLAKE3 tree, so its chaining value (CV) depends only on its bytes and its
// position, and the CVs alone give the file's standard digest. A file of one
// chunk or less is all root: it has a digest and no CV.
//
// The package guarantees that a Tree gives a root only when every chunk was set
// exactly once, and that Files reports each file in order or says why not. It
// does not know where a CV came from: whoever calls Tree.Set vouches for it.
//
// Three ways to hash give the same: the kernel of this package for sixteen
// leaves at once where the processor has AVX-512 (wide.go, checked against the
// other two), that of lukechampine.com/blake3 for the rest of a tree, and
// github.com/zeebo/blake3 for what is small or comes as a stream.
//
// Values are plain data. Tree may be used by several goroutines at once; Hasher,
// Sumset and Scanner belong to one. Only Files starts goroutines (a walk, a fixed
// number of workers, and one beside a pipe while it is opened), and it returns
// after they have ended. Its memory is bounded but for the names of the largest
// folder and those above it, which have to be sorted.
package checksum
