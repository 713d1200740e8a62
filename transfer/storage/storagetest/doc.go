// Package storagetest tries a storage.Destination, and a storage.Source, against what
// package storage says of them. One suite runs against each implementation.
//
// A test gives Destination a function that makes a new Place, and that does the rest. A
// rehearsal is tried by the same suite, as far as it can be asked: Place.Rehearses says
// that what is opened is one. It may differ from a delivery in the following, and in
// nothing else:
//
//   - Landing.Files is nil and Landing.Estimate is there.
//   - Nothing at the place changes: what would be made is not there afterwards. So an item
//     that was made is made again by a second call, and is not the same.
//   - Outcome.Adjusted of a folder comes with MakeFolder.
//   - Outcome.Lost is empty, and no name is tried.
//   - Report is empty.
package storagetest
