package send

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"iter"
	"os"

	"ferry/transfer/tree"
)

// journalMemory is up to how many bytes a journal is kept in memory. What is beyond goes to
// a file without a name, at about 100 bytes an item: 500 MB for five millions.
const journalMemory = 4 << 20

// journal is a list of items too long for memory. It is written by one goroutine, and then
// read by one.
type journal struct {
	buf   []byte
	file  *os.File // nil while buf holds all of it
	named bool     // it is still under its name: an open file cannot be removed here
	err   error    // the first; after it nothing is added
}

// record is one item of a journal.
type record struct {
	root         uint64
	folder, name string
	display, at  string
	info         tree.Info
}

func (j *journal) add(r *record) {
	if j.err != nil {
		return
	}
	b := j.buf
	for _, s := range []string{r.folder, r.name, r.display, r.at} {
		b = binary.AppendUvarint(b, uint64(len(s)))
		b = append(b, s...)
	}
	i := &r.info
	for _, v := range []uint64{r.root, uint64(i.Kind), uint64(i.Special), uint64(i.Size), uint64(i.MTime.Sec), uint64(i.MTime.Nsec),
		uint64(i.CTime.Sec), uint64(i.CTime.Nsec), i.Dev, i.Ino} {
		b = binary.AppendUvarint(b, v)
	}
	if j.buf = b; len(b) >= journalMemory {
		j.spill()
	}
}

// spill writes what is in memory to the file, which nobody else can find.
func (j *journal) spill() {
	if j.file == nil {
		if j.file, j.err = os.CreateTemp("", "ferry-sent-"); j.err != nil {
			return
		}
		j.named = os.Remove(j.file.Name()) != nil
	}
	_, j.err = j.file.Write(j.buf)
	j.buf = j.buf[:0]
}

// errJournal: it is not what was written.
var errJournal = errors.New("the list is damaged")

// all yields the items in the order in which they were added, or an error and no more.
func (j *journal) all() iter.Seq2[*record, error] {
	return func(yield func(*record, error) bool) {
		var from io.Reader = bytes.NewReader(j.buf)
		if j.file != nil {
			if _, err := j.file.Seek(0, io.SeekStart); err != nil {
				yield(nil, err)
				return
			}
			from = io.MultiReader(j.file, from)
		}
		in := bufio.NewReaderSize(from, 64<<10)
		for {
			if _, err := in.Peek(1); err != nil {
				if err != io.EOF {
					yield(nil, err)
				}
				return
			}
			r, err := readRecord(in)
			if !yield(r, err) || err != nil {
				return
			}
		}
	}
}

func readRecord(in *bufio.Reader) (*record, error) {
	r := &record{}
	for _, s := range []*string{&r.folder, &r.name, &r.display, &r.at} {
		n, err := binary.ReadUvarint(in)
		if err != nil || n > 1<<20 {
			return nil, errors.Join(errJournal, err)
		}
		b := make([]byte, n)
		if _, err := io.ReadFull(in, b); err != nil {
			return nil, errors.Join(errJournal, err)
		}
		*s = string(b)
	}
	var v [10]uint64
	for i := range v {
		var err error
		if v[i], err = binary.ReadUvarint(in); err != nil {
			return nil, errors.Join(errJournal, err)
		}
	}
	r.root = v[0]
	r.info = tree.Info{
		Kind: tree.Kind(v[1]), Special: tree.Kind(v[2]), Size: int64(v[3]), MTime: tree.Time{Sec: int64(v[4]), Nsec: uint32(v[5])},
		CTime: tree.Time{Sec: int64(v[6]), Nsec: uint32(v[7])}, Dev: v[8], Ino: v[9],
	}
	return r, nil
}

func (j *journal) close() {
	if j.file != nil {
		// It was needed for this delivery only.
		_ = j.file.Close()
		if j.named {
			_ = os.Remove(j.file.Name())
		}
	}
}
