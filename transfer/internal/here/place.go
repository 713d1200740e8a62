package here

import (
	"bytes"
	"path"
	"path/filepath"
	"strings"

	"ferry/framing"
	"ferry/transfer/tree"
)

// Place is the destination of a delivery, on this machine. It tells items there that are
// items of a source too, as where a folder is delivered to where it is: to remove those from
// the source would lose them. One goroutine uses it.
type Place struct {
	path string
	mark []byte // that the folder has to have; nil: it need not have one
	dirs *tree.Dirs
	root *tree.Dir // nil until it is needed
}

// NewPlace is the folder at path, which is not opened yet.
func NewPlace(path string) *Place { return &Place{path: path, dirs: tree.NewDirs(2)} }

// Tell is what the side with the destination tells of it, for NewPlaceTold. The path is
// made whole.
func (m Machine) Tell(at string) framing.Remark {
	if whole, err := filepath.Abs(at); err == nil {
		at = whole
	}
	r := framing.Remark{Kind: framing.RemarkPlace, Path: []byte(at), Text: append(m.own(), make([]byte, framing.MarkSize)...)}
	dirs := tree.NewDirs(1)
	defer dirs.Close()
	if d, err := dirs.Open(at); err == nil {
		if info, err := d.Stat(); err == nil {
			copy(r.Text[framing.MarkSize:], m.Mark(info))
		}
	}
	return r
}

// NewPlaceTold is the folder that the other side told; nil if that is on another machine.
// known is false if what it told cannot be.
func (m Machine) NewPlaceTold(r *framing.Remark) (p *Place, known bool) {
	if len(r.Text) != 2*framing.MarkSize {
		return nil, false
	}
	if !bytes.Equal(r.Text[:framing.MarkSize], m.own()) {
		return nil, true
	}
	p = NewPlace(string(r.Path))
	p.mark = bytes.Clone(r.Text[framing.MarkSize:])
	return p, true
}

// Is tells whether info, of a source, is the very item that stands at a path of the
// destination. sure is false if nobody can tell.
func (p *Place) Is(at string, info tree.Info) (is, sure bool) {
	if !p.open() {
		return false, false
	}
	dir, name := p.root, path.Base(at)
	for at, _ = path.Split(at); at != ""; {
		var folder string
		folder, at, _ = strings.Cut(at, "/")
		dir = dir.Child(folder)
	}
	there, err := dir.Lstat(name)
	return err == nil && there.SameFile(info), err == nil
}

// open opens the folder, and reports whether it is the one that is meant.
func (p *Place) open() bool {
	if p.root != nil {
		return true
	}
	root, err := p.dirs.Open(p.path)
	if err != nil {
		return false
	}
	if p.mark != nil {
		info, err := root.Stat()
		if err != nil || !bytes.Equal(This().Mark(info), p.mark) {
			return false
		}
	}
	p.root = root
	return true
}

// Close lets go of the folder. p may be nil.
func (p *Place) Close() {
	if p != nil {
		_ = p.dirs.Close() // it was only read
	}
}
