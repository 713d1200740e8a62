package dest

import (
	"errors"
	"syscall"

	"ferry/checksum"
	"ferry/transfer/tree"
)

// unlinkable reports whether a file without a name cannot be given one here, as err
// says: some file systems have such files and no links.
func unlinkable(err error) bool {
	return tree.Refused(err) || errors.Is(err, syscall.EACCES) || errors.Is(err, syscall.EXDEV) || errors.Is(err, syscall.EMLINK)
}

// copyToName moves the synced content of a file that cannot be given a name to one that
// has a temporary one, which can be renamed, with e's metadata, and synced and read
// again: what was found of the first file says nothing of this one. No other file of the
// volume is written without a name from now on.
func (p *Partial) copyToName(e *tree.Entry) error {
	from := p.file
	p.vol.noUnnamed.Store(true)
	err := p.vol.inState(func(dir *tree.Dir) (err error) {
		p.dir, p.name = dir, tempName()
		p.file, err = dir.Create(p.name, 0o600)
		return err
	})
	if err != nil {
		p.name, p.file = "", from
		return err
	}
	if p.f.opts.VerifyDisk {
		setDirect(from, false) // see readBack; what is copied is of any length
	}
	info, err := tree.Fstat(from)
	for index := uint64(0); err == nil && index < checksum.Chunks(info.Size); index++ {
		err = p.copyChunk(p.file, from, int64(index)*checksum.ChunkSize, checksum.ChunkLen(info.Size, index))
	}
	if err == nil {
		err = setSize(p.file, info.Size)
	}
	if err == nil && p.digest != nil && !p.f.opts.VerifyDisk {
		var got checksum.Digest
		if got, err = digestOf(p.file, alignedBuffer()); err == nil && got != *p.digest {
			err = ErrMismatch
		}
	}
	if err == nil {
		p.lost, err = p.f.applyNew(p.parent, e).ToFile(p.file)
	}
	if err == nil {
		err = p.sync()
	}
	if err == nil && p.f.opts.VerifyDisk {
		err = p.readBack(nil)
	}
	return errors.Join(err, from.Close())
}
