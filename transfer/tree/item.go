package tree

import (
	"context"
	"os"
)

// Item is an entry of a walk together with where it is. Open, OpenStream, ReadSmall and Spot
// are for what is on this machine.
type Item struct {
	Entry
	// Dir is the folder that holds the item. For a Folder, Root and FolderEnd it is the
	// folder itself. It is nil for what is Away.
	Dir *Dir
	// Away is the item of a source that is Away; nil of others, and of folders of which
	// nothing but items in them is known.
	Away AwayItem
	Info Info
	// Display is the path as the user would write it, from the named source on.
	Display string

	base   string // name in Dir; for a named source it may differ from Name
	follow bool   // base may be a link
	// passage says that the folder is sent only for what is in it: it is a Root or above
	// a listed path.
	passage bool
}

// Open opens a File or Stream for reading and returns what it is after the open. If a
// File is no regular file any more, Open fails with ErrNotRegular.
func (it *Item) Open() (*os.File, Info, error) {
	if it.Kind == Stream {
		return it.OpenStream(context.Background())
	}
	return it.Dir.openRegular(it.base, os.O_RDONLY, it.follow)
}

// OpenStream opens a Stream for reading. On Linux the open of a FIFO waits for data or for
// the end of a writer. The end of ctx ends that wait, and closing the file ends a read
// that waits for more. On other systems, and for devices, only the other end of the
// stream ends such a wait.
func (it *Item) OpenStream(ctx context.Context) (*os.File, Info, error) {
	return openStream(ctx, it.Dir, it.base, it.follow)
}

// ReadSmall reads a File into buf until its end or until buf is full, and returns
// what the file was before and after. A file longer than buf shows as n == len(buf)
// with a larger size.
func (it *Item) ReadSmall(buf []byte) (n int, before, after Info, err error) {
	return it.Dir.readSmall(it.base, buf, it.follow)
}

// Stat returns what has the item's name by now.
func (it *Item) Stat() (Info, error) {
	if it.Away != nil {
		return it.Away.Stat()
	}
	if it.base == "" {
		return it.Dir.Stat()
	}
	return it.Dir.stat(it.base, it.follow)
}
