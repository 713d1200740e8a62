package memory

import (
	"bytes"
	"context"
	"io"
	"sync"

	"ferry/transfer/storage"
	"ferry/transfer/tree"
)

// Source is a file in memory to be sent: storage.Source. It can be changed meanwhile.
type Source struct {
	mu    sync.Mutex // guards what follows
	data  []byte
	info  tree.Info
	clock int64
}

// NewSource returns a file of this content.
func NewSource(data []byte, mtime tree.Time) *Source {
	s := &Source{info: tree.Info{Kind: tree.File, Mode: 0o644, Dev: 1, Ino: 1, Nlink: 1}}
	s.Change(data, mtime)
	return s
}

// Change gives the file other content.
func (s *Source) Change(data []byte, mtime tree.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.clock++
	s.data, s.info.Size, s.info.Allocated = data, int64(len(data)), int64(len(data))
	s.info.MTime, s.info.CTime = mtime, tree.Time{Sec: s.clock}
}

// now is the file as it is.
func (s *Source) now() ([]byte, tree.Info) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.data, s.info
}

// Open is storage.Source's. What is read is what the file has then.
func (s *Source) Open() (storage.File, error) {
	_, info := s.now()
	return &sourceFile{s, info}, nil
}

// sourceFile is an open Source.
type sourceFile struct {
	*Source
	info tree.Info
}

func (f *sourceFile) ReadAt(b []byte, at int64) (int, error) {
	data, _ := f.now()
	return bytes.NewReader(data).ReadAt(b, at)
}

func (f *sourceFile) Close() error                  { return nil }
func (f *sourceFile) Info() tree.Info               { return f.info }
func (f *sourceFile) Cover(int64, int64) tree.Cover { return tree.AllData }

// OpenStream is storage.Source's.
func (s *Source) OpenStream(context.Context) (io.ReadCloser, error) {
	data, _ := s.now()
	return io.NopCloser(bytes.NewReader(data)), nil
}

// ReadSmall is storage.Source's.
func (s *Source) ReadSmall(buf []byte) (n int, before, after tree.Info, err error) {
	data, info := s.now()
	return copy(buf, data), info, info, nil
}

// Stat is storage.Source's.
func (s *Source) Stat() (tree.Info, error) {
	_, info := s.now()
	return info, nil
}
