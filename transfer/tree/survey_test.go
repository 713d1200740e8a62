package tree

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// surveyTree is a folder of folders with files.
func surveyTree(t *testing.T) (dir string) {
	t.Helper()
	dir = t.TempDir()
	for i := range 5 {
		sub := filepath.Join(dir, fmt.Sprint("d", i))
		if err := os.Mkdir(sub, 0o755); err != nil {
			t.Fatal(err)
		}
		for k := range 4 {
			if err := os.WriteFile(filepath.Join(sub, fmt.Sprint("f", k)), make([]byte, i*k), 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
	return dir
}

// lines are the items of a walk of dir, as text.
func lines(t *testing.T, dir string, s *Survey, fresh func() time.Time) (all []string) {
	t.Helper()
	dirs := NewDirs(4)
	defer dirs.Close()
	w := Walk{Dirs: dirs, Sources: []Source{{Path: dir, Contents: true}}, Survey: s, Fresh: fresh}
	if err := w.Run(t.Context(), func(it *Item) error {
		all = append(all, fmt.Sprintf("%s %d %d %v %+v", filepath.ToSlash(it.Display), it.ID, it.Parent, it.Kind, it.Info))
		return nil
	}); err != nil {
		t.Error(err)
	}
	return all
}

// What another walk saw is used if it is new enough, and only then.
func TestSurveyIsUsed(t *testing.T) {
	dir := surveyTree(t)
	s := NewSurvey(MaxSurveyed)
	before := lines(t, dir, s, nil)
	if alone := lines(t, dir, nil, nil); !slices.Equal(before, alone) {
		t.Error("a walk with a survey sees something else than one without")
	}
	if err := os.WriteFile(filepath.Join(dir, "d3", "f1"), []byte("longer than before"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(filepath.Join(dir, "d4", "f0")); err != nil {
		t.Fatal(err)
	}
	now := lines(t, dir, nil, nil)
	changed := before[slices.IndexFunc(before, func(l string) bool { return strings.Contains(l, "d3/f1 ") })]
	if got := lines(t, dir, s, func() time.Time { return time.Time{} }); len(got) != len(before) || !slices.Contains(got, changed) {
		t.Errorf("the walk looks for itself: %q, want %q in %d items", got, changed, len(before))
	}
	if got := lines(t, dir, s, nil); !slices.Equal(got, now) {
		t.Errorf("a walk that began later does not see what changed: %q, want %q", got, now)
	}
	// What it saw has taken the place of what was older.
	if err := os.Remove(filepath.Join(dir, "d0", "f0")); err != nil {
		t.Fatal(err)
	}
	if got := lines(t, dir, s, func() time.Time { return time.Time{} }); len(got) != len(now) {
		t.Errorf("%d items, want the %d of the walk before", len(got), len(now))
	}
}

// No more items are remembered than there is room for.
func TestSurveyIsBounded(t *testing.T) {
	dir := surveyTree(t)
	for most := range 12 {
		s := NewSurvey(most)
		want := lines(t, dir, nil, nil)
		for range 2 {
			if got := lines(t, dir, s, func() time.Time { return time.Time{} }); !slices.Equal(got, want) {
				t.Errorf("with room for %d items: %q, want %q", most, got, want)
			}
			if s.items > most || s.recent.Len() != len(s.folders) {
				t.Errorf("%d items are remembered, want at most %d", s.items, most)
			}
		}
	}
}

// Folders with nothing in them are remembered no more than others are.
func TestSurveyIsBoundedOfEmptyFolders(t *testing.T) {
	dir := t.TempDir()
	for i := range 40 {
		if err := os.Mkdir(filepath.Join(dir, fmt.Sprint(i)), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	const most = 12
	s := NewSurvey(most)
	if got := lines(t, dir, s, nil); len(got) < 40 {
		t.Errorf("%d items, want 40 folders", len(got))
	}
	if n := len(s.folders); n > most {
		t.Errorf("%d folders are remembered, want at most %d", n, most)
	}
}

// Walks beside each other all see the same.
func TestSurveyOfManyWalks(t *testing.T) {
	dir := surveyTree(t)
	want := lines(t, dir, nil, nil)
	s := NewSurvey(8)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			if got := lines(t, dir, s, nil); !slices.Equal(got, want) {
				t.Errorf("%q, want %q", got, want)
			}
		})
	}
	wg.Wait()
}
