// Package dest is the folder in which a delivery lands: a storage.Destination. A
// Rehearsal stands for a Folder in a dry run.
//
// Order of calls: Open; MakeWay; Start; then what Start handed out; Finish before the
// receipt; Prune, if what is not in the source is to go; Close.
//
// Guaranteed, beyond what package storage says:
//   - Content is written under no name, or in the state folder (tree.IsStateName), is
//     synced there, and is then linked or renamed.
//   - The state folder is this user's alone. Whatever another user has under its
//     name, a name is found that is free.
//   - Nothing is written through a symbolic link or outside the folder that
//     Open found, whoever swaps names meanwhile: all calls are made on open
//     folders with one component. A folder that somebody moves away is written
//     to until FinishFolder, Publish or Finish notice and fail.
//   - What failed to sync is unlinked before the error is returned, since the page cache
//     lies from then on.
//   - Metadata beyond mode & 0777 and mtime is applied to files and folders by their
//     handle, to links and special files in the state folder before they get their name.
//     Unless attributes are granted, items have the ACL that their folder gives.
//   - An operation that the file system refuses is done in another way if there is
//     one. A sync that is refused keeps nothing from being delivered: see
//     storage.Report.Unsynced.
//   - Whether the file system takes one name for another, Relate tells by what stands
//     there; Prune takes what it lists for a delivered name for that item.
//   - With Options.EscapeNames an item whose name the file system does not hold is stored
//     under tree.EscapeName: so says Names, and so does Prune. Which names those are, is
//     found out once a volume, by what has the same traits.
//   - What stands where an item of another kind is to be is kept in the state folder
//     until Prune, if MakeWay gave leave to move it there.
//
// Not guaranteed: claims of a .tree file (storage.Partial.Present) are hints and prove
// nothing. Unlinking a poisoned file can itself fail on a broken disk.
//
// What is what:
//
//	Folder       opens the destination, hands out its parts and ends them
//	finder       storage.Finder and Twins       maker   Maker and Special: folderMaker, itemMaker, keeper
//	files        storage.Files: partial, its body (the file) and hint, placing (its publication)
//	storing       escaped names, for fitter (storage.Names) and for deleting
//	nodes        the folders that items may come for       volumes   the file systems below the destination
//	stateFolder  where what is unfinished has its name     syncer    what is owed to the disk of a volume
//	dresser      metadata        targets   of hard links       way   what makes way for other kinds
//	pruneRun     deletes         shortfall what could not be done beyond single items
//
// There are no goroutines but those that Publish and Finish start to sync many files
// at once, and wait for.
//
// Locks: each is in the object that it guards, and no caller's function is called under
// one. Most are held for a few lines and no other is taken under them. Where two are held
// the order is: body.mu or a trial's (linkTrial.mu, itemTrial.once), then stateFolder.mu;
// syncer.syncing, held for a syncfs, stands alone.
package dest
