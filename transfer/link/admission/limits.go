package admission

import (
	"time"

	"ferry/framing"
)

// Limits on the time of a connection that has not proved itself. All of them count from
// when it was accepted, so that no trickle of bytes stretches them.
const (
	FirstByteLimit = 2 * time.Second
	TLSLimit       = 5 * time.Second
	TurnLimit      = 15 * time.Second // to wait for a turn, which leaves time for the proof
	ProofLimit     = 20 * time.Second
)

// Limits on the number of connections that have not proved themselves.
const (
	maxPending   = 128 // that are shaking hands, in all
	maxPerSource = 16  // of them, what one source keeps when others come
	maxWaiting   = 384 // that are silent or wait for their turn, about 10 KiB each
	maxSpared    = 8   // in all, once file descriptors have run out and a link is proven
)

// answerPace is the time from one wrong answer to the next that is looked at.
const answerPace = time.Second

// Allowance is what a code bears.
type Allowance struct {
	Total int           // wrong answers that burn it; 0: any number
	pace  time.Duration // between two wrong answers; 0: none
}

// Bounded is the allowance of a code that so many wrong answers burn, one a second.
func Bounded(total int) Allowance { return Allowance{Total: total, pace: answerPace} }

// Refusal says why a connection may not go on. Code is what the other side is told:
// CodeBusy or CodeCodeRefused.
type Refusal struct {
	Code framing.Code
	Err  error
}

func (r *Refusal) Error() string { return r.Err.Error() }
func (r *Refusal) Unwrap() error { return r.Err }
