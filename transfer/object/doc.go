// Package object is a prefix of a bucket in an S3-compatible store, as the place where a
// delivery lands: a storage.Destination. A rehearsal stands for it in a dry run. A Source is
// such a place as something to send: a tree.Away.
//
// Guaranteed, beyond what package storage says:
//   - A key holds the whole of a file or nothing: one PUT, or an upload that is completed when
//     all of its parts are there. The store checks a checksum of each, and what it tells of
//     them is compared with what was sent (package bucket). With Options.VerifyDisk each object
//     is read back too. An object that is another one than was sent does not stay.
//   - Nothing is overwritten that was not looked at: a write has the condition that nothing
//     stands under the key, or that what was seen still does. That a store heeds no conditions
//     is told once, in the Report.
//   - Who runs the same delivery again, on any machine, goes on with an upload that was not
//     completed. A part counts if the store tells the ETag of it that was noted with its
//     chaining values, which were made of the bytes that were sent (storage.Voucher).
//   - Two deliveries are never at one upload, if the store heeds conditions.
//   - What is in memory on its way is bounded by Options.Memory.
//
// Not guaranteed: modes and times of folders, but for one that was made empty. A place for
// links and special files, or for holes. That nothing else writes below the prefix meanwhile:
// a key "a" and a key "a/b" may come to stand side by side.
//
// # Keys and metadata
//
// A file is an object under its path. A folder is what keys begin with; one in which nothing
// was put is an empty object whose key ends in a slash. The metadata of an object has mtime, as
// rclone writes it, mode and blake3. What of an earlier object has no such metadata has the
// time when it was written, and the mode that is offered.
//
// The digest of a file is known when all of it was read, and the metadata of an upload is
// given when it begins. So an upload has mtime and mode from its beginning, and the digest by
// a copy of the object to its own key, right after it is completed. The object is whole
// before that: who dies in between leaves a file without a digest, which the next delivery
// finds the same by size and time. The state tells of all parts by then, so that the next one
// which finds it, two minutes later on another machine, gives the object its digest (undone.go). Most stores change the metadata in place; AWS writes the
// object again on its side, at some GiB a second, and where versions are kept there is one
// more. Objects of more than 5 GiB are not copied and have no digest: to copy them by parts
// takes as long as it costs.
//
// # Uploads, and who is at them
//
// A file of more than one part, of 8 MiB or more where 10 000 would not do, is uploaded. Its
// state is an object below .ferry-partial/ (state.go): the upload, the parts with their ETags
// and the chaining values of their chunks, and who is at it. It is written when the upload
// begins, each 64 MiB, and when the delivery ends in order. It is a lease as well: it is taken
// by a PUT on the condition that there is none, and renewed every 30 s on the condition that
// it is as it was left. A second delivery of the file gets the Kind Locked. A holder that was
// silent for two minutes, by the clock of the store, is taken for dead; one on the same machine
// whose process has ended, at once (Linux). Another version of a file does not go on with an
// upload: it is given up. So is one after 30 days.
//
// Parts leave when they are whole, several at a time. What comes in another order than that of
// the file is in memory until its part is whole: see spill.go for what happens if there is no
// more of it.
//
// # Objects
//
//	destination  hands out its parts, and ends them
//	store        the bucket, and the goroutines that outlive calls
//	nodes        the folders that items may come for; a listing each of what stood in them
//	finder       storage.Finder     maker  storage.Maker     file  storage.File
//	files        storage.Files: partial, with pieces in memory, and writing, its publication
//	upload       parts that the store has      leases  states of uploads      budget  memory
//
// # A source
//
// What is read of an object is one version of it: each request has the condition that the ETag
// is still the same. One that changes meanwhile shows as changed, and costs the others nothing.
// A digest in the metadata is held against what was read, and spares nothing. Keys that have no
// place in a file system are told one by one: "a//b", "../x", an "a" beside an "a/b", one with
// a slash at its end and content. Those of unfinished deliveries are left out.
//
// Not guaranteed: times and modes of folders that have no key of their own. Their mode is
// 0755, and their time that of the first key in them. A Source says what its requests are.
//
// # Goroutines
//
// Those of Publish end with the call. The store's own send parts, look ahead at what stands in
// a folder, and renew leases; they end with Close at the latest. A request ends with the
// context that NewDestination was given, or when the bucket gives up; that of a part a second
// later. A Source has goroutines
// for looks and for what is read ahead, which its Close ends.
//
// # Locks
//
// lease.mu, listing.mu and upload.starting are held for requests of theirs. Under starting,
// lease.mu and upload.mu are taken; under partial.mu, upload.mu and budget.mu. All others are
// leaves. No caller's function is called under one.
package object
