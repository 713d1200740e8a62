package simulation

import (
	"archive/tar"
	"bytes"
	"io"
	"strings"

	"ferry/checksum"
	"ferry/transfer/storage/memory"
	"ferry/transfer/tree"
)

// missing is how much content the destination lacks: no more has to be moved.
func (w *simWorld) missing() (n int64) {
	if w.folder != "" {
		return 1 << 40 // what package dest keeps is looked at by its own tests
	}
	got, parts := w.disk.list(false), w.disk.Parts()
	for at, want := range w.tree.want {
		g := got[at]
		there := g.kind == tree.File && g.mtime == want.mtime && bytes.Equal(g.data, want.data)
		if _, end := w.tree.ends[at]; want.kind != tree.File || there && !end {
			continue
		}
		n += int64(len(want.data)) - kept(parts, want)
	}
	return n
}

// kept is how much of a file an interrupted delivery left, as claimed and true,
// less what may come twice: a claim that is neither what the bytes are nor what
// the sender has is refuted by both.
func kept(parts []memory.Part, want leaf) (n int64) {
	size := int64(len(want.data))
	for _, part := range parts {
		if int64(len(part.Data)) != size {
			continue
		}
		for i, cv := range part.Claims {
			at := int64(i) * checksum.ChunkSize
			end := at + int64(checksum.ChunkLen(size, i))
			switch {
			case bytes.Equal(part.Data[at:end], want.data[at:end]):
				n += end - at
			case checksum.Check(part.Data[at:end], i, false) != cv && checksum.Check(want.data[at:end], i, false) != cv:
				n -= end - at
			}
		}
	}
	return n
}

// checkOutput holds what came out against the tree: raw bytes of a single item,
// or else an archive.
func (w *simWorld) checkOutput(out *bytes.Buffer) {
	if len(w.tree.want) == 1 && (len(w.tree.ends) == 1 || w.plan.named) {
		for at, l := range w.tree.want {
			if !bytes.Equal(l.data, out.Bytes()) {
				w.t.Errorf("%q came out as %d bytes, and not as it was", at, out.Len())
			}
		}
		return
	}
	found := 0
	for r := tar.NewReader(out); ; {
		h, err := r.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			w.t.Errorf("the archive: %v", err)
			return
		}
		at := strings.TrimSuffix(strings.TrimPrefix(h.Name, "./"), "/")
		want, ok := w.tree.want[at]
		if !ok {
			continue // the root
		}
		found++
		b, err := io.ReadAll(r)
		if err != nil || !bytes.Equal(b, want.data) || h.Linkname != want.target {
			w.t.Errorf("%q is %d bytes in the archive, link to %q, %v", at, len(b), h.Linkname, err)
		}
	}
	if found != len(w.tree.want) {
		w.t.Errorf("%d of %d items are in the archive", found, len(w.tree.want))
	}
}
