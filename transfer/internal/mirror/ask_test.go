package mirror

import (
	"context"
	"errors"
	"testing"

	"ferry/framing"
	"ferry/transfer"
	"ferry/transfer/link"
	"ferry/transfer/tree"
)

// liar answers each ASK with these LISTINGs.
func liar(t *testing.T, answers ...framing.Listing) (a *Asker, broken chan error) {
	t.Helper()
	s, r, err := link.Pipe(link.Config{Role: link.Sender}, link.Config{Role: link.Receiver})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	t.Cleanup(func() {
		cancel()
		s.Abort(errors.New("over"))
		r.Abort(errors.New("over"))
	})
	a, broken = NewAsker(ctx, r.Stream(0), func() {}), make(chan error, 1)
	go func() {
		in := s.Stream(0)
		for {
			if _, _, err := in.Next(); err != nil {
				return
			}
			if _, err := in.Body(); err != nil {
				return
			}
			for i := range answers {
				if err := a.Put(&answers[i]); err != nil {
					broken <- err
					cancel() // as the reader of stream 0 ends the delivery
					return
				}
			}
		}
	}()
	return a, broken
}

func names(flags uint8, kind framing.EntryKind, all ...string) framing.Listing {
	l := framing.Listing{Flags: flags}
	for _, n := range all {
		l.Names = append(l.Names, framing.ListingName{Kind: kind, Name: []byte(n)})
	}
	return l
}

func isViolation(err error) bool {
	var own *transfer.Error
	return errors.As(err, &own) && own.Code == framing.CodeProtocol
}

// Of folders that did not come, nothing is believed: nothing is removed there.
func TestOnlyDeliveredFoldersAreSources(t *testing.T) {
	a, _ := liar(t, names(framing.ListingLast, framing.KindFolder, "came", "other", ""))
	got, err := a.Sources(func(name string) bool { return name == "came" || name == "" })
	if err != nil || len(got) != 3 || got[0].Folder == nil || got[1].Folder != nil || got[2].Folder == nil {
		t.Errorf("%v: %+v", err, got)
	}
	for what, l := range map[string]framing.Listing{
		"a name twice":         names(framing.ListingLast, framing.KindFolder, "came", "came"),
		"a name that leads up": names(framing.ListingLast, framing.KindFolder, ".."),
		"no folder, no name":   names(framing.ListingLast, framing.KindFile, ""),
		"contents not sent":    names(framing.ListingLast, framing.KindFolder, "", "came"),
	} {
		a, _ := liar(t, l)
		if _, err := a.Sources(func(name string) bool { return name == "came" }); !isViolation(err) {
			t.Errorf("%s: %v", what, err)
		}
	}
}

// What breaks the rules of an answer ends the delivery.
func TestAnswersThatBreakRules(t *testing.T) {
	for what, all := range map[string][]framing.Listing{
		"a folder twice":              {names(0, framing.KindFile, "a"), names(framing.ListingLast, framing.KindFile, "a")},
		"another one between":         {names(framing.ListingMore, framing.KindFile, "a"), {Flags: framing.ListingLast, Path: []byte("x")}},
		"an end in the midst":         {names(framing.ListingMore|framing.ListingLast, framing.KindFile, "a")},
		"one behind the whole answer": {names(framing.ListingLast, framing.KindFolder, ""), names(0, framing.KindFile, "a")},
	} {
		a, broken := liar(t, all...)
		_, _ = a.Sources(func(string) bool { return true })
		if err := <-broken; !isViolation(err) {
			t.Errorf("%s: %v", what, err)
		}
	}
	if err := NewAsker(t.Context(), nil, nil).Put(&framing.Listing{}); !isViolation(err) {
		t.Errorf("unasked: %v", err)
	}
}

// Names without an order delete nothing, and those that nothing can have are not looked for.
func TestNamesOfAFolder(t *testing.T) {
	a, _ := liar(t, names(framing.ListingLast, framing.KindFolder, ""))
	sources, err := a.Sources(func(string) bool { return true })
	if err != nil {
		t.Fatal(err)
	}
	b, _ := liar(t, names(framing.ListingLast, framing.KindFile, "b", "a"))
	f := sources[0].Folder().(*far)
	f.asker = b
	if _, err := f.Look(); err == nil {
		t.Error("names in no order pass")
	}
	c, _ := liar(t, names(framing.ListingLast, framing.KindFile, "..", "a/b", "c"))
	f.asker = c
	look, err := f.Look()
	if err != nil || len(look.Names) != 1 || look.Names[0].Name != "c" {
		t.Errorf("%v: %+v", err, look.Names)
	}
	if kind, err := f.Find("c"); kind != tree.File || err != nil {
		t.Errorf("found %v, %v", kind, err)
	}
}
