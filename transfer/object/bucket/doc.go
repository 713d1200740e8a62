// Package bucket is the client of a store that speaks S3. It is the only package that knows
// the library for it.
//
// # What is guaranteed
//
//   - A Put, a part and a completed upload succeed only if the store acknowledged them, and
//     told nothing about them that differs from what was computed here. Each carries a
//     Content-MD5 and, where the store takes it, a CRC64NVME, both of which the store checks;
//     over plain http the SHA-256 of the body is signed besides.
//   - An ETag is compared where it is an MD5 by its form (32 hexadecimal digits, or those and
//     "-N" for an upload of N parts) and the answer names no encryption: ETags of encrypted
//     objects are no MD5. A checksum is compared wherever one is told. What differs is
//     Mismatch, and the key may then hold what was sent, or something else: IsWritten.
//   - A condition that failed is Precondition, and nothing was changed. One that fails only
//     because an earlier attempt of the same call succeeded, whose answer was lost, is success:
//     what stands in the store is compared with what was sent. Who must know that it was he who
//     wrote, and not another with the same bytes, puts something of his own into the body.
//   - A Get yields as many bytes as were asked for, of one version of the object, or an error.
//   - Credentials are read from the environment, the shared files and the machine's role. They
//     are in no error and are written nowhere.
//
// Not guaranteed: a store without conditional writes (Conditional is false) is asked before a
// conditional write instead, so that two writers at the same time may both succeed. A Begin
// whose answer was lost leaves an upload behind that Uploads lists.
//
// # Trying again
//
// What passes (a broken connection, 5xx, a store that asks to slow down) is tried again in
// here and nowhere else, after pauses from 0.1 to 10 seconds with jitter, for Options.Patience
// in all. Options.Waiting is told before each pause. A request that makes no progress for a
// minute counts as broken.
//
// # Goroutines and memory
//
// The methods may be called at the same time. None calls back under a lock, and none starts a
// goroutine that outlives it, but for those of idle connections (at most 32), which Close
// ends, and those of a body that Get returned, which its Close ends. A body to send is read in
// place and never copied; an answer that is no object is at most 16 MiB; a list holds one page
// of at most 1000 keys.
package bucket
