package serve

import (
	"errors"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"ferry/framing"
	"ferry/transfer"
	"ferry/transfer/keys"
	"ferry/transfer/tree/treetest"
)

// No path leads out of the root, nor to what is ferry's own, and nothing is made on the way.
func TestPathsStayInside(t *testing.T) {
	above := t.TempDir()
	root := filepath.Join(above, "root")
	r := start(t, root, nil)
	key := r.allow(keys.Grant{Path: "in", Upload: true, Download: true})
	src := write(t, t.TempDir(), map[string]string{"f": "x"})
	for _, place := range []string{"..", "../out", "a/../../..", "/../out", ".ferry-partial", "a/.FERRY-partial-7", "a\x00b", string(make([]byte, 300))} {
		if _, err := r.put(key, place, filepath.Join(src, "f")); code(err) != framing.CodeDeclined {
			t.Errorf("%q: %v", place, err)
		}
	}
	if names, err := os.ReadDir(above); err != nil || len(names) != 1 {
		t.Errorf("%v, %v", names, err)
	}
	holds(t, root, nil)
}

// Links in the root lead nowhere, for either direction.
func TestLinksLeadNowhere(t *testing.T) {
	treetest.Needs(t, treetest.Links)
	root, outside := t.TempDir(), write(t, t.TempDir(), map[string]string{"secret": "secret"})
	err := errors.Join(os.Symlink(outside, filepath.Join(root, "abroad")), os.Mkdir(filepath.Join(root, "in"), 0o755),
		os.Symlink("../abroad", filepath.Join(root, "in", "there")), os.Symlink(filepath.Join(outside, "secret"), filepath.Join(root, "in", "f")))
	if err != nil {
		t.Skip(err)
	}
	r := start(t, root, nil)
	src := write(t, t.TempDir(), map[string]string{"f": "x", "there/g": "y"})
	for _, path := range []string{"abroad", "in/there", "in"} {
		for _, place := range []string{"", "there", "there/deep"} {
			for _, grant := range []keys.Grant{{Upload: true}, {Upload: true, Download: true}, {Upload: true, Download: true, Delete: true}} {
				grant.Path = path
				// Some of these are delivered beside the link, and none through it.
				_, _ = r.put(r.allow(grant), place, filepath.Join(src, "f"), filepath.Join(src, "there"))
			}
		}
	}
	holds(t, outside, map[string]string{"secret": "secret"})
	key := r.allow(keys.Grant{Download: true})
	for _, asked := range []string{"abroad/secret", "abroad/", "in/there/secret", "in/there/", "abroad/."} {
		folder, _, err := r.get(key, asked)
		if err == nil {
			t.Errorf("%q was sent", asked)
		}
		holds(t, folder, nil)
	}
	// A link is an item, which this receiver does not take, and its target is not sent.
	folder, _, err := r.get(key, "abroad")
	if !errors.Is(err, transfer.ErrIncomplete) {
		t.Error(err)
	}
	if target, err := os.Readlink(filepath.Join(folder, "abroad")); err == nil && target != outside {
		t.Errorf("the link leads to %q", target)
	}
	holds(t, folder, nil)
}

// While somebody puts links in the place of folders, nothing is written outside.
func TestRacingLinks(t *testing.T) {
	treetest.Needs(t, treetest.Links, treetest.Handles)
	root, outside := t.TempDir(), t.TempDir()
	in := filepath.Join(root, "in")
	if err := errors.Join(os.MkdirAll(filepath.Join(in, "a", "b"), 0o755), os.Symlink(outside, filepath.Join(root, "link"))); err != nil {
		t.Skip(err)
	}
	r := start(t, root, nil)
	key := r.allow(keys.Grant{Path: "in", Upload: true, Download: true})
	src := write(t, t.TempDir(), map[string]string{"d/f": "x", "d/e/g": "y"})
	stop := make(chan struct{})
	var swapper sync.WaitGroup
	swapper.Go(func() {
		at, spare, link := filepath.Join(in, "a"), filepath.Join(root, "spare"), filepath.Join(root, "link")
		for {
			select {
			case <-stop:
				return
			default:
			}
			_ = os.Rename(at, spare)
			_ = os.Rename(link, at)
			_ = os.Rename(at, link)
			_ = os.Rename(spare, at)
		}
	})
	for end := time.Now().Add(2 * time.Second); time.Now().Before(end); {
		// Most fail, since the folder is not there any more.
		_, _ = r.put(key, "a/b", filepath.Join(src, "d"))
		_, _, _ = r.get(key, "a/b")
	}
	close(stop)
	swapper.Wait()
	holds(t, outside, nil)
	if names, err := os.ReadDir(outside); err != nil || len(names) > 0 {
		t.Errorf("%v, %v", names, err)
	}
}

// A root in whose place another folder stands takes nothing.
func TestRootIsGone(t *testing.T) {
	treetest.Needs(t, treetest.MovableRoots)
	root := filepath.Join(t.TempDir(), "root")
	r := start(t, root, nil)
	key := r.allow(keys.Grant{Upload: true, Download: true})
	if err := errors.Join(os.Rename(root, root+"-away"), os.Mkdir(root, 0o755)); err != nil {
		t.Skip(err)
	}
	src := write(t, t.TempDir(), map[string]string{"f": "x"})
	if _, err := r.put(key, "", filepath.Join(src, "f")); code(err) != framing.CodeDestinationGone {
		t.Errorf("an upload: %v", err)
	}
	if _, _, err := r.get(key, "f"); err == nil {
		t.Error("a download began")
	}
	holds(t, root, nil)
}
