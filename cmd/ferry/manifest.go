package main

import (
	"bufio"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"ferry/checksum"
	"ferry/transfer"
	"ferry/transfer/store"
	"ferry/transfer/tree"
)

// partialSuffix marks a list whose delivery did not end.
const partialSuffix = ".partial"

// manifest writes the digest and name of each item whose bytes were verified in
// this run, in the format of b3sum and relative to the destination, so that
// `cd OUT && b3sum --check FILE` passes. Items found unchanged by size and time
// were not verified and are not listed, which is told; with --checksum they are.
//
// The list grows in FILE.partial, and replaces FILE in one step when the delivery has
// ended with exit code 0 or 1. Otherwise FILE.partial stays, and an older FILE is not
// touched. An older FILE is also kept if nothing was verified, rather than replaced by an
// empty one. Each run starts a new list.
type manifest struct {
	path   string
	folder string // the destination if FILE is in it, else ""

	// reserved are FILE and FILE.partial relative to the destination, if they are in it.
	// The manifest must not overwrite a delivered item of that name.
	reserved [2]string

	mu    sync.Mutex
	file  *os.File
	buf   *bufio.Writer
	line  []byte
	lines int64
	left  int64 // files found unchanged and not verified
	err   error // the first; nothing is written after it
}

// newManifest starts the list for path. folder is the destination if it is on
// this machine, else "".
func newManifest(path, folder string) (*manifest, error) {
	m := &manifest{path: path}
	if folder != "" {
		if rel, inside := within(folder, path); inside {
			m.folder, m.reserved = folder, [2]string{rel, rel + partialSuffix}
		}
	}
	// The file is new, so that others who have the old one open or linked keep theirs.
	if err := os.Remove(path + partialSuffix); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("replacing the unfinished manifest: %w", err)
	}
	f, err := os.OpenFile(path+partialSuffix, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
	if at := new(fs.PathError); errors.As(err, &at) {
		at.Path = path // the name that the user gave
	}
	if err != nil {
		return nil, fmt.Errorf("starting the manifest: %w", err)
	}
	m.file, m.buf = f, bufio.NewWriterSize(f, 64<<10)
	return m, nil
}

// Observe adds a verified item. It waits for nothing but the file.
func (m *manifest) Observe(e transfer.Event) {
	done, ok := e.(transfer.ItemDone)
	if !ok {
		return
	}
	name := done.At
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.err == nil && m.isOwn(name) {
		m.err = fmt.Errorf("an item of the delivery has the name of the manifest, %s: name another FILE", show(name))
	}
	unread := !done.Hashed && (done.Kind == tree.File || done.Kind == tree.Stream)
	if unread && (done.Status == transfer.StatusSame || done.Status == transfer.StatusAdjusted) {
		m.left++
	}
	if m.err != nil || done.DryRun || !done.Hashed || done.Status == transfer.StatusSkipped {
		return
	}
	if name == "-" {
		name = "./-" // to b3sum, - alone is standard input
	}
	m.add(done.Digest, name)
}

// isOwn reports whether path, relative to the destination, is the manifest, also by
// another spelling that the file system takes for the same name.
func (m *manifest) isOwn(path string) bool {
	if m.reserved[0] == "" {
		return false
	}
	key := tree.FoldKey(path)
	for i, at := range []string{m.path, m.path + partialSuffix} {
		if path == m.reserved[i] {
			return true
		}
		if key != tree.FoldKey(m.reserved[i]) {
			continue
		}
		own, err := os.Lstat(at)
		if err != nil {
			continue
		}
		if it, err := os.Lstat(filepath.Join(m.folder, filepath.FromSlash(path))); err == nil && os.SameFile(own, it) {
			return true
		}
	}
	return false
}

// kept reports whether the list is empty and an older one is not. The older one stays.
func (m *manifest) kept() bool {
	if m.lines > 0 {
		return false
	}
	older, err := os.Stat(m.path)
	return err == nil && older.Size() > 0
}

// unlisted says for people what the list leaves out; "" if nothing. kept is where the
// list is. who is put before --checksum, the flag that lists everything.
func (m *manifest) unlisted(kept, who string) string {
	m.mu.Lock()
	defer m.mu.Unlock()
	var what string
	switch {
	case m.left > 1:
		what = fmt.Sprintf("%d unchanged files were not read and are not listed; %s--checksum lists them", m.left, who)
	case m.left == 1:
		what = fmt.Sprintf("1 unchanged file was not read and is not listed; %s--checksum lists it", who)
	case kept == "":
		what = "nothing was verified"
	default:
		return ""
	}
	if kept == "" {
		what += ". The older list stays as it was"
	}
	return show(m.path) + ": " + what
}

