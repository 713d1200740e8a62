package main

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/urfave/cli/v2"

	"ferry/transfer"
	"ferry/transfer/local"
	"ferry/transfer/storage"
	"ferry/transfer/store"
)

// landing is where receive puts a delivery: a folder or standard output, and the
// manifest. A folder that exists is opened early, so that its errors are shown before
// anybody waits. Everything else is made late, after the sender has proved the code.
type landing struct {
	path    string // of the folder
	named   bool   // the command line says so
	stream  bool   // standard output in its place
	depot   *depot // a place in a store in its place; nil: a folder, or the stream
	options local.FolderOptions
	file    string // of --manifest, or ""

	folder storage.Destination // nil for a stream, and until it is opened
	dry    storage.Destination // nil unless the delivery is a dry run
	list   *manifest           // nil until started, and without --manifest
	made   []string            // folders that open made, the innermost first
}

// landingOf reads the flags; nothing is opened yet.
func landingOf(c *cli.Context, s *stores) *landing {
	path := c.String("out")
	l := &landing{path: path, named: c.IsSet("out"), stream: path == "-", options: folderOptions(c, c.String("backup-dir")), file: c.String("manifest")}
	if store.Is(path) {
		l.depot = &depot{stores: s}
	}
	return l
}

// isFolder reports whether it is a folder of this machine.
func (l *landing) isFolder() bool { return !l.stream && l.depot == nil }

// name is what a person is asked to accept an offer into: the whole path, since that of a
// folder like . says nothing.
func (l *landing) name() string {
	if l.stream {
		return "standard output"
	}
	if abs, err := filepath.Abs(l.path); err == nil && l.depot == nil {
		return abs
	}
	return l.path
}

// proposal is an offer, with where it would be put and what is free there. Nothing is made.
func (l *landing) proposal(o transfer.Offer) proposal {
	p := proposal{Offer: o, place: l.name(), free: -1}
	if !l.isFolder() { // and a store has no end
		return p
	}
	// What keeps this from being known is told when the folder is opened.
	if free, err := local.Free(l.path); err == nil {
		p.free = free
	}
	return p
}

// early opens the folder if it is there, and finds a place in a store.
func (l *landing) early() error {
	switch {
	case l.stream:
		return nil
	case l.depot != nil:
		return l.depot.open(l.path)
	}
	info, err := os.Stat(l.path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return &exitError{exit: exitDestination, err: err}
	case !info.IsDir():
		return &exitError{exit: exitDestination, err: &fs.PathError{Op: "opening", Path: l.path, Err: errors.New("not a folder")}}
	}
	return l.openFolder()
}

// startList starts the manifest. If must is false and its folder does not exist yet, it
// does nothing.
func (l *landing) startList(must bool) error {
	if l.file == "" || l.list != nil {
		return nil
	}
	folder := l.path
	if !l.isFolder() {
		folder = ""
	} else if _, err := os.Stat(filepath.Dir(l.file)); err != nil && !must {
		return nil
	}
	list, err := openManifest("receive", l.file, folder, nil)
	l.list = list
	return err
}

// open opens the folder and starts the manifest, unless that was done early.
func (l *landing) open() error {
	if !l.stream && l.folder == nil {
		if err := l.makeFolder(); err != nil {
			return err
		}
	}
	return l.startList(true)
}

// makeFolder makes and opens the folder, and remembers which folders it made.
func (l *landing) makeFolder() error {
	for p := filepath.Clean(l.path); l.depot == nil; p = filepath.Dir(p) {
		if _, err := os.Lstat(p); !errors.Is(err, fs.ErrNotExist) {
			break
		}
		l.made = append(l.made, p)
	}
	return l.openFolder()
}

// rehearse looks at the folder for a dry run.
func (l *landing) rehearse() (storage.Destination, error) {
	if l.depot != nil {
		r, err := l.depot.destination(l.options, true)
		l.dry = r
		return r, err
	}
	r, err := local.NewRehearsal(l.path, l.options)
	if err != nil {
		return nil, &exitError{exit: exitDestination, err: err}
	}
	l.dry = r
	return r, nil
}

func (l *landing) openFolder() (err error) {
	if l.depot != nil {
		l.folder, err = l.depot.destination(l.options, false)
		return err
	}
	folder, err := local.NewFolder(l.path, l.options)
	if err != nil {
		return &exitError{exit: exitDestination, err: err}
	}
	l.folder = folder
	return nil
}

// end closes the folder after a delivery that ended with err. If it failed, as when the
// offer was declined, folders that open made are removed again where they are empty.
func (l *landing) end(err error) error {
	cerr := l.close()
	if err == nil {
		return cerr
	}
	for _, p := range l.made {
		if os.Remove(p) != nil { // not empty, so something came after all
			break
		}
	}
	return cerr
}

// close releases the folder; closing again does nothing.
func (l *landing) close() error {
	var err error
	if l.dry != nil {
		err = closeFolder(l.dry)
		l.dry = nil
	}
	if l.folder != nil {
		err = errors.Join(err, closeFolder(l.folder))
		l.folder = nil
	}
	return err
}

// closeFolder closes a destination. An error is one of the disk, even if the delivery
// ended well at the other side.
func closeFolder(folder storage.Destination) error {
	if err := folder.Close(); err != nil {
		return &exitError{exit: exitDestination, err: err}
	}
	return nil
}
