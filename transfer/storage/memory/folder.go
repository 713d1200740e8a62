package memory

import (
	"errors"
	"fmt"
	"io/fs"
	"testing"

	"ferry/transfer/storage"
	"ferry/transfer/tree"
)

// Op is a kind of operation on a Disk.
type Op int

// The operations. Marks and the ends of partials are none.
const (
	Look Op = iota
	MakeFolder
	Begin
	Write
	Read
	Seal
	Sync
	Name
	Finish
	Ops // their number
)

func (o Op) String() string {
	return [...]string{"look-up", "folder", "begin", "write", "read", "seal", "sync", "name", "finish"}[o]
}

// Options say how a Folder keeps what lands in it.
type Options struct {
	NoSync bool          // Finish makes nothing durable
	Keeps  tree.Metadata // what items can have; Umask does not count
	Loses  tree.Attr     // attributes that no item takes, told as lost
	// Before is called before each operation on what is at path. With an error the
	// operation returns that, and has its effect all the same if half says so. It may take
	// its time. Nil: nothing happens. It is called from each goroutine that calls the
	// Folder, under no lock.
	Before func(op Op, path string) (half bool, err error)
}

// ErrKilled is all that a killed Folder gets.
var ErrKilled = errors.New("the process is dead")

// errMisuse is what a call gets that the order of calls does not allow.
var errMisuse = errors.New("not allowed by the interface")

// errTaken: something has the name.
var errTaken = fs.ErrExist

// Folder is the destination of one delivery to a Disk.
type Folder struct {
	t     testing.TB // is told of misuse by Close
	disk  *Disk
	named string
	opts  Options

	// The disk's lock guards what follows.
	granted  tree.Metadata
	open     map[uint64]*openFolder // by entry id
	links    map[uint64]*node       // what hard links may come to, by entry id
	owed     map[*node]bool         // folders that Finish syncs
	kept     []*node                // items that it syncs
	root     *tree.Entry            // what the destination gets its metadata from
	finished bool
	killed   bool
	misuse   error // the first
}

// openFolder is a folder that items may come for.
type openFolder struct {
	node  *node
	path  string // with a slash at the end; empty for the destination
	name  string
	in    *node // what it is in; nil for the destination
	entry *tree.Entry
	fresh bool // made by this delivery
}

// Open begins a delivery. Place is what messages call the destination.
func (d *Disk) Open(t testing.TB, place string, o Options) *Folder {
	f := &Folder{t: t, disk: d, named: place, opts: o, links: make(map[uint64]*node), owed: make(map[*node]bool)}
	f.open = map[uint64]*openFolder{0: {node: d.root}}
	return f
}

// Place is storage.Destination's.
func (f *Folder) Place() string { return f.named }

// Start is storage.Destination's.
func (f *Folder) Start(granted tree.Metadata) (*storage.Landing, error) {
	f.disk.mu.Lock()
	defer f.disk.mu.Unlock()
	keeps := tree.Metadata{
		Owner: granted.Owner && f.opts.Keeps.Owner, Numeric: granted.Numeric && f.opts.Keeps.Owner,
		Xattrs: granted.Xattrs && f.opts.Keeps.Xattrs, HardLinks: granted.HardLinks && f.opts.Keeps.HardLinks,
		Devices: granted.Devices && f.opts.Keeps.Devices, Umask: granted.Umask,
	}
	f.granted = keeps
	l := &storage.Landing{Keeps: keeps, Finder: f, Maker: f, Files: f}
	if keeps.HardLinks || keeps.Devices {
		l.Special = f
	}
	if f.disk.FoldCase {
		l.Twins = f
	}
	return l, nil
}

// Kill ends the folder as the death of its process does: no call changes anything from
// now on.
func (f *Folder) Kill() {
	f.disk.mu.Lock()
	defer f.disk.mu.Unlock()
	f.killed = true
	f.letGo()
}

// letGo leaves all partials to other deliveries.
func (f *Folder) letGo() {
	for _, p := range f.disk.parts {
		if p.holder == f {
			p.holder = nil
		}
	}
}

// misused is the error of a call that the order of calls does not allow. The first one is
// told: the rest follows from it.
func (f *Folder) misused(format string, args ...any) error {
	err := fmt.Errorf("%w: %s", errMisuse, fmt.Sprintf(format, args...))
	if f.misuse == nil {
		f.misuse = err
	}
	return err
}

