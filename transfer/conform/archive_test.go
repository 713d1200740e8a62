//go:build unix

package conform

import (
	"archive/tar"
	"bytes"
	"io"
	"strings"
	"testing"

	"ferry/framing"
	"ferry/transfer/receive"
)

// ordered tells whether the receiver of a session takes everything in order.
func (s *session) ordered() bool {
	for _, f := range s.frames {
		if f.typ == framing.TypeAccept {
			a, err := framing.ParseAccept(f.body)
			return err == nil && a.Ordered
		}
	}
	return false
}

// intoArchive plays the sender of a session to a real receiver that writes an archive. It
// returns how that ended.
func intoArchive(t *testing.T, s *session) error {
	t.Helper()
	var out bytes.Buffer
	err := playSender(t, s, receive.Options{Output: &out, Metadata: s.metadata()})
	s.checkArchive(t, &out)
	return err
}

// checkArchive compares an archive with the items, which are in the order of the walk.
func (s *session) checkArchive(t *testing.T, from io.Reader) {
	t.Helper()
	r := tar.NewReader(from)
	for _, it := range s.items {
		h, err := r.Next()
		if err != nil {
			t.Fatalf("instead of %s: %v", it.path, err)
		}
		content, err := io.ReadAll(r)
		if err != nil {
			t.Fatalf("%s: %v", it.path, err)
		}
		if strings.TrimSuffix(h.Name, "/") != it.path || h.Linkname != it.target || !bytes.Equal(content, it.content(0, it.length)) {
			t.Errorf("%s is %s, a link to %q, with %d bytes", it.path, h.Name, h.Linkname, len(content))
		}
		if it.target == "" && (uint32(h.Mode) != it.mode || h.ModTime.Unix() != it.sec) {
			t.Errorf("%s has the mode %o and is of %v", it.path, h.Mode, h.ModTime)
		}
	}
	if h, err := r.Next(); err != io.EOF {
		t.Errorf("behind all items: %v, %v", h, err)
	}
}
