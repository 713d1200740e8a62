package main

import (
	"os"
	"strings"
	"testing"
	"time"

	"ferry/checksum"
	"ferry/transfer"
	"ferry/transfer/tree"
)

func done(path string, status transfer.Status) transfer.ItemDone {
	return transfer.ItemDone{Path: "display/" + path, At: path, Kind: tree.File, Status: status, Hashed: true, Digest: checksum.Sum([]byte(path))}
}

func contents(t *testing.T, name string) string {
	t.Helper()
	b, err := os.ReadFile(name)
	if os.IsNotExist(err) {
		return "(absent)"
	}
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestManifestListsWhatWasVerified(t *testing.T) {
	lay(t, "sums")
	m, err := newManifest("sums", "")
	if err != nil {
		t.Fatal(err)
	}
	renamed := done("d/f", transfer.StatusRenamed)
	renamed.NewName, renamed.At = "f (1)", "d/f (1)"
	unhashed := done("u", transfer.StatusSame)
	unhashed.Hashed = false
	for _, e := range []transfer.Event{
		done("a b", transfer.StatusDelivered), done("same", transfer.StatusSame), done("skipped", transfer.StatusSkipped),
		renamed, unhashed, done("new\nline", transfer.StatusDelivered), transfer.ItemFailed{Path: "x"},
	} {
		m.Observe(e)
	}
	if contents(t, "sums") != "sums" {
		t.Error("the old list was touched before the delivery ended")
	}
	if at, err := m.finish(true); err != nil || at != "sums" {
		t.Fatalf("the list is at %q, %v", at, err)
	}
	want := ""
	for _, l := range []struct{ name, of string }{{"a b", "a b"}, {"same", "same"}, {"d/f (1)", "d/f"}} {
		want += checksum.Sum([]byte(l.of)).String() + "  " + l.name + "\n"
	}
	want += `\` + checksum.Sum([]byte("new\nline")).String() + `  new\nline` + "\n"
	if got := contents(t, "sums"); got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
	if contents(t, "sums.partial") != "(absent)" {
		t.Error("the unfinished list is still there")
	}
}

func TestManifestOfAnInterruptedDelivery(t *testing.T) {
	lay(t, "sums")
	m, err := newManifest("sums", "")
	if err != nil {
		t.Fatal(err)
	}
	m.Observe(done("a", transfer.StatusDelivered))
	if at, err := m.finish(false); err != nil || at != "sums.partial" {
		t.Errorf("the list is at %q, %v", at, err)
	}
	if !strings.HasSuffix(contents(t, "sums.partial"), "  a\n") || contents(t, "sums") != "sums" {
		t.Error("the list so far is not kept beside the old one")
	}
	// A run that verified nothing leaves nothing.
	if m, err = newManifest("sums", ""); err != nil {
		t.Fatal(err)
	}
	if at, err := m.finish(false); err != nil || at != "" || contents(t, "sums.partial") != "(absent)" {
		t.Errorf("an empty list is left at %q, %v", at, err)
	}
}

// A delivered item is never overwritten with the list.
func TestManifestUnderTheNameOfAnItem(t *testing.T) {
	for _, name := range []string{"sums", "sums.partial"} {
		lay(t, "out/"+name)
		m, err := newManifest("out/sums", "out")
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile("out/"+name, []byte("delivered"), 0o666); err != nil {
			t.Fatal(err)
		}
		m.Observe(done(name, transfer.StatusDelivered))
		if _, err := m.finish(true); err == nil {
			t.Errorf("an item named %s: no error", name)
		}
		if contents(t, "out/"+name) != "delivered" {
			t.Errorf("%s was overwritten", name)
		}
	}
}

func TestManifestKeepsTheTimeOfItsFolder(t *testing.T) {
	lay(t, "out/")
	m, err := newManifest("out/sums", "out")
	if err != nil {
		t.Fatal(err)
	}
	then := time.Unix(1_000_000_000, 0)
	if err := os.Chtimes("out", then, then); err != nil {
		t.Fatal(err)
	}
	if _, err := m.finish(true); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat("out"); err != nil || !info.ModTime().Equal(then) {
		t.Errorf("the folder has the time %v, %v", info.ModTime(), err)
	}
}

func TestManifestReportsAFullDisk(t *testing.T) {
	lay(t)
	m, err := newManifest("sums", "")
	if err != nil {
		t.Fatal(err)
	}
	if err := m.file.Close(); err != nil { // every write fails from here
		t.Fatal(err)
	}
	m.Observe(done("a", transfer.StatusDelivered))
	if _, err := m.finish(true); err == nil {
		t.Error("a list that could not be written is no error")
	}
	if contents(t, "sums") != "(absent)" {
		t.Error("a list that could not be written got its name")
	}
}

func TestOpenManifestRefuses(t *testing.T) {
	lay(t, "src/f", "other/")
	symlink(t, "../src", "other/link")
	var list sourceList
	if err := list.add("send", "src", false, false); err != nil {
		t.Fatal(err)
	}
	for _, file := range []string{"-", "x/", "src/sums", "./src/deep/../sums", "other/link/sums"} {
		if _, err := openManifest("send", file, "", &list); err == nil {
			t.Errorf("--manifest %s is accepted", file)
		}
	}
	if m, err := openManifest("send", "src.sums", "", &list); err != nil {
		t.Errorf("a manifest beside the source is refused: %v", err)
	} else if _, err := m.finish(false); err != nil {
		t.Error(err)
	}
}
