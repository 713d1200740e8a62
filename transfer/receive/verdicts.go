package receive

import (
	"sync"

	"ferry/framing"
	"ferry/transfer/internal/failure"
	"ferry/transfer/internal/progress"
)

// verdicts are the records by which the sender is told what became of its entries: DONE
// and WARN, which are gathered, and FAULT. They leave in the order in which they were
// given. All goroutines use it.
type verdicts struct {
	control framing.Stream // stream 0
	track   *progress.Tracker

	sending sync.Mutex // held while records are taken and written; before mu

	mu       sync.Mutex
	done     []byte // DONE records that were not sent yet
	warnings []byte // WARN records likewise
}

// settled adds a DONE record. full says that it is time to flush.
func (v *verdicts) settled(d framing.Done) (full bool) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.done = d.Append(v.done)
	return max(len(v.done), len(v.warnings)) >= verdictBatch
}

// warn adds a WARN record. It leaves before the DONE records that are added later, while
// the sender still knows the entry.
func (v *verdicts) warn(w framing.Warn) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.warnings = w.Append(v.warnings)
}

// flush sends what was gathered.
func (v *verdicts) flush() error {
	v.sending.Lock()
	defer v.sending.Unlock()
	return v.send()
}

// fault sends FAULT, and before it what was gathered.
func (v *verdicts) fault(f framing.Fault) error {
	v.sending.Lock()
	defer v.sending.Unlock()
	if err := v.send(); err != nil {
		return err
	}
	return failure.Link("reporting a failed item", v.control.Send(true, framing.TypeFault, f.Append(nil)))
}

// send writes what was gathered. A remark on an entry leaves before its verdict, so remarks
// are taken last and sent first. Callers hold sending.
func (v *verdicts) send() error {
	v.mu.Lock()
	done, warnings := v.done, v.warnings
	v.done, v.warnings = nil, nil
	v.mu.Unlock()
	if err := v.track.SendRemarks(v.control); err != nil {
		return err
	}
	if len(warnings) > 0 {
		if err := v.control.Send(len(done) == 0, framing.TypeWarn, warnings); err != nil {
			return failure.Link("reporting lost metadata", err)
		}
	}
	if len(done) == 0 {
		return nil
	}
	return failure.Link("reporting items", v.control.Send(true, framing.TypeDone, done))
}
