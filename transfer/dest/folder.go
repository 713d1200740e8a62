package dest

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"ferry/transfer/tree"
)

// Options say how far the promise goes.
type Options struct {
	NoSync     bool // nothing is synced: a power cut may lose what Finish said
	VerifyDisk bool // Publish reads back from the disk, past the page cache where the system can
}

// Most handles held at a time, of folders and of files without a name that
// wait for Publish; less where the process may open few (tree.MayOpen).
const (
	maxFolderHandles = 256
	maxFileHandles   = 2048
)

// Folder is an open destination.
type Folder struct {
	path  string // absolute
	named string // as Open was given it
	self  os.FileInfo
	opts  Options
	meta  tree.Metadata                     // granted
	lost  func(id uint64, lost []tree.Loss) // nil: nobody asks
	// adjusted, likewise, is told of items found the same, exposed of folders that are
	// not this user's alone, and of what may be a hard link or a copy.
	adjusted func(id uint64)
	exposed  func(path string, lost tree.Loss)
	way      *way // nil: nothing makes way for an item of another kind
	dirs     *tree.Dirs
	root     *node
	above    []above // what holds the folders that Open made, outermost first
	now      func() time.Time

	accounts *tree.Accounts
	times    *times
	listing  listing
	short    *shortfall
	held     holders

	unnamed     bool         // files without a name can be given one
	fileHandles atomic.Int64 // of partials that count against fileBudget
	fileBudget  int64
	width       int // files synced, checked and named at a time

	mu       sync.RWMutex // guards what follows
	closed   bool
	nodes    map[uint64]*node // by entry id, from MakeFolder to FinishFolder
	volumes  map[volumeID]*volume
	partials map[*Partial]struct{} // open ones
	targets  map[uint64]*target    // of hard links, by entry id; at most tree.MaxHardLinks
	asides   []aside               // at most way.Max
	untimed  map[fileID]tree.Time  // see noteUntimed; at most maxUntimed
}

// node is a folder that has items coming.
type node struct {
	name string
	dir  *tree.Dir
	vol  *volume
	// entry is what it gets its metadata from; nil for a destination that was
	// told none.
	entry *tree.Entry
	// fresh: made by this delivery and holding nothing but what it put there.
	fresh   atomic.Bool
	existed bool
	before  *tree.State // of one that existed, as it was found

	entrance entrance
	told     tree.Attr // how it is exposed, see OnExposed
	owner    uint32    // with told

	within *node // nil: the destination itself
	askACL sync.Once
	acl    tree.DefaultACL // see gives
}

// above holds a folder that Open made, and is synced by Finish. It is opened with
// it: later this process may have no right to, see cmd/ferry/confine.
type above struct {
	dir *tree.Dir
	err error // why it could not be opened
}

func (a above) sync() error {
	if a.err != nil {
		return a.err
	}
	return a.dir.Sync()
}

// Open opens the folder at path, links in path followed, and makes it and its
// missing parents, subject to the umask. It writes nothing in it.
func Open(path string, o Options) (*Folder, error) {
	abs, err := filepath.Abs(path)
	if err != nil {
		return nil, fail("opening", "", err)
	}
	made, err := makeMissing(abs)
	if err != nil {
		return nil, fail("making", "", err)
	}
	may := tree.MayOpen()
	f := &Folder{
		path:       abs,
		named:      path,
		opts:       o,
		dirs:       tree.NewDirs(min(maxFolderHandles, may/8)),
		now:        time.Now,
		unnamed:    canLinkUnnamed(),
		fileBudget: int64(min(maxFileHandles, may/2)),
		width:      min(maxSyncs, max(may/8, 1)),
		nodes:      make(map[uint64]*node),
		volumes:    make(map[volumeID]*volume),
		partials:   make(map[*Partial]struct{}),
		targets:    make(map[uint64]*target),
		accounts:   tree.NewAccounts(),
		times:      newTimes(time.Now),
		short:      new(shortfall),
		untimed:    make(map[fileID]tree.Time),
		held:       holders{items: make(map[fileID]uint64)},
	}
	for _, folder := range made {
		var a above
		a.dir, a.err = f.dirs.Open(filepath.Dir(folder))
		f.above = append(f.above, a)
	}
	if err := f.openRoot(); err != nil {
		return nil, fail("opening", "", errors.Join(err, f.dirs.Close()))
	}
	return f, nil
}

