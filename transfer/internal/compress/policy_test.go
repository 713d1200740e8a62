package compress

import (
	"testing"
	"time"
)

// model is a delivery in numbers: what its line, its content and its processors
// can do, in bytes a second.
type model struct {
	line   float64 // of the wire
	speed  float64 // of one compressor; two work at once
	decode float64 // of content at the other side, if compressed; 0: no matter
	ratio  float64 // of compressed to plain
}

const megabyte = 1e6

func (m model) chunk(p *policy) (compressed, sampled bool) {
	const size = 1 << 20
	epoch := p.epoch
	if p.next() {
		sampled = true
		n := sampleBytes
		for {
			took := time.Duration(float64(n) / m.speed * 1e9)
			compressed = p.sampled(n, int(float64(n)*m.ratio), took)
			epoch = p.epoch
			if !compressed || n == size {
				break
			}
			n = size
		}
	}
	s := stretch{content: size, wire: size}
	var ready float64 // seconds until the next chunk is
	if compressed {
		s.wire = int64(size * m.ratio)
		ready = size / m.speed / 2
	}
	busy := float64(s.wire) / m.line
	if compressed && m.decode > 0 {
		busy = max(busy, size/m.decode)
	}
	s.busy = time.Duration(busy * 1e9)
	s.idle = time.Duration(max(0, ready-busy) * 1e9)
	p.sent(epoch, s)
	return compressed, sampled
}

// run sends chunks and returns what part of them was compressed.
func (m model) run(p *policy, chunks int) (compressed, sampled float64) {
	for range chunks {
		c, s := m.chunk(p)
		if c {
			compressed++
		}
		if s {
			sampled++
		}
	}
	return compressed / float64(chunks), sampled / float64(chunks)
}

func TestPolicyFollowsTheLine(t *testing.T) {
	text := model{speed: 400 * megabyte, ratio: 0.3}
	on := func(line float64) model { m := text; m.line = line * megabyte; return m }
	slowPeer := on(150)
	slowPeer.decode = 120 * megabyte
	empty := on(118)
	empty.ratio = 0.01
	noise := on(6)
	noise.ratio = 1
	for _, c := range []struct {
		name        string
		model       model
		local       bool
		chunks      int
		least, most float64 // of the chunks that are compressed
	}{
		{"50 Mbit/s", on(6), false, 20, 1, 1},
		{"50 Mbit/s, thought to be local", on(6), true, 100, 0.9, 1},
		{"1 Gbit/s", on(118), false, 400, 0.9, 1},
		{"1 Gbit/s, and far fewer bytes than it could take", empty, false, 2000, 0.75, 1},
		{"10 Gbit/s", on(1200), false, 2000, 0, 0.01},
		{"10 Gbit/s, the beginning: one stretch, and none after it", on(1200), false, 40, 0, 0.3},
		{"memory", on(700), true, 2000, 0, 0},
		{"a line for which the compressor is just not fast enough", on(210), false, 2000, 0, 0.02},
		{"memory, at a busy moment", on(60), true, 2000, 0, 0},
		{"a peer that decodes slower than it takes plain bytes", slowPeer, false, 2000, 0, 0.1},
		{"nothing shrinks", noise, false, 200, 0, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := newPolicy(false, c.local, 1)
			got, _ := c.model.run(&p, c.chunks)
			if got < c.least || got > c.most {
				t.Errorf("%.3f of %d chunks compressed, want %.3f to %.3f", got, c.chunks, c.least, c.most)
			}
		})
	}
}

func TestPolicySamplesLittleInVain(t *testing.T) {
	noise := model{line: 700 * megabyte, speed: 4000 * megabyte, ratio: 1}
	for _, local := range []bool{false, true} {
		p := newPolicy(false, local, 1)
		noise.run(&p, 100)
		if _, sampled := noise.run(&p, 1700); sampled > 1.01/(maxPause+1) {
			t.Errorf("line thought to be local %v: %.3f of the chunks sampled", local, sampled)
		}
	}
	text := model{line: 700 * megabyte, speed: 400 * megabyte, ratio: 0.3}
	p := newPolicy(false, true, 1)
	if _, sampled := text.run(&p, 3300); sampled > 1.1/(samplePause+1) {
		t.Errorf("a line that is too fast: %.3f of the chunks sampled", sampled)
	}
}

func TestPolicyFollowsChanges(t *testing.T) {
	slow := model{line: 6 * megabyte, speed: 400 * megabyte, ratio: 0.3}
	quick := model{line: 1200 * megabyte, speed: 400 * megabyte, ratio: 0.3}
	noise := model{line: 6 * megabyte, speed: 4000 * megabyte, ratio: 1}
	for _, c := range []struct {
		name          string
		before, after model
		within        int // chunks after the change
		least, most   float64
	}{
		{"the line becomes slow", quick, slow, 64, 0.99, 1},
		{"the line becomes fast", slow, quick, 300, 0, 0.02},
		{"content that shrinks comes", noise, slow, 20, 0.99, 1},
		{"content that does not comes", slow, noise, 1, 0, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := newPolicy(false, false, 1)
			c.before.run(&p, 1000)
			c.after.run(&p, c.within)
			if got, _ := c.after.run(&p, 1000); got < c.least || got > c.most {
				t.Errorf("%.3f of the chunks compressed, want %.3f to %.3f", got, c.least, c.most)
			}
		})
	}
}

func TestPolicyCountsAllStreams(t *testing.T) {
	// Four streams have 100 MB/s each: together they outrun the compressor.
	m := model{line: 100 * megabyte, speed: 400 * megabyte, ratio: 0.3}
	p := newPolicy(false, false, 4)
	if got, _ := m.run(&p, 1000); got > 0.02 {
		t.Errorf("%.3f of the chunks compressed", got)
	}
	p = newPolicy(false, false, 1)
	if got, _ := m.run(&p, 1000); got < 0.9 {
		t.Errorf("one stream alone: %.3f of the chunks compressed", got)
	}
}

func TestPolicyAlwaysAsksNoLine(t *testing.T) {
	p := newPolicy(true, true, 1)
	m := model{line: 5000 * megabyte, speed: 100 * megabyte, ratio: 0.9}
	if got, _ := m.run(&p, 1000); got != 1 {
		t.Errorf("%.3f of the chunks compressed", got)
	}
	m.ratio = 0.95
	if got, _ := m.run(&p, 1000); got != 0 {
		t.Errorf("%.3f of chunks that do not shrink compressed", got)
	}
}

// No time at all, as a coarse clock may say, and no bytes decide nothing absurd.
func TestPolicyTakesOddNumbers(t *testing.T) {
	p := newPolicy(false, false, 1)
	for range 100 {
		p.next()
		p.sampled(sampleBytes, 1, 0)
		p.sent(p.epoch, stretch{content: 1 << 20, wire: 0, busy: 0, idle: 0})
		p.sent(p.epoch-1, stretch{content: 1 << 40, wire: 1 << 40, busy: 1})
	}
	if p.line < 0 || p.speed < 0 || p.hold > maxHold || p.patience > maxHold {
		t.Errorf("%+v", p)
	}
}
