package dest

import (
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"testing"

	"ferry/checksum"
	"ferry/transfer/storage"
	"ferry/transfer/tree"
)

// childCopied delivers content(1000, 4), with the digest of content(1000, seed).
func childCopied(dir string, o Options, seed uint64) error {
	f, err := start(dir, o, tree.Metadata{})
	if err != nil {
		return err
	}
	defer f.Close()
	e := fileEntry("x", 1000)
	p, err := f.Begin(e)
	if err != nil {
		return err
	}
	pub := &storage.Publication{Partial: p, Entry: e}
	if err = errors.Join(put(p, content(1000, 4)), p.Seal(e, e.Size, checksum.Sum(content(1000, seed)))); err == nil {
		_ = f.Publish([]*storage.Publication{pub})
		err = pub.Err
	}
	return errors.Join(err, f.finished())
}

// Where a file without a name cannot be given one, it is copied under one: what is then
// delivered is checked like any other.
func TestCopiedToAName(t *testing.T) {
	for _, errno := range []string{"EXDEV", "EOPNOTSUPP", "EPERM"} {
		dir := t.TempDir()
		if got := traced(t, "copied", dir, "linkat:error="+errno); got != "" {
			t.Errorf("%s: %s", errno, got)
		}
		same(t, filepath.Join(dir, "x"), content(1000, 4), fileEntry("x", 1000))
		wantNames(t, dir, "x")
		dir = t.TempDir()
		if got := traced(t, "copiedwrong", dir, "linkat:error="+errno); got != storage.Mismatch.String() {
			t.Errorf("%s, other bytes than were to come: %q", errno, got)
		}
		wantNames(t, dir)
	}
}

// With Options.VerifyDisk the copy is what is read back, past the page cache.
func TestCopiedToANameIsReadBack(t *testing.T) {
	dir := t.TempDir()
	traced(t, "copied", t.TempDir(), "linkat:error=EXDEV") // or skip
	trace := filepath.Join(t.TempDir(), "trace")
	for _, inject := range []string{"linkat:error=EXDEV", "copy_file_range:error=EOPNOTSUPP"} {
		args := []string{"strace", "-f", "-y", "-o", trace, "-e", "trace=fadvise64,linkat,copy_file_range",
			"-e", "inject=linkat:error=EXDEV", "-e", "inject=" + inject}
		if got := (child{do: "copiedchecked", dir: dir, wrapper: args}).run(t); got != "" {
			t.Errorf("%s: %s", inject, got)
		}
		same(t, filepath.Join(dir, "x"), content(1000, 4), fileEntry("x", 1000))
		b, err := os.ReadFile(trace)
		must(t, err)
		if !regexp.MustCompile(`fadvise64\(\d+<[^>]*\.tmp>`).Match(b) {
			t.Errorf("%s: the copy was not read back:\n%s", inject, b)
		}
		must(t, os.Remove(filepath.Join(dir, "x")))
	}
}
