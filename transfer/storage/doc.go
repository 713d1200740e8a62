// Package storage says what a receiver needs of the place where a delivery lands,
// and a sender of what it reads. It has interfaces, their values and their errors, and
// nothing that reads or writes. Package dest is a Destination on a file system, package
// memory one in memory; package storagetest tries both, and any other, against what
// is written here.
//
// # A destination
//
// Destination.Start comes first and once. It hands out a Landing, by which all else is
// asked for:
//
//	Finder    what stands at the destination, and how much room is left
//	Maker     folders, links, special files, and files that were found the same
//	Files     files with content: a Partial each, and publication in batches
//	Names     names for items whose own the place does not hold
//	Twins     whether two names are one there
//	Way       whether a folder may make way for another item
//	Backups   keeping what is replaced
//	Moved     files that may have been moved
//	Estimate  what a dry run asks for in the place of Files
//
// An ability that a destination has not is a nil field. Package receive never asks for the
// type of a Destination, so a Destination may be wrapped by one whose Start changes the
// Landing. Package local does ask, for local.Delete alone: a wrapped folder is not deleted
// from.
//
// Entries come in the order of a walk. MakeFolder comes before the entries that name the
// folder as their Parent, FinishFolder after all of them are settled. Destination.Finish
// comes when nothing else is under way, and then only Close.
//
// Guaranteed by every Destination:
//   - A final name holds the whole old content or the whole new content.
//   - Nothing gets a name outside of the destination. Names are checked by
//     tree.CheckName, whoever checked them before, but for Names; no link is followed.
//   - The first error of a write or a sync of a Partial is never cleared. What failed to
//     sync is removed before the error is returned.
//   - After Finish returned Durable and no error, all that was published, kept or made is
//     on stable storage.
//   - Metadata that is refused is told in Outcome.Lost, and costs nothing else.
//   - An error is an *Error, or fs.ErrNotExist where a method says so.
//
// # Goroutines
//
// The methods of Finder, Maker, Files and Estimate may be called at the same time for
// different entries, except where they say otherwise. A caller calls one after another
// for one entry; how a Partial is shared, its comment says. Those of Names, Twins, Way and
// Finder.MayPut are called by one goroutine, the receiver's planner. No method calls
// back. A goroutine that outlives the call is the Destination's, and ends with Close. Each
// method may wait for a disk or a network for as long as that takes.
//
// # A source
//
// A Source is one file of what is sent; see there.
package storage