func (f *Folder) openRoot() error {
	dir, err := f.dirs.Open(f.path)
	if err != nil {
		return err
	}
	vol, _, err := f.volumeAt(dir)
	if err != nil {
		return err
	}
	if f.self, err = vol.handle.Stat(); err != nil {
		return errors.Join(err, vol.handle.Close())
	}
	f.root = &node{dir: dir, vol: vol, existed: len(f.above) == 0}
	f.root.fresh.Store(len(f.above) > 0)
	return nil
}

// makeMissing makes path and returns what it made, outermost first.
func makeMissing(path string) (made []string, err error) {
	var missing []string
	for p := path; ; p = filepath.Dir(p) {
		info, err := os.Stat(p)
		if err == nil {
			if !info.IsDir() {
				return nil, &fs.PathError{Op: "mkdir", Path: p, Err: syscall.ENOTDIR}
			}
			break
		}
		if !errors.Is(err, fs.ErrNotExist) || p == filepath.Dir(p) {
			return nil, err
		}
		missing = append(missing, p)
	}
	for _, p := range slices.Backward(missing) {
		err := os.Mkdir(p, 0o777)
		if err == nil {
			made = append(made, p)
		} else if !errors.Is(err, fs.ErrExist) { // another process may be faster
			return nil, err
		}
	}
	return made, nil
}

// node returns the folder that has id, 0 being the destination itself.
func (f *Folder) node(id uint64) (*node, error) {
	if id == 0 {
		return f.root, nil
	}
	f.mu.RLock()
	n := f.nodes[id]
	f.mu.RUnlock()
	if n == nil {
		return nil, fmt.Errorf("folder %d is not open here", id)
	}
	return n, nil
}

// Path returns where e goes, relative to the destination: slashes, raw bytes,
// "." for the destination itself.
func (f *Folder) Path(e *tree.Entry) string {
	if e.Kind == tree.Root {
		return "."
	}
	n, err := f.node(e.Parent)
	if err != nil {
		return e.Name
	}
	return n.path(e.Name)
}

// parent returns the folder that e goes into, once e's name is one that stays in
// it: the caller has checked, and nothing here relies on that.
func (f *Folder) parent(e *tree.Entry) (*node, error) {
	if err := tree.CheckName(e.Name); err != nil {
		return nil, err
	}
	return f.node(e.Parent)
}

// gives returns the ACL that what is made in n inherits. It is asked once, and not at
// all of folders that this delivery made, which have that of the folder they are in:
// who gives a folder one later means it for what comes later.
func (n *node) gives() tree.DefaultACL {
	n.askACL.Do(func() {
		if n.within != nil && !n.existed {
			n.acl = n.within.gives()
			return
		}
		n.acl = tree.DefaultACLOf(n.dir)
	})
	return n.acl
}

func (n *node) path(name string) string {
	if dir := n.dir.Path(); dir != "" {
		return dir + "/" + name
	}
	return name
}

// Stat returns what stands at e's name, links not followed; an error that is
// fs.ErrNotExist says nothing does. Folders made in this delivery count as
// empty, at no system call: what the delivery itself put there is met again as
// a Conflict at publication.
func (f *Folder) Stat(e *tree.Entry) (tree.Info, error) {
	n, err := f.parent(e)
	if err != nil {
		return tree.Info{}, fail("looking at", e.Name, err)
	}
	if n.fresh.Load() {
		return tree.Info{}, fs.ErrNotExist
	}
	info, err := n.dir.Lstat(e.Name)
	if errors.Is(err, fs.ErrNotExist) {
		return tree.Info{}, fs.ErrNotExist
	}
	return info, f.fail("looking at", e, err)
}

// Existing opens the regular file at e's name for reading, to compare with or
// copy from. The caller closes it.
func (f *Folder) Existing(e *tree.Entry) (*os.File, tree.Info, error) {
	n, err := f.parent(e)
	if err != nil {
		return nil, tree.Info{}, fail("opening", e.Name, err)
	}
	file, info, err := n.dir.OpenFile(e.Name)
	if err != nil {
		return nil, tree.Info{}, f.fail("opening", e, err)
	}
	return file, info, nil
}

// fail is fail for the item e.
func (f *Folder) fail(op string, e *tree.Entry, err error) error {
	if err == nil {
		return nil
	}
	return fail(op, f.Path(e), err)
}

// present checks that the path given to Open still leads to the same folder.
func (f *Folder) present() error {
	now, err := os.Stat(f.path)
	if err == nil && !os.SameFile(f.self, now) {
		err = ErrGone
	}
	return fail("looking again at", "", err)
}
