package dest

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"ferry/transfer/storage"
	"ferry/transfer/tree"
)

// Options say how far the promise goes.
type Options struct {
	NoSync      bool   // nothing is synced: a power cut may lose what Finish said
	Backups     string // the folder for backups, from the destination; empty: they stand beside
	VerifyDisk  bool   // Publish reads back from the disk, past the page cache where the system can
	EscapeNames bool   // a name that the file system does not hold is escaped: storage.Names
	// Below has the destination be a folder below the one at the path, which has to be there:
	// names from there on, each checked by tree.CheckName. Folders that are missing are made.
	// No link is followed, whoever puts one there meanwhile.
	Below []string
	// Owner keeps unfinished files apart: a delivery finds those of its own owner only.
	Owner string
	Guest bool // folders that were there keep their metadata, the destination among them
}

// Most handles held at a time, of folders and of files without a name that
// wait for Publish; less where the process may open few (tree.MayOpen).
const (
	maxFolderHandles = 256
	maxFileHandles   = 2048
)

// Folder is an open destination: storage.Destination. It makes the parts that Start
// hands out, and ends them.
type Folder struct {
	opts  Options
	site  *site
	dirs  *tree.Dirs
	above []above // folders above the destination that Finish syncs, outermost first
	now   func() time.Time

	nodes   *nodes
	volumes *volumes
	dress   *dresser
	targets *targets
	way     *way
	moved   *moved // nil: nobody asks what was moved
	work    *inWork
	short   *shortfall
	backups *backups

	finder finder
	files  files
	maker  maker
}

// maker is storage.Maker and storage.Special.
type maker struct {
	folderMaker
	itemMaker
	keeper
}

// site is where the destination is.
type site struct {
	named string // as Open was given it
	path  string // absolute
	self  os.FileInfo
}

// present checks that the path given to Open still leads to the same folder.
func (s *site) present() error {
	now, err := os.Stat(s.path)
	if err == nil && !os.SameFile(s.self, now) {
		err = storage.ErrGone
	}
	return fail("looking again at", "", err)
}

// above holds a folder that Open made, or one of Options.Below that was there: a delivery
// beside this one may have made that, and sync its name later. It is opened with the
// destination: later this process may have no right to, see cmd/ferry/confine.
type above struct {
	dir  *tree.Dir
	made bool  // the folder in it, by Open
	err  error // why it could not be opened
}

func (a above) sync() error {
	if a.err != nil {
		return a.err
	}
	err := a.dir.Sync()
	if !a.made && errors.Is(err, fs.ErrPermission) {
		return nil // who may not read it, did not make the folder in it either
	}
	return err
}

// Open opens the folder at path, links in path followed, and makes it and its
// missing parents, subject to the umask. It writes nothing in it.
func Open(path string, o Options) (*Folder, error) {
	abs, err := filepath.Abs(path)
	if err != nil {
		return nil, fail("opening", "", err)
	}
	var made []string
	if o.Below == nil {
		if made, err = makeMissing(abs); err != nil {
			return nil, fail("making", "", err)
		}
	}
	may := tree.MayOpen()
	f := &Folder{
		opts:    o,
		site:    &site{named: path, path: filepath.Join(append([]string{abs}, o.Below...)...)},
		dirs:    tree.NewDirs(min(maxFolderHandles, may/8)),
		now:     time.Now,
		nodes:   &nodes{open: make(map[uint64]*node)},
		short:   new(shortfall),
		way:     new(way),
		targets: &targets{byID: make(map[uint64]*target)},
		work:    &inWork{budget: int64(min(maxFileHandles, may/2)), partials: make(map[*partial]struct{})},
	}
	width := min(maxSyncs, max(may/8, 1))
	f.volumes = &volumes{place: path, width: width, unnamed: canLinkUnnamed(), short: f.short, byID: make(map[volumeID]*volume)}
	f.dress = &dresser{accounts: tree.NewAccounts(), times: newTimes(time.Now), held: holders{items: make(map[fileID]uint64)}}
	for _, folder := range made {
		a := above{made: true}
		a.dir, a.err = f.dirs.Open(filepath.Dir(folder))
		f.above = append(f.above, a)
	}
	if err := f.openRoot(abs); err != nil {
		return nil, fail("opening", "", errors.Join(err, f.dirs.Close()))
	}
	f.finder = finder{nodes: f.nodes, times: f.dress.times}
	f.files = files{opts: o, width: width, site: f.site, nodes: f.nodes, dress: f.dress, targets: f.targets, way: f.way, work: f.work, short: f.short}
	f.backups = &backups{nodes: f.nodes, volumes: f.volumes}
	f.maker = maker{
		folderMaker{backups: f.backups, nodes: f.nodes, volumes: f.volumes, dress: f.dress, way: f.way, short: f.short, noSync: o.NoSync, guest: o.Guest},
		itemMaker{nodes: f.nodes, dress: f.dress, targets: f.targets, way: f.way},
		keeper{nodes: f.nodes, dress: f.dress, targets: f.targets, files: &f.files, noSync: o.NoSync},
	}
	return f, nil
}