// enter begins an operation: it asks Before and takes the disk's lock, which the caller
// gives back. With an error and half, the operation has its effect.
func (f *Folder) enter(op Op, path string) (half bool, err error) {
	if f.opts.Before != nil {
		half, err = f.opts.Before(op, path)
	}
	f.disk.mu.Lock()
	if f.killed {
		return false, ErrKilled
	}
	return half, err
}

// in begins an operation on e's name, and finds e's folder; nil if the operation has no
// effect. The caller gives back the disk's lock.
func (f *Folder) in(e *tree.Entry, op Op) (*openFolder, error) {
	half, err := f.enter(op, f.Path(e))
	if err != nil && !half {
		return nil, err
	}
	if wrong := tree.CheckName(e.Name); wrong != nil {
		return nil, f.fail(op, e, storage.Name, wrong)
	}
	in := f.open[e.Parent]
	switch {
	case f.finished:
		return nil, f.misused("%v of %q after Finish", op, e.Name)
	case in == nil:
		return nil, f.misused("%v of %q in folder %d, which is not open", op, e.Name, e.Parent)
	}
	return in, err
}

// Path is where e goes, relative to the destination.
func (f *Folder) Path(e *tree.Entry) string {
	f.disk.mu.Lock()
	defer f.disk.mu.Unlock()
	return f.pathOf(e)
}

func (f *Folder) pathOf(e *tree.Entry) string {
	if e.Kind == tree.Root {
		return "."
	}
	if in := f.open[e.Parent]; in != nil {
		return in.path + e.Name
	}
	return e.Name
}

func (f *Folder) fail(op Op, e *tree.Entry, kind storage.Kind, err error) error {
	return &storage.Error{Kind: kind, Op: op.String(), Path: f.pathOf(e), Err: err}
}

// dress gives n the metadata of e, and returns what was lost of it.
func (f *Folder) dress(n *node, e *tree.Entry, fresh bool) (lost []tree.Loss) {
	was, have := *n, n.mode
	if fresh {
		have = 0
	}
	refuse := func(what tree.Attr) bool {
		if f.opts.Loses&what == 0 {
			return false
		}
		lost = append(lost, tree.Loss{What: what, Err: errors.ErrUnsupported})
		return true
	}
	if n.kind != tree.Symlink {
		mode := f.granted.Permissions(e.Mode, have)
		if f.granted.Owner {
			mode |= e.Mode & 0o7000
		}
		if !refuse(tree.AttrMode) {
			n.mode = mode
		}
	}
	if !refuse(tree.AttrTime) {
		n.mtime = e.MTime
	}
	if x := e.Extra; x != nil && x.Owner != nil && f.granted.Owner && !refuse(tree.AttrOwner) {
		n.uid, n.gid = x.Owner.UID, x.Owner.GID
	}
	if n.mode != was.mode || n.mtime != was.mtime || n.uid != was.uid || n.gid != was.gid {
		f.disk.changed(n)
	}
	return lost
}

// redress is dress for an item that was there, and reports whether that changed it.
func (f *Folder) redress(n *node, e *tree.Entry) (out storage.Outcome) {
	was := n.ctime
	out = storage.Outcome{Same: true, Lost: f.dress(n, e, false)}
	out.Adjusted = n.ctime != was
	return out
}

// Finish is storage.Destination's. With half an error, some folders are synced.
func (f *Folder) Finish() (r storage.Report, err error) {
	half, err := f.enter(Finish, ".")
	defer f.disk.mu.Unlock()
	if f.finished {
		return r, f.misused("Finish twice")
	}
	if err != nil && !half {
		return r, err
	}
	for _, key := range sortedKeys(f.disk.parts) {
		if f.disk.parts[key].holder == nil {
			r.Leftovers = append(r.Leftovers, storage.Leftover{Path: tree.PartialName + "/" + key})
		}
	}
	f.finished = true
	if f.root != nil {
		r.Root, r.Lost = f.root.ID, f.dress(f.disk.root, f.root, false)
	}
	if f.opts.NoSync {
		return r, err
	}
	for n := range f.owed {
		if !half || n.ino%2 == 0 {
			n.sync()
		}
	}
	for _, n := range f.kept {
		if !half {
			n.sync()
		}
	}
	r.Durable = err == nil
	return r, err
}

// Close is storage.Destination's. It fails the test if the order of calls was broken.
func (f *Folder) Close() error {
	f.disk.mu.Lock()
	f.letGo()
	misuse := f.misuse
	f.misuse = nil
	f.disk.mu.Unlock()
	if misuse != nil {
		f.t.Error(misuse)
	}
	return nil
}