// add appends one line; the caller holds mu or is alone.
func (m *manifest) add(d checksum.Digest, name string) {
	m.line = checksum.AppendLine(m.line[:0], d, []byte(name))
	_, m.err = m.buf.Write(m.line)
	m.lines++
}

// files are FILE.partial and FILE, as far as they exist.
func (m *manifest) files() []os.FileInfo {
	var files []os.FileInfo
	for _, path := range []string{m.path, m.path + partialSuffix} {
		if info, err := os.Stat(path); err == nil {
			files = append(files, info)
		}
	}
	return files
}

// finish ends the list. ended is true if the delivery came to its end. It returns the
// path of the list, "" if there is none.
func (m *manifest) finish(ended bool) (string, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	err := m.err
	for _, step := range []func() error{m.buf.Flush, m.file.Sync, m.file.Close} {
		if serr := step(); err == nil {
			err = serr
		}
	}
	partial := m.path + partialSuffix
	if err != nil {
		return "", fmt.Errorf("writing the manifest: %w", err)
	}
	if kept := ended && m.kept(); kept || !ended {
		if m.lines > 0 {
			return partial, nil
		}
		if err := os.Remove(partial); err != nil {
			return "", fmt.Errorf("removing the empty manifest: %w", err)
		}
		return "", nil
	}
	if err := place(partial, m.path); err != nil {
		return "", fmt.Errorf("writing the manifest: %w", err)
	}
	return m.path, nil
}

// place renames a synced file and syncs the new name, both in one folder. It restores the
// time of the folder: that may be the destination, which already has the time of the
// source.
func place(from, to string) error {
	at := filepath.Dir(to)
	before, err := os.Stat(at)
	if err != nil {
		return err
	}
	dirs := tree.NewDirs(1)
	defer dirs.Close() // only names went through it, and Sync waits for those
	dir, err := dirs.Open(at)
	if err != nil {
		return err
	}
	if err := dir.Rename(filepath.Base(from), dir, filepath.Base(to), true); err != nil {
		return err
	}
	if err := os.Chtimes(at, before.ModTime(), before.ModTime()); err != nil && !errors.Is(err, os.ErrPermission) {
		return err
	}
	return dir.Sync()
}

// within returns the slash path of file relative to folder if it is inside. file
// need not exist.
func within(folder, file string) (rel string, inside bool) {
	folder, err := resolved(folder)
	if err != nil {
		return "", false
	}
	dir, err := resolved(filepath.Dir(file))
	if err != nil {
		return "", false
	}
	rel, err = filepath.Rel(folder, filepath.Join(dir, filepath.Base(file)))
	if err != nil || rel == ".." || strings.HasPrefix(rel, ".."+string(filepath.Separator)) {
		return "", false
	}
	return filepath.ToSlash(rel), true
}

// resolved is path without links as far as it exists.
func resolved(path string) (string, error) {
	abs, err := filepath.Abs(path)
	if err != nil {
		return "", err
	}
	rest := ""
	for at := abs; ; at = filepath.Dir(at) {
		if real, err := filepath.EvalSymlinks(at); err == nil {
			return filepath.Join(real, rest), nil
		}
		if at == filepath.Dir(at) {
			return abs, nil
		}
		rest = filepath.Join(filepath.Base(at), rest)
	}
}

// openManifest starts the list that --manifest asks for; nil without the flag. folder
// is the destination if it is on this machine, sources what is sent from this machine.
// The list must not lie in a source, where it would change while it is sent.
func openManifest(verb, file, folder string, sources *sourceList) (*manifest, error) {
	switch {
	case file == "":
		return nil, nil
	case file == "-" || endsInSlash(file):
		return nil, usagef(verb, "--manifest needs the name of a file, and not %q", file)
	}
	if sources != nil {
		for _, s := range sources.sources {
			if s.Reader != nil || store.Is(s.Path) {
				continue
			}
			if _, inside := within(s.Path, file); inside {
				return nil, usagef(verb, "--manifest %s lies in what is sent, %s: name a file elsewhere", file, s.Path)
			}
		}
	}
	// The list replaces regular files only, and never /dev/stdout, say.
	if real, err := filepath.EvalSymlinks(file); err == nil {
		file = real
	}
	if info, err := os.Lstat(file); err == nil && !info.Mode().IsRegular() {
		return nil, usagef(verb, "--manifest %s: there is something that is no file", file)
	}
	m, err := newManifest(file, folder)
	if err != nil {
		return nil, &exitError{exit: exitDestination, err: err, hint: "name another file with --manifest"}
	}
	return m, nil
}
