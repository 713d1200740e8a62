package tree

// MaxHardLinks is how many items with several names a walk remembers at a time, each
// until all its names were met. So many take about 20 MiB.
const MaxHardLinks = 1 << 17

// HardLinks knows the items with several names that a walk met. If it is full, the names
// of a further item are sent as items of their own, and counted. It belongs to one
// goroutine at a time.
type HardLinks struct {
	max  int
	seen map[inode]*linkedItem
	// dropped is how many items were forgotten before all their names were met. The
	// receiver does not know that, and goes on remembering them.
	dropped int
	copies  uint64
}

type inode struct{ dev, ino uint64 }

type linkedItem struct {
	id    uint64
	left  uint64 // names not met yet, by the link count at the first
	kind  Kind
	size  int64
	mtime Time
}

// NewHardLinks returns a table of at most max items.
func NewHardLinks(max int) *HardLinks {
	return &HardLinks{max: max, seen: make(map[inode]*linkedItem)}
}

// Copies returns how many items with several names were not remembered.
func (h *HardLinks) Copies() uint64 { return h.copies }

// meet notes a name of the item info, which is announced with id. It returns the id of an
// earlier name of the item, or 0. More says that further names may come.
func (h *HardLinks) meet(id uint64, info Info) (first uint64, more bool) {
	if info.Nlink < 2 || info.Kind == Folder {
		return 0, false
	}
	key := inode{info.Dev, info.Ino}
	it := h.seen[key]
	// An inode that was removed may have given its number to another item.
	if it != nil && (it.kind != info.Kind || it.size != info.Size || it.mtime != info.MTime) {
		delete(h.seen, key)
		h.dropped++
		it = nil
	}
	if it == nil {
		if len(h.seen)+h.dropped >= h.max {
			h.copies++
			return 0, false
		}
		h.seen[key] = &linkedItem{id: id, left: info.Nlink - 1, kind: info.Kind, size: info.Size, mtime: info.MTime}
		return 0, true
	}
	it.left--
	if it.left == 0 {
		delete(h.seen, key)
	}
	return it.id, it.left > 0
}
