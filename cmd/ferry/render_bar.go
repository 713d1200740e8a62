package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/schollz/progressbar/v3"

	"ferry/transfer"
)

const (
	// eraseRest clears from the cursor to the end of the line (ECMA-48, EL).
	eraseRest = "\x1b[K"
	// defaultWidth is assumed of terminals that do not tell.
	defaultWidth = 80
	minBar       = 10 // columns inside of the brackets
	maxBar       = 30
	minName      = 16 // columns; with less, names cannot be told apart
	narrow       = 60 // columns; with less, redundant fields are left out
)

// orDefault is a width, or the one assumed where it is not known.
func orDefault(width int) int {
	if width <= 0 {
		return defaultWidth
	}
	return width
}

// view is what is shown of a delivery at one instant.
type view struct {
	phase    transfer.Phase
	progress transfer.Progress
	rate     float64 // bytes a second
	left     time.Duration
	hasLeft  bool
	trouble  string // a lost link, or a standstill; shown instead of the rest
}

// fields are the parts of a progress line, the most useful first. short leaves out the
// total, which the percentage implies, and the word "left".
func (v view) fields(short bool) []string {
	p := v.progress
	f := []string{sizeText(p.Bytes)}
	left := " left"
	if short {
		left = ""
	} else if p.Exact && p.Total > 0 {
		f[0] += " of " + sizeText(p.Total)
	}
	if v.rate > 0 {
		f = append(f, sizeText(int64(v.rate))+"/s")
	}
	if v.hasLeft && v.phase == transfer.PhaseTransfer {
		f = append(f, clock(v.left)+left)
	}
	switch {
	case p.Items > 1 && p.Exact:
		f = append(f, fmt.Sprintf("%d of %d items", p.Done, p.Items))
	case p.Items > 1:
		f = append(f, fmt.Sprintf("%d items", p.Items))
	}
	return f
}

// percent is -1 while the total is not known.
func (v view) percent() int {
	p := v.progress
	if !p.Exact || p.Total <= 0 {
		return -1
	}
	return min(int(float64(p.Bytes)/float64(p.Total)*100), 100)
}

// plainLine is progress as a line of its own.
func plainLine(v view) string {
	parts := []string{v.phase.String()}
	if n := v.percent(); n >= 0 {
		parts[0] += fmt.Sprintf(" %d%%", n)
	}
	if v.trouble != "" {
		return parts[0] + ", " + tell(v.trouble)
	}
	parts = append(parts, v.fields(false)...)
	if v.progress.Active != "" && v.phase == transfer.PhaseTransfer {
		parts = append(parts, show(v.progress.Active))
	}
	return strings.Join(parts, ", ")
}

// barLine is progress in less than width columns. It always has the phase and the
// percentage, then as many fields as fit, then a bar and the name of the item if there
// is enough room.
func barLine(v view, width int) string {
	room := orDefault(width) - 1 // a full last column makes some terminals go to the next line
	start, percent := v.phase.String(), v.percent()
	if percent >= 0 {
		start += fmt.Sprintf(" %3d%%", percent)
	}
	if v.trouble != "" {
		return escape(head(start+"  "+plain(v.trouble), room))
	}
	used := columns(start)
	end := ""
	for _, f := range v.fields(width < narrow) {
		if used+2+columns(f) > room {
			break
		}
		end += "  " + f
		used += 2 + columns(f)
	}
	name := ""
	if v.phase == transfer.PhaseTransfer {
		name = nameText(v.progress.Active)
	}
	if free := room - used; percent >= 0 && free >= minBar+3 {
		bar := free - 3 // a space and two brackets
		if name != "" && bar >= minBar+2+minName {
			bar = max(minBar, min(maxBar, bar-2-columns(name)))
		} else {
			bar = min(bar, maxBar)
		}
		start = drawBar(v.phase.String(), v.progress, bar)
		used += bar + 3
	}
	if free := room - used - 2; name != "" && free >= minName {
		end += "  " + cutMiddle(name, free)
	}
	return escape(head(start+end, room))
}

// drawBar is "PHASE  45% [====>    ]" with a bar of size columns. The library draws the
// bar only: its rate would count bytes that were there before, and it does not know what
// else is on the line.
func drawBar(phase string, p transfer.Progress, size int) string {
	var sink strings.Builder
	bar := progressbar.NewOptions64(p.Total,
		progressbar.OptionSetWriter(&sink),
		progressbar.OptionSetDescription(phase),
		progressbar.OptionSetWidth(size),
		progressbar.OptionSetTheme(progressbar.Theme{Saucer: "=", SaucerHead: ">", SaucerPadding: " ", BarStart: "[", BarEnd: "]"}),
		progressbar.OptionSetElapsedTime(false),
		progressbar.OptionSetPredictTime(false),
		progressbar.OptionThrottle(0),
	)
	// The sink never fails. The only other error is a count beyond the total, which is
	// shown as full.
	_ = bar.Set64(min(p.Bytes, p.Total))
	_ = bar.RenderBlank()
	return strings.TrimRight(strings.TrimPrefix(bar.String(), "\r"), " ")
}

// clock is a duration as m:ss or h:mm:ss.
func clock(d time.Duration) string {
	s := int64(d.Round(time.Second) / time.Second)
	if s < 3600 {
		return fmt.Sprintf("%d:%02d", s/60, s%60)
	}
	return fmt.Sprintf("%d:%02d:%02d", s/3600, s/60%60, s%60)
}
