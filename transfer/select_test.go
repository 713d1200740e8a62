package transfer_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"ferry/transfer"
	"ferry/transfer/filter"
	"ferry/transfer/local"
	"ferry/transfer/receive"
	"ferry/transfer/send"
	"ferry/transfer/tree"
)

func selecting(t *testing.T, s tree.Selection, patterns ...string) setup {
	t.Helper()
	var rules []filter.Rule
	for _, p := range patterns {
		r, err := filter.Exclude(p)
		must(t, err)
		rules = append(rules, r)
	}
	f, err := filter.New(rules)
	must(t, err)
	s.Rules = tree.RulesOf(f)
	return func(o *send.Options, _ *receive.Options, _ *sides) { o.Select = s }
}

func obeyIgnoreFiles(o *local.Options) {
	o.Send.Select.Rules, o.Send.Select.IgnoreFile = tree.RulesOf((*filter.List)(nil)), filter.IgnoreFile
}

func names(t *testing.T, dir string) string {
	t.Helper()
	var all []string
	must(t, filepath.WalkDir(dir, func(p string, d os.DirEntry, err error) error {
		if rel, _ := filepath.Rel(dir, p); rel != "." {
			all = append(all, filepath.ToSlash(rel))
		}
		return err
	}))
	return strings.Join(all, " ")
}

// A folder that cannot be read counts once, as failed: nothing is made of it.
func TestUnreadableFolderCountsOnce(t *testing.T) {
	src, dst := t.TempDir(), t.TempDir()
	write(t, filepath.Join(src, "a"), 10, 1)
	write(t, filepath.Join(src, "sub/b"), 10, 1)
	must(t, os.Symlink("b", filepath.Join(src, "sub", filter.IgnoreFile))) // whoever runs this cannot read rules there
	s := deliver(t, t.Context(), dst, contents(src), selecting(t, tree.Selection{IgnoreFile: filter.IgnoreFile}))
	if !errors.Is(s.sendErr, transfer.ErrIncomplete) || !errors.Is(s.receiveErr, transfer.ErrIncomplete) {
		t.Errorf("ended with %v and %v", s.sendErr, s.receiveErr)
	}
	if got := names(t, dst); got != "a" {
		t.Errorf("the receiver has %q", got)
	}
	for _, r := range []transfer.Result{s.sent, s.received} {
		if r.Delivered != 1 || r.Same != 1 || r.Failed != 1 { // a; the destination; sub
			t.Errorf("%+v", r)
		}
	}
}

func TestSelection(t *testing.T) {
	src, dst := t.TempDir(), t.TempDir()
	for _, p := range []string{"a.o", "a.c", "build/x", "build/y", "sub/b.o", "sub/b.c", "sub/big"} {
		write(t, filepath.Join(src, p), 10, 1)
	}
	write(t, filepath.Join(src, "sub/big"), 100, 1)
	top := int64(50)
	s := deliver(t, t.Context(), dst, contents(src),
		selecting(t, tree.Selection{Sizes: tree.SizeRange{Max: &top}}, "*.o", "build/", "!/a.o")).ok(t)
	if got, want := names(t, dst), "a.c a.o sub sub/b.c"; got != want {
		t.Errorf("the receiver has %q, want %q", got, want)
	}
	var excluded []string
	for _, e := range find[transfer.ItemExcluded](s.sendSaw) {
		rel, _ := filepath.Rel(src, e.Path)
		excluded = append(excluded, filepath.ToSlash(rel)+" "+e.Exclusion.String())
	}
	if got, want := strings.Join(excluded, ", "), "build build/ (--exclude), sub/b.o *.o (--exclude), sub/big --max-size"; got != want {
		t.Errorf("excluded are %q, want %q", got, want)
	}
	if s.sent.Excluded != 3 || s.received.Excluded != 0 || s.sent.Failed != 0 || s.sent.Delivered != 4 {
		t.Errorf("results %+v and %+v", s.sent, s.received)
	}
	// What is left out is left alone where it is already.
	write(t, filepath.Join(dst, "build/old"), 1, 2)
	deliver(t, t.Context(), dst, contents(src), selecting(t, tree.Selection{}, "build")).ok(t)
	if got, want := names(t, filepath.Join(dst, "build")), "old"; got != want {
		t.Errorf("the excluded folder has %q, want %q", got, want)
	}
}

// The offer names what will come.
func TestSelectionOfNamedFilesIsNotOffered(t *testing.T) {
	src, dst := t.TempDir(), t.TempDir()
	a, b := filepath.Join(src, "a"), filepath.Join(src, "b.log")
	write(t, a, 10, 1)
	write(t, b, 20, 1)
	s := deliver(t, t.Context(), dst, named(a, b), selecting(t, tree.Selection{}, "*.log")).ok(t)
	for _, saw := range []*recorder{s.sendSaw, s.receiveSaw} {
		o := find[transfer.Offered](saw)[0].Offer
		if o.Items != 1 || o.Bytes != 10 || len(o.Listed) != 1 || o.Listed[0].Name != "a" || !o.Exact {
			t.Errorf("the offer is %+v", o)
		}
	}
	if got := names(t, dst); got != "a" || s.sent.Excluded != 1 {
		t.Errorf("the receiver has %q, %d excluded", got, s.sent.Excluded)
	}
}

func TestListedItemsThatAreMissingFail(t *testing.T) {
	src, dst := t.TempDir(), t.TempDir()
	write(t, filepath.Join(src, "d/a"), 10, 1)
	write(t, filepath.Join(src, "d/b"), 10, 1)
	list, err := tree.ReadList(strings.NewReader("d/a\ngone\n"), "list", false)
	must(t, err)
	s := deliver(t, t.Context(), dst, contents(src), selecting(t, tree.Selection{List: list}))
	if !errors.Is(s.sendErr, transfer.ErrIncomplete) || !errors.Is(s.receiveErr, transfer.ErrIncomplete) {
		t.Errorf("ended with %v and %v", s.sendErr, s.receiveErr)
	}
	if f := s.sent.Failures; len(f) != 1 || f[0].Path != src+"/gone" || s.sent.Failed != 1 {
		t.Errorf("failures %v", f)
	}
	if got, want := names(t, dst), "d d/a"; got != want {
		t.Errorf("the receiver has %q, want %q", got, want)
	}
}

func TestNothingSelectedIsAnError(t *testing.T) {
	src, dst := t.TempDir(), t.TempDir()
	write(t, filepath.Join(src, "a"), 10, 1)
	s := deliver(t, t.Context(), dst, contents(src), selecting(t, tree.Selection{}, "*"))
	if !errors.Is(s.sendErr, send.ErrNothingSelected) {
		t.Errorf("the sender ended with %v", s.sendErr)
	}
	if s.receiveErr == nil || len(find[transfer.Offered](s.receiveSaw)) != 0 {
		t.Errorf("the receiver was offered something and ended with %v", s.receiveErr)
	}
	// Standard input and its like are not chosen from.
	nothing, err := send.NothingSelected(t.Context(), send.Options{
		Sources: []send.Source{{Source: tree.Source{Name: "in"}, Reader: strings.NewReader("")}},
		Select:  tree.Selection{Sizes: tree.SizeRange{Min: 1}},
	})
	if nothing || err != nil {
		t.Errorf("a stream: %v, %v", nothing, err)
	}
}
