package simulation

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"time"

	"ferry/transfer/storage/memory"
	"ferry/transfer/tree"
)

// prepare puts files of the same names into the destination: equal ones, older
// and newer ones, shorter and longer ones, and links in place of files.
func (w *simWorld) prepare() {
	w.initial, w.versions, w.gone = make(map[string]leaf), make(map[string][][]byte), make(map[string]bool)
	if w.plan.class == classFolder {
		w.folder = filepath.Join(w.temp, "destination")
	}
	if w.plan.ask.mirror {
		if err := w.plant(); err != nil {
			w.t.Error(err)
		}
	}
	if !w.plan.prepared {
		return
	}
	for _, at := range sortedKeys(w.tree.want) {
		l := w.tree.want[at]
		if above := path.Dir(at); above != "." && w.disk.list(false)[above].kind != tree.Folder {
			continue
		}
		if l.kind != tree.Folder && w.rng.IntN(3) == 0 {
			continue
		}
		n := l
		older := tree.Time{Sec: l.mtime.Sec - 1000}
		switch v := w.rng.IntN(8); {
		case l.kind == tree.Symlink && v < 3:
			n.target = "elsewhere"
		case l.kind == tree.Folder && v < 3:
			n.mode, n.mtime = 0o700, older
		case l.kind != tree.File || v == 0:
		case v == 1:
			n.mtime, n.mode = older, 0o600
		case v == 2:
			n.data, n.mtime = append(bytes.Clone(l.data), "and longer"...), older
		case v == 3:
			n.data, n.mtime = bytes.Clone(l.data[:len(l.data)/2]), older
		case v == 4:
			n = leaf{kind: tree.Symlink, target: "a link"}
		default:
			n.data, n.mtime = bytes.Clone(l.data), older
			if third := len(n.data) / 3; w.plan.slow && v < 7 {
				n.data = slices.Concat(l.data[third:], l.data[:third], l.data[third/2:third])
			} else if len(n.data) > 0 {
				n.data[w.rng.IntN(len(n.data))] ^= 1
			}
		}
		w.disk.Put(at, memory.Item{Kind: n.kind, Mode: n.mode, MTime: n.mtime, Data: n.data, Target: n.target})
	}
	w.initial = w.disk.list(false)
}

// changeSource does something to one of the files that are sent.
// It is done so that a change shows without the clock of the file system, whose
// step is longer than all that happens here: by another inode, size or mtime.
func (w *simWorld) changeSource(choice int) {
	w.changes.Lock()
	defer w.changes.Unlock()
	var files []string
	for _, at := range sortedKeys(w.tree.want) {
		if _, end := w.tree.ends[at]; w.tree.want[at].kind == tree.File && !end {
			files = append(files, at)
		}
	}
	if len(files) == 0 {
		return
	}
	at := files[choice%len(files)]
	if w.versions[at] == nil {
		w.versions[at] = [][]byte{w.tree.want[at].data}
	}
	was := w.versions[at][len(w.versions[at])-1]
	name := filepath.Join(w.tree.root, filepath.FromSlash(at))
	now := append(bytes.Clone(was), "one more version"...)
	var err error
	switch choice / len(files) % 5 {
	case 0: // another file takes the name
		temp := filepath.Join(w.temp, "version")
		now = simContent(uint64(choice), len(was)+1000, false)
		if err = os.WriteFile(temp, now, 0o640); err == nil {
			err = os.Rename(temp, name)
		}
	case 1:
		now = was[:len(was)/2]
		err = os.Truncate(name, int64(len(now)))
	case 2:
		var f *os.File
		if f, err = os.OpenFile(name, os.O_WRONLY|os.O_APPEND, 0); err == nil {
			_, err = f.WriteString("one more version")
			err = errors.Join(err, f.Close())
		}
	case 3:
		err, w.gone[at] = os.Remove(name), true
	case 4: // as long as it was. The file system's clock is too coarse to tell of it
		now = simContent(uint64(choice), len(was), false)
		step := time.Duration(len(w.versions[at])) * time.Hour
		err = os.Chtimes(name, simTime, simTime.Add(step))
		if err == nil {
			err = overwrite(name, now)
		}
		if err == nil {
			err = os.Chtimes(name, simTime, simTime.Add(step+time.Minute))
		}
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		w.t.Error(err)
	}
	w.versions[at] = append(w.versions[at], now)
}

// overwrite gives an existing file content of the same length, in place.
func overwrite(name string, b []byte) error {
	f, err := os.OpenFile(name, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = f.Write(b)
	return errors.Join(err, f.Close())
}