func (f *Folder) openRoot(path string) error {
	dir, err := f.dirs.Open(path)
	if err == nil {
		dir, err = f.openBelow(dir)
	}
	if err != nil {
		return err
	}
	vol, _, err := f.volumes.at(dir)
	if err != nil {
		return err
	}
	if f.site.self, err = vol.handle.Stat(); err != nil {
		return errors.Join(err, vol.handle.Close())
	}
	fresh := slices.ContainsFunc(f.above, func(a above) bool { return a.made })
	f.nodes.root = &node{dir: dir, vol: vol, existed: !fresh}
	f.nodes.root.fresh.Store(fresh)
	return nil
}

// openBelow opens what Options.Below names in d, and makes what is missing.
func (f *Folder) openBelow(d *tree.Dir) (*tree.Dir, error) {
	for _, name := range f.opts.Below {
		if err := tree.CheckName(name); err != nil {
			return nil, err
		}
		info, err := d.Lstat(name)
		made := false
		if errors.Is(err, fs.ErrNotExist) {
			err = d.Mkdir(name, 0o777)
			made = err == nil
			if made || errors.Is(err, fs.ErrExist) { // another delivery may be faster
				info, err = d.Lstat(name)
			}
		}
		f.above = append(f.above, above{dir: d, made: made})
		if err == nil && info.Kind != tree.Folder {
			err = &fs.PathError{Op: "open", Path: name, Err: tree.NotFolder}
		}
		if err == nil {
			d = d.Child(name)
			_, err = d.Stat() // from now on another folder of that name is noticed
		}
		if err != nil {
			return nil, err
		}
	}
	return d, nil
}

// makeMissing makes path and returns what it made, outermost first.
func makeMissing(path string) (made []string, err error) {
	var missing []string
	for p := path; ; p = filepath.Dir(p) {
		info, err := os.Stat(p)
		if err == nil {
			if !info.IsDir() {
				return nil, &fs.PathError{Op: "mkdir", Path: p, Err: tree.NotFolder}
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

// Place is the path that Open was given.
func (f *Folder) Place() string { return f.site.named }

// MakeWay gives leave to put items in the place of folders, and folders in the
// place of other items, in the folders that p is to be called with after the
// delivery: of what would go then. It comes before Start.
func (f *Folder) MakeWay(p *storage.Prune) storage.Way {
	f.way.leave, f.way.storing = p, f.storing()
	return &clearer{f.nodes, f.way}
}

// Start is storage.Destination's. All that is granted is kept, as far as the file system
// lets it.
func (f *Folder) Start(granted tree.Metadata) (*storage.Landing, error) {
	f.dress.granted = granted
	if err := f.backups.open(f, f.opts.Backups); err != nil {
		return nil, fail("making a folder for backups in", "", err)
	}
	l := &storage.Landing{
		Keeps: granted, Notes: exposeRoot(f.nodes.root, f.site.path),
		Finder: &f.finder, Maker: &f.maker, Special: &f.maker, Files: &f.files, Twins: &f.finder, Backups: f.backups, Pruner: f,
	}
	if f.opts.EscapeNames {
		l.Names = &fitter{f.nodes}
	}
	if f.way.open() {
		l.Way = &clearer{f.nodes, f.way}
	}
	if f.moved != nil {
		l.Moved = f.moved
	}
	return l, nil
}

// clearer is storage.Way.
type clearer struct {
	nodes *nodes
	way   *way
}

// Clear is storage.Way's.
func (c *clearer) Clear(e *tree.Entry) error {
	n, err := c.nodes.parent(e)
	if err == nil {
		err = c.way.clear(n.dir, e.Name)
	}
	return c.nodes.fail("making way for", e, err)
}

// Asides returns what this delivery moved aside, and Prune has not removed: where it
// stood, by where it is, both relative to the destination.
func (f *Folder) Asides() map[string]string {
	stood := make(map[string]string)
	for _, a := range f.way.all() {
		stood[a.dir.Path()+"/"+a.name] = a.path
	}
	return stood
}

// storing is under which names items are stored.
func (f *Folder) storing() storing {
	if !f.opts.EscapeNames {
		return storing{}
	}
	return storing{f.volumes.rulesIn}
}

// Unsynced is why what Finish or Prune did may be lost in a power cut, though nothing
// failed and Options.NoSync was not given: the file system cannot sync. It is nil
// where all is on stable storage.
func (f *Folder) Unsynced() error { return f.short.unsynced() }
