package tree

import "errors"

var (
	// ErrReplaced: another folder, a link or a file stands where an open
	// folder was before.
	ErrReplaced = errors.New("folder was replaced by something else")
	// ErrNotRegular: the item is not, or is no longer, a regular file.
	ErrNotRegular = errors.New("not a regular file")
	// ErrNotFolder: a path that ends in a slash names something else.
	ErrNotFolder = errors.New("not a folder")
	// ErrTooDeep: more than MaxDepth folders or MaxPath bytes of path.
	ErrTooDeep = errors.New("path is too deep")
	// ErrClosed: the pool of folders was closed.
	ErrClosed = errors.New("folder is closed")
	// ErrName: a name or link target that is refused.
	ErrName = errors.New("name is refused")
	// ErrSpecial: a FIFO, socket or device that was not asked for by name.
	ErrSpecial = errors.New("special file")
	// ErrOwnState: a state folder of unfinished deliveries, see IsStateName.
	ErrOwnState = errors.New("state of an unfinished delivery")
	// ErrLoop: the folder contains itself, through a link or a mount.
	ErrLoop = errors.New("folder contains itself")
)
