package relay

import (
	"context"

	"golang.org/x/time/rate"
)

const (
	stepFree  = 8 << 20 // bytes that are carried without looking up, where no rate holds
	stepLeast = 4 << 10 // and where one holds, between these
	stepMost  = 256 << 10
	stepsOf   = 64 // a second, as long as that is between them
)

// limiterOf allows n bytes a second; nil: any number.
func limiterOf(n int64) *rate.Limiter {
	if n <= 0 {
		return nil
	}
	// What a late timer has missed may be made up for within an eighth of a second.
	return rate.NewLimiter(rate.Limit(n), max(stepOf(n), int(min(n/8, 1<<30))))
}

func stepOf(n int64) int { return int(min(max(n/stepsOf, stepLeast), stepMost)) }

// pace is one direction's share of the rates. It is paid for before the bytes come, and
// what was paid for is not lost: so little that comes now and then waits rarely, however
// much the others carry.
type pace struct {
	limiters []*rate.Limiter // without nil
	next     int             // that is paid for next; it grows to most, so that an idle direction holds little
	most     int
	credit   int
}

func newPace(limiters ...*rate.Limiter) *pace {
	p := &pace{next: stepLeast, most: stepFree}
	for _, l := range limiters {
		if l != nil {
			p.limiters = append(p.limiters, l)
			p.most = min(p.most, stepOf(int64(l.Limit())))
		}
	}
	return p
}

// wait returns how many bytes may be carried now, at least one.
func (p *pace) wait(ctx context.Context) (int, error) {
	if len(p.limiters) == 0 {
		return p.most, nil
	}
	if p.credit == 0 {
		for _, l := range p.limiters {
			if err := l.WaitN(ctx, p.next); err != nil {
				return 0, err
			}
		}
		p.credit, p.next = p.next, min(2*p.next, p.most)
	}
	return p.credit, nil
}

// carried takes n bytes off what may be carried.
func (p *pace) carried(n int64) {
	if len(p.limiters) > 0 {
		p.credit -= int(n)
	}
}
