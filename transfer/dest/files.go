package dest

import (
	"errors"
	"os"
	"runtime"

	"ferry/checksum"
	"ferry/transfer/storage"
	"ferry/transfer/tree"
)

// files takes files with content: storage.Files. Its state is in work.
type files struct {
	opts    Options
	width   int // files synced, checked and named at a time
	site    *site
	nodes   *nodes
	dress   *dresser
	targets *targets
	way     *way
	work    *inWork
	short   *shortfall
}

// Begin is storage.Files'. Files of one chunk or less cost no system call yet.
func (f *files) Begin(e *tree.Entry, sparse bool) (storage.Partial, error) {
	p, err := f.begin(e, sparse)
	if err != nil {
		return nil, err
	}
	return p, nil
}

func (f *files) begin(e *tree.Entry, sparse bool) (*partial, error) {
	parent, err := f.nodes.parent(e)
	if err != nil {
		return nil, fail("starting", e.Name, err)
	}
	p := &partial{f: f, parent: parent, item: e.Name, size: e.Size, sparse: sparse,
		body: body{work: f.work, parent: parent, mode: f.dress.birthMode(e)}}
	if e.Kind == tree.Stream || e.Size < 0 {
		p.size = -1
	}
	if p.size > checksum.ChunkSize && !parent.vol.noLocks.Load() {
		if err := p.claim(e); err != nil {
			return nil, p.fail("starting", err)
		}
	}
	if !f.work.add(p) {
		return nil, p.fail("starting", errors.Join(os.ErrClosed, p.release()))
	}
	return p, nil
}

// maxSyncs is how many files are synced at a time: enough that a journal
// commits many together, few enough for any file system.
const maxSyncs = 16

// fewFiles is the size of a batch up to which each file is synced by itself,
// since a syncfs also writes what the rest of the machine has pending.
const fewFiles = 8

// Publish is storage.Files'. What failed to sync or to verify is unlinked. Names become
// durable with Folder.Finish.
//
//  1. ready   is each of the batch a sealed file?
//  2. sync    one syncfs a volume, or each file, several at a time
//  3. check   read back from the disk, if Options.VerifyDisk
//  4. place   new files get their names, several folders at a time, then those that replace
func (f *files) Publish(list []*storage.Publication) error {
	batch := make([]placing, len(list))
	for i, pub := range list {
		p, _ := pub.Partial.(*partial)
		batch[i] = placing{pub, p}
		pub.Name, pub.Lost, pub.Err = "", nil, batch[i].ready()
	}
	if err := f.site.present(); err != nil {
		for _, pub := range list {
			if pub.Err == nil {
				pub.Err = err
			}
		}
		return err
	}
	if f.opts.NoSync {
		eachReady(batch, f.width, func(_ int, pub *placing) { pub.sync() })
	} else {
		f.syncBatch(batch)
	}
	if f.opts.VerifyDisk {
		f.checkBatch(batch)
	}
	f.placeNew(batch)
	var stop error
	for i := range batch {
		pub := &batch[i]
		if pub.Err == nil && !pub.p.ended {
			pub.Err = pub.place()
		}
		if stop == nil && stops(pub.Err) {
			stop = pub.Err
		}
	}
	return stop
}

// placeNew places the files of a batch that replace nothing, if it has many. The system
// lets one name at a time into a folder, so a folder is one goroutine's.
func (f *files) placeNew(batch []placing) {
	if len(batch) <= fewFiles {
		return
	}
	var folders [][]*placing
	at := make(map[*node]int)
	for i := range batch {
		pub := &batch[i]
		if pub.Err != nil || pub.Replace {
			continue
		}
		place, known := at[pub.p.parent]
		if !known {
			place = len(folders)
			at[pub.p.parent], folders = place, append(folders, nil)
		}
		folders[place] = append(folders[place], pub)
	}
	fanOut(len(folders), min(f.width, runtime.GOMAXPROCS(0)), func(_, i int) {
		for _, pub := range folders[i] {
			pub.Err = pub.place()
		}
	})
}

// eachReady calls do for each of batch that has not failed, several at a time.
func eachReady(batch []placing, width int, do func(worker int, pub *placing)) {
	fanOut(len(batch), width, func(worker, i int) {
		if batch[i].Err == nil {
			do(worker, &batch[i])
		}
	})
}

// syncBatch makes the contents durable: one syncfs a volume, or each by itself
// where that is not to be relied on, or where it failed, to find which it was.
func (f *files) syncBatch(batch []placing) {
	synced := make(map[*volume]bool)
	if len(batch) > fewFiles {
		for i := range batch {
			if batch[i].p == nil {
				continue
			}
			v := batch[i].p.parent.vol
			if _, tried := synced[v]; !tried {
				synced[v] = v.sync.whole() && v.sync.all() == nil
			}
		}
	}
	eachReady(batch, f.width, func(_ int, pub *placing) {
		if !synced[pub.p.parent.vol] {
			pub.sync()
		}
	})
}

// checkBatch reads the contents back.
func (f *files) checkBatch(batch []placing) {
	buffers := make([][]byte, maxReads)
	eachReady(batch, min(maxReads, f.width), func(worker int, pub *placing) {
		if buffers[worker] == nil {
			buffers[worker] = alignedBuffer()
		}
		if pub.p.body.file == nil {
			return // verified when it was spilled
		}
		if err := pub.p.readBack(buffers[worker]); err != nil {
			pub.poison("reading back", err)
		}
	})
}
