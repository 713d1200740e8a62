package receive

import (
	"ferry/checksum"
	"ferry/transfer"
	"ferry/transfer/tree"
)

// decision is what becomes of an offered file or link, given what stands under
// its name.
type decision uint8

const (
	takeNew       decision = iota + 1 // nothing is there
	takeReplace                       // what is there is replaced, and serves as basis
	takeRename                        // it gets a free name
	takeSame                          // there already, by size and mtime
	takeCompare                       // perhaps there already: digests tell
	takeSkip                          // left alone at the user's word
	takeOlder                         // left alone at the user's word, since what is there is newer
	takeConflict                      // reported
	takeAsk                           // the user decides
	takeWrongKind                     // a folder, device or FIFO stands there: never replaced
)

// decide plans one file. found is nil when nothing stands under its name.
// byDigest has files of equal size compared by digest, never by mtime. dry is
// true of a dry run. unchanged tells of such a file whether its mtime is e's.
func decide(e *tree.Entry, found *tree.Info, policy transfer.ConflictPolicy, byDigest, dry bool, unchanged func(tree.Info) bool) decision {
	if found == nil {
		return takeNew
	}
	if found.Kind == tree.File && e.Kind == tree.File && found.Size == e.Size {
		if !byDigest && unchanged(*found) {
			return takeSame
		}
		// A large file that may be overwritten is compared chunk by chunk, as the
		// basis of the new one: that copies nothing while nothing differs.
		if byDigest || dry || policy != transfer.ConflictOverwrite || e.Size <= checksum.ChunkSize || checksum.Chunks(e.Size) > maxLent {
			return takeCompare
		}
	}
	return resolve(found, policy)
}

// resolve plans what is known to differ from what is there.
func resolve(found *tree.Info, policy transfer.ConflictPolicy) decision {
	switch {
	case policy == transfer.ConflictSkip:
		return takeSkip
	case policy == transfer.ConflictRename:
		return takeRename
	case policy == transfer.ConflictAsk:
		return takeAsk
	case found.Kind == tree.Folder || found.Kind == tree.KindOther:
		return takeWrongKind
	case policy == transfer.ConflictOverwrite:
		return takeReplace
	}
	return takeConflict
}

// isNewer tells whether a file stands there that is newer than the one that is offered.
// With an item of another kind there, or a link on either side, time does not decide.
func isNewer(found *tree.Info, offered *tree.Entry) bool {
	return found != nil && found.Kind == tree.File && offered.Kind == tree.File && found.MTime.After(offered.MTime)
}
