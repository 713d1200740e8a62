package main

import (
	"bytes"
	"fmt"
	"image/color"
	"os"
	"slices"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/font"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgsvg"
)

// Sizes of the chart.
const (
	chartWidth  = 18 * vg.Centimeter
	chartBar    = 0.65 * vg.Centimeter // one tool, with the space around its bar
	chartFrame  = 1.9 * vg.Centimeter  // title and axis of one workload
	chartGap    = 0.4 * vg.Centimeter  // below it
	chartMargin = 0.2 * vg.Centimeter
	chartText   = 9 // points
	// chartRoom is the share of the axis that is left for the words behind the longest bar.
	chartRoom = 0.35
)

// draw writes a chart of the medians to a file, one panel below another: a bar a tool,
// the fastest first. Workloads in which nothing succeeded are left out.
//
//  1. Each result gives a panel of its own scale, since seconds of different workloads say
//     nothing beside each other.
//  2. The panels share the canvas by the number of their bars.
//  3. The canvas is written as SVG.
func (r *report) draw(path string) error {
	var panels []*plot.Plot
	var heights []vg.Length
	total := 2 * chartMargin
	for i, res := range r.Results {
		tools := slices.DeleteFunc(slices.Clone(res.Tools), func(t *row) bool { return t.Error != "" || len(t.Rounds) == 0 })
		if len(tools) == 0 {
			continue
		}
		p, err := res.panel(tools)
		if err != nil {
			return err
		}
		if i == len(r.Results)-1 {
			p.X.Label.Text = "seconds, median; " + r.Host
		}
		h := chartFrame + vg.Length(len(tools))*chartBar
		panels, heights, total = append(panels, p), append(heights, h), total+h+chartGap
	}
	if len(panels) == 0 {
		return nil // the tables say why
	}
	canvas := vgsvg.New(chartWidth, total)
	canvas.SetColor(color.White) // what shows it may be dark
	canvas.Fill(vg.Rectangle{Max: vg.Point{X: chartWidth, Y: total}}.Path())
	top := total - chartMargin
	for i, p := range panels {
		c := draw.New(canvas)
		c.Rectangle = vg.Rectangle{
			Min: vg.Point{X: chartMargin, Y: top - heights[i]},
			Max: vg.Point{X: chartWidth - chartMargin, Y: top},
		}
		top -= heights[i] + chartGap
		p.Draw(c)
	}
	var text bytes.Buffer
	if _, err := canvas.WriteTo(&text); err != nil {
		return err
	}
	// Others have the widths of Liberation under another name.
	svg := bytes.ReplaceAll(text.Bytes(), []byte("font-family:Liberation Sans;"), []byte("font-family:Liberation Sans,Arial,Helvetica,sans-serif;"))
	return os.WriteFile(path, svg, 0o666)
}

// panel draws one result. The last bar of the list stands at the top.
func (r *result) panel(tools []*row) (*plot.Plot, error) {
	middle := func(t *row) float64 { return median(t.all(func(s sample) float64 { return s.Seconds })) }
	slices.SortStableFunc(tools, func(a, b *row) int {
		if middle(a) > middle(b) {
			return -1
		}
		return 1
	})
	base := r.reference()
	own, others := make(plotter.Values, len(tools)), make(plotter.Values, len(tools))
	names := make([]string, len(tools))
	words := plotter.XYLabels{XYs: make(plotter.XYs, len(tools)), Labels: make([]string, len(tools))}
	longest := 0.0
	for i, t := range tools {
		seconds := middle(t)
		longest = max(longest, seconds)
		names[i] = t.Tool
		words.XYs[i] = plotter.XY{X: seconds, Y: float64(i)}
		words.Labels[i] = fmt.Sprintf(" %.2f s", seconds)
		if base != nil && base != t {
			words.Labels[i] += fmt.Sprintf("; %s takes %.2f of it", base.Tool, ratio(base.Rounds, t.Rounds))
		}
		if ours(t.Tool) {
			own[i] = seconds
		} else {
			others[i] = seconds
		}
	}
	p := plot.New()
	p.Title.Text = r.Title + ", over " + r.Link
	for _, style := range []*font.Font{&p.Title.TextStyle.Font, &p.X.Tick.Label.Font, &p.Y.Tick.Label.Font, &p.X.Label.TextStyle.Font} {
		style.Typeface, style.Variant, style.Size = "Liberation", "Sans", chartText
	}
	p.Title.TextStyle.Font.Size = chartText + 2
	p.Title.Padding = chartMargin
	for _, bars := range []struct {
		values plotter.Values
		ink    color.Color
	}{{own, color.RGBA{0x1b, 0x6c, 0xa8, 0xff}}, {others, color.Gray{0xbc}}} { // differ for those who see few colours too
		b, err := plotter.NewBarChart(bars.values, chartBar*2/3)
		if err != nil {
			return nil, err
		}
		b.Horizontal, b.Color, b.LineStyle.Width = true, bars.ink, 0
		p.Add(b)
	}
	l, err := plotter.NewLabels(words)
	if err != nil {
		return nil, err
	}
	for i := range l.TextStyle {
		l.TextStyle[i].Font.Typeface, l.TextStyle[i].Font.Variant, l.TextStyle[i].Font.Size = "Liberation", "Sans", chartText
		l.TextStyle[i].YAlign = draw.YCenter
	}
	p.Add(l)
	p.NominalY(names...)
	p.X.Min, p.X.Max = 0, longest/(1-chartRoom)
	return p, nil
}
