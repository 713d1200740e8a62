package transfer_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"ferry/transfer"
	"ferry/transfer/filter"
	"ferry/transfer/internal/deliverytest"
	"ferry/transfer/receive"
	"ferry/transfer/send"
	"ferry/transfer/tree"
	"ferry/transfer/tree/treetest"
)

func selecting(t *testing.T, s tree.Selection, patterns ...string) deliverytest.Setup {
	t.Helper()
	var rules []filter.Rule
	for _, p := range patterns {
		r, err := filter.Exclude(p)
		deliverytest.Must(t, err)
		rules = append(rules, r)
	}
	f, err := filter.New(rules)
	deliverytest.Must(t, err)
	s.Rules = tree.RulesOf(f)
	return func(o *send.Options, _ *receive.Options, _ *deliverytest.Sides) { o.Select = s }
}

func names(t *testing.T, dir string) string {
	t.Helper()
	var all []string
	deliverytest.Must(t, filepath.WalkDir(dir, func(p string, d os.DirEntry, err error) error {
		if rel, _ := filepath.Rel(dir, p); rel != "." {
			all = append(all, filepath.ToSlash(rel))
		}
		return err
	}))
	return strings.Join(all, " ")
}

// A folder that cannot be read counts once, as failed: nothing is made of it.
func TestUnreadableFolderCountsOnce(t *testing.T) {
	treetest.Needs(t, treetest.Links)
	src, dst := t.TempDir(), t.TempDir()
	deliverytest.Write(t, filepath.Join(src, "a"), 10, 1)
	deliverytest.Write(t, filepath.Join(src, "sub/b"), 10, 1)
	deliverytest.Must(t, os.Symlink("b", filepath.Join(src, "sub", filter.IgnoreFile))) // whoever runs this cannot read rules there
	s := deliverytest.Deliver(t, t.Context(), dst, deliverytest.Contents(src), selecting(t, tree.Selection{IgnoreFile: filter.IgnoreFile}))
	if !errors.Is(s.SendErr, transfer.ErrIncomplete) || !errors.Is(s.ReceiveErr, transfer.ErrIncomplete) {
		t.Errorf("ended with %v and %v", s.SendErr, s.ReceiveErr)
	}
	if got := names(t, dst); got != "a" {
		t.Errorf("the receiver has %q", got)
	}
	for _, r := range []transfer.Result{s.Sent, s.Received} {
		if r.Delivered != 1 || r.Same != 1 || r.Failed != 1 { // a; the destination; sub
			t.Errorf("%+v", r)
		}
	}
}

func TestSelection(t *testing.T) {
	src, dst := t.TempDir(), t.TempDir()
	for _, p := range []string{"a.o", "a.c", "build/x", "build/y", "sub/b.o", "sub/b.c", "sub/big"} {
		deliverytest.Write(t, filepath.Join(src, p), 10, 1)
	}
	deliverytest.Write(t, filepath.Join(src, "sub/big"), 100, 1)
	top := int64(50)
	s := deliverytest.Deliver(t, t.Context(), dst, deliverytest.Contents(src),
		selecting(t, tree.Selection{Sizes: tree.SizeRange{Max: &top}}, "*.o", "build/", "!/a.o")).OK(t)
	if got, want := names(t, dst), "a.c a.o sub sub/b.c"; got != want {
		t.Errorf("the receiver has %q, want %q", got, want)
	}
	var excluded []string
	for _, e := range deliverytest.Find[transfer.ItemExcluded](s.SendSaw) {
		rel, _ := filepath.Rel(src, e.Path)
		excluded = append(excluded, filepath.ToSlash(rel)+" "+e.Exclusion.String())
	}
	if got, want := strings.Join(excluded, ", "), "build build/ (--exclude), sub/b.o *.o (--exclude), sub/big --max-size"; got != want {
		t.Errorf("excluded are %q, want %q", got, want)
	}
	if s.Sent.Excluded != 3 || s.Received.Excluded != 0 || s.Sent.Failed != 0 || s.Sent.Delivered != 4 {
		t.Errorf("results %+v and %+v", s.Sent, s.Received)
	}
	// What is left out is left alone where it is already.
	deliverytest.Write(t, filepath.Join(dst, "build/old"), 1, 2)
	deliverytest.Deliver(t, t.Context(), dst, deliverytest.Contents(src), selecting(t, tree.Selection{}, "build")).OK(t)
	if got, want := names(t, filepath.Join(dst, "build")), "old"; got != want {
		t.Errorf("the excluded folder has %q, want %q", got, want)
	}
}

// The offer names what will come.
func TestSelectionOfNamedFilesIsNotOffered(t *testing.T) {
	src, dst := t.TempDir(), t.TempDir()
	a, b := filepath.Join(src, "a"), filepath.Join(src, "b.log")
	deliverytest.Write(t, a, 10, 1)
	deliverytest.Write(t, b, 20, 1)
	s := deliverytest.Deliver(t, t.Context(), dst, deliverytest.Named(a, b), selecting(t, tree.Selection{}, "*.log")).OK(t)
	for _, saw := range []*deliverytest.Recorder{s.SendSaw, s.ReceiveSaw} {
		o := deliverytest.Find[transfer.Offered](saw)[0].Offer
		if o.Items != 1 || o.Bytes != 10 || len(o.Listed) != 1 || o.Listed[0].Name != "a" || !o.Exact {
			t.Errorf("the offer is %+v", o)
		}
	}
	if got := names(t, dst); got != "a" || s.Sent.Excluded != 1 {
		t.Errorf("the receiver has %q, %d excluded", got, s.Sent.Excluded)
	}
}

func TestListedItemsThatAreMissingFail(t *testing.T) {
	src, dst := t.TempDir(), t.TempDir()
	deliverytest.Write(t, filepath.Join(src, "d/a"), 10, 1)
	deliverytest.Write(t, filepath.Join(src, "d/b"), 10, 1)
	list, err := tree.ReadList(strings.NewReader("d/a\ngone\n"), "list", false)
	deliverytest.Must(t, err)
	s := deliverytest.Deliver(t, t.Context(), dst, deliverytest.Contents(src), selecting(t, tree.Selection{List: list}))
	if !errors.Is(s.SendErr, transfer.ErrIncomplete) || !errors.Is(s.ReceiveErr, transfer.ErrIncomplete) {
		t.Errorf("ended with %v and %v", s.SendErr, s.ReceiveErr)
	}
	if f := s.Sent.Failures; len(f) != 1 || f[0].Path != filepath.Join(src, "gone") || s.Sent.Failed != 1 {
		t.Errorf("failures %v", f)
	}
	if got, want := names(t, dst), "d d/a"; got != want {
		t.Errorf("the receiver has %q, want %q", got, want)
	}
}

func TestNothingSelectedIsAnError(t *testing.T) {
	src, dst := t.TempDir(), t.TempDir()
	deliverytest.Write(t, filepath.Join(src, "a"), 10, 1)
	s := deliverytest.Deliver(t, t.Context(), dst, deliverytest.Contents(src), selecting(t, tree.Selection{}, "*"))
	if !errors.Is(s.SendErr, send.ErrNothingSelected) {
		t.Errorf("the sender ended with %v", s.SendErr)
	}
	if s.ReceiveErr == nil || len(deliverytest.Find[transfer.Offered](s.ReceiveSaw)) != 0 {
		t.Errorf("the receiver was offered something and ended with %v", s.ReceiveErr)
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
