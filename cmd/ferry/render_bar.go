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
	// saveCursor and restoreCursor note where the cursor is, and bring it back (DEC
	// VT100, DECSC and DECRC).
	saveCursor, restoreCursor = "\x1b7", "\x1b8"
	// defaultWidth is assumed of terminals that do not tell.
	defaultWidth = 80
	narrow       = 40 // with less, phases have short names
	minName      = 10 // columns; with less, names cannot be told apart
	minCause     = 12 // columns; with less, a cause says nothing
	wide         = 100
	wider        = 120 // from here on with the sizes
	rateColumns  = len("1000 MiB/s")
	sizeColumns  = len("1000 MiB")
	leftColumns  = len("59:59")
	// unknown stands where a number will be, or was.
	unknown = "--"
)

// orDefault is a width, or the one assumed where it is not known.
func orDefault(width int) int {
	if width <= 0 {
		return defaultWidth
	}
	return width
}

// barColumns is how long the bar is. It depends on the width of the terminal alone, so
// that it never jumps.
func barColumns(width int) int {
	switch {
	case width < wide:
		return 12
	case width < 140:
		return 20
	}
	return 30
}

// row is a line that is being put together, in room columns at most.
type row struct {
	style style
	room  int
	text  strings.Builder
	used  int
}

// add appends text, which is escaped, if there is room for it.
func (r *row) add(space int, c colour, text string) bool {
	n := columns(text)
	if r.used+space+n > r.room {
		return false
	}
	r.text.WriteString(strings.Repeat(" ", space))
	r.text.WriteString(r.style.paint(c, text))
	r.used += space + n
	return true
}

// barLine is progress in less than width columns. The order in which parts give way to a
// narrow terminal is fixed: the name first, then the count of items, the time left, the
// rate, the bar, the percentage. Each part keeps its columns, so that nothing jumps.
func barLine(v view, width int, st style) string {
	width = orDefault(width)
	room := width - 1 // a full last column makes some terminals go to the next line
	if v.search != nil {
		return v.search.line(v.now, room)
	}
	if v.board != nil {
		return v.board.line(v, room)
	}
	if v.trouble.known() {
		return troubleLine(v, width, st)
	}
	r := &row{style: st, room: room}
	if label := v.label(width); !r.add(0, "", label) {
		return head(label, room)
	}
	percent := v.percent()
	if percent >= 0 && (!r.add(1, bold, percentText(percent)) || !v.addBar(r, width)) {
		return r.text.String()
	}
	for _, f := range v.fields(percent >= 0, width) {
		if !r.add(2, "", f) {
			return r.text.String()
		}
	}
	if free := room - r.used - 2; v.progress.Active != "" && v.moves() && free >= minName {
		r.add(2, dim, fit(v.progress.Active, free))
	}
	return r.text.String()
}

func percentText(percent int) string { return fmt.Sprintf("%3d%%", percent) }

// addBar draws the bar, in brackets where it is not made of blocks.
func (v view) addBar(r *row, width int) bool {
	done, rest := drawBar(v.settled(), v.progress.Total, barColumns(width), r.style.blocks)
	if r.style.blocks {
		return r.used+1+barColumns(width) <= r.room && r.add(1, green, done) && r.add(0, dim, rest)
	}
	return r.used+3+barColumns(width) <= r.room && r.add(1, "", "[") && r.add(0, green, done) && r.add(0, "", rest+"]")
}

// drawBar is a bar of size columns: what is done of it, and the rest. The library draws the
// bar only: its rate would count bytes that were there before, and it does not know what
// else is on the line.
func drawBar(done, total int64, size int, blocks bool) (full, rest string) {
	theme := progressbar.Theme{Saucer: "=", SaucerHead: ">", SaucerPadding: " ", BarStart: "[", BarEnd: "]"}
	if blocks {
		theme.Saucer, theme.SaucerHead, theme.SaucerPadding = "█", "█", "░"
	}
	var sink strings.Builder
	bar := progressbar.NewOptions64(total,
		progressbar.OptionSetWriter(&sink),
		progressbar.OptionSetWidth(size),
		progressbar.OptionSetTheme(theme),
		progressbar.OptionSetElapsedTime(false),
		progressbar.OptionSetPredictTime(false),
		progressbar.OptionThrottle(0),
	)
	// The sink never fails. The only other error is a count beyond the total, which is
	// shown as full.
	_ = bar.Set64(min(done, total))
	_ = bar.RenderBlank()
	_, drawn, _ := strings.Cut(bar.String(), "[")
	drawn, _, _ = strings.Cut(drawn, "]")
	if i := strings.Index(drawn, theme.SaucerPadding); i >= 0 {
		return drawn[:i], drawn[i:]
	}
	return drawn, ""
}

// troubleLine is what is wrong, in the place of numbers that would be true if it were not.
func troubleLine(v view, width int, st style) string {
	label := v.label(width)
	starts := []string{label + "  "}
	if n := v.percent(); n >= 0 {
		starts = []string{label + " " + percentText(n) + "  ", percentText(n) + "  ", ""}
	}
	start, text := v.trouble.fit(starts, width-1)
	if n := v.percent(); n >= 0 {
		start = st.mark(bold, start, percentText(n))
	}
	return start + st.paint(yellow, isolate(text))
}

// fields are the parts of a progress line before the name, the most useful first. counted
// says that a percentage stands before them.
func (v view) fields(counted bool, width int) []string {
	p := v.progress
	var f []string
	switch {
	case !counted:
		f = append(f, pad(sizeText(p.Bytes+v.announced()), sizeColumns))
	case counted && width >= wider:
		f = append(f, pad(sizeText(v.settled()), sizeColumns)+" of "+sizeText(p.Total))
	}
	if v.moves() {
		rate, left := unknown, unknown
		if v.hasRate {
			rate = sizeText(int64(v.rate)) + "/s"
		}
		if v.hasLeft {
			left = leftText(v.left)
		}
		f = append(f, pad(rate, rateColumns))
		if p.Exact {
			f = append(f, pad(left, leftColumns)+" left")
		}
	}
	return append(f, v.count(width)...)
}

// count tells of the items, if there are several.
func (v view) count(width int) []string {
	p := v.progress
	switch digits := len(fmt.Sprint(p.Items)); {
	case p.Items <= 1:
		return nil
	case !p.Exact || v.phase < transfer.PhaseComparing:
		return []string{items(p.Items)}
	case width < wide:
		return []string{fmt.Sprintf("%*d/%d", digits, p.Done, p.Items)}
	default:
		return []string{fmt.Sprintf("%*d of %d items", digits, p.Done, p.Items)}
	}
}

// pad right-aligns what is plain ASCII.
func pad(text string, size int) string { return fmt.Sprintf("%*s", size, text) }

// leftText is a time that is only estimated, in no more than leftColumns columns.
func leftText(d time.Duration) string {
	h := int64(d.Round(time.Minute) / time.Hour)
	switch {
	case d.Round(time.Second) < time.Hour:
		return clock(d)
	case h < 10:
		return fmt.Sprintf("%dh%02dm", h, int64(d.Round(time.Minute)/time.Minute)%60)
	case h < 100:
		return fmt.Sprintf("%dh", h)
	}
	return fmt.Sprintf("%dd", h/24)
}

// clock is a duration as m:ss or h:mm:ss.
func clock(d time.Duration) string {
	s := int64(d.Round(time.Second) / time.Second)
	if s < 3600 {
		return fmt.Sprintf("%d:%02d", s/60, s%60)
	}
	return fmt.Sprintf("%d:%02d:%02d", s/3600, s/60%60, s%60)
}
