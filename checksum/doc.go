// Package checksum computes BLAKE3 digests of whole files, of chunks in any
// order, and of many files at once, and reads and writes lists of them in the
// format of b3sum. Lists of sha256sum, md5sum and programs like these are read too.
//
// A file is divided into chunks of 1 MiB. Each is a complete subtree of the
// BLAKE3 tree, so its chaining value (CV) depends only on its bytes and its
// position, and the CVs alone give the file's standard digest. A file of one
// chunk or less is all root: it has a digest and no CV.
//
// The package guarantees that a Tree gives a root only when every chunk was set
// exactly once, and that Files reports each file in order or says why not. It
// does not know where a CV came from: the caller of Tree.Set vouches for it.
//
// Three ways to hash give the same result. The kernel of this package hashes sixteen
// leaves at once where the processor has AVX-512 or is an arm64 (wide.go, checked
// against the other two). lukechampine.com/blake3 hashes the rest of a tree: no other module gives the
// chaining value of a chunk, so that chunks hash in any order. github.com/zeebo/blake3
// hashes what is small or comes as a stream, where it is the fastest. In the tests it is
// an independent second opinion.
//
// Values are plain data. A Tree may be used by several goroutines at once; Hasher,
// Group, Sumset and Scanner belong to one. Only Files starts goroutines: one walks, a
// fixed number of workers hash, and one stands beside a pipe while it is opened. Files
// returns after all of them have ended. Its memory is bounded but for the names of the
// largest folder and of the folders above it, which have to be sorted.
//
// There are two locks, that of a Tree and that of the list of large files which
// workers share. Neither is taken under the other.
package checksum
