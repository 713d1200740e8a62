// Package dest is the folder in which a delivery lands.
//
// Order of calls: Open; Grant, OnAdjusted, MakeWay; for each entry MakeFolder,
// MakeLink, MakeNode, MakeHardLink, or Begin, writes, Seal and Publish; FinishFolder
// once a folder's children are done; Finish before the receipt; Prune, if what is
// not in the source is to go; Close. A Rehearsal stands for a Folder in a dry run.
//
// Guaranteed:
//   - A final name holds the whole old or the whole new content at every
//     instant: content is written under no name, or in the state folder
//     (tree.IsStateName), is synced there, and is then linked or renamed.
//   - The state folder is this user's alone. Whatever another user has under its
//     name, a name is found that is free.
//   - Nothing is written through a symbolic link or outside the folder that
//     Open found, whoever swaps names meanwhile: all calls are made on open
//     folders with one component. A folder that somebody moves away is written
//     to until FinishFolder, Publish or Finish notice and fail.
//   - The first write or sync error of a Partial is never cleared. What failed
//     to sync is unlinked before the error is returned, since the page cache
//     lies from then on.
//   - After Finish returned nil, all that was published, kept or made, and each
//     folder on the way, is on stable storage (unless Options.NoSync).
//   - Metadata beyond mode & 0777 and mtime is applied as far as Grant allows: to
//     files and folders by their handle, to links and special files in the state
//     folder before they get their name. What is refused, or taken and not kept, is
//     told to whom Grant names, and keeps nothing from being delivered. Unless
//     attributes are granted, items have the ACL that their folder gives.
//   - An operation that the file system refuses is done in another way if there is
//     one. A sync that is refused keeps nothing from being delivered: see Unsynced.
//   - Whether the file system takes one name for another, Relate tells by what stands
//     there; Prune takes what it lists for a delivered name for that item.
//   - What stands where an item of another kind is to be is kept in the state folder
//     until Prune, if MakeWay gave leave to move it there.
//   - A chunk that is a hole, or a hole in the basis it is copied from, takes no
//     space where the file system can have holes.
//
// Not guaranteed: claims of a .tree file (Partial.Present) are hints and prove
// nothing. Unlinking a poisoned file can itself fail on a broken disk. On
// Windows a file is unlocked just before it is renamed.
//
// All methods may be called concurrently, except as their comments say. There
// are no goroutines but those that Publish and Finish start to sync many files
// at once, and wait for.
package dest
