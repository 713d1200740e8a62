package framing

import (
	"fmt"
	"iter"
)

// records iterates over a batch: one record after another up to the end of the
// body. A batch has at least one record, so that empty frames cannot keep a
// connection busy for nothing. After an error, which names the record by its
// place, the iteration ends.
func records[T any](d decoder, one func(*decoder) T) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		d := d // the iterator may be run more than once
		if d.err == nil && len(d.b) == 0 {
			d.fail("batch", errEmpty)
		}
		for i := 0; d.err == nil; i++ {
			v := one(&d)
			if d.err != nil {
				d.err = inRecord(d.err, i)
				break
			}
			if !yield(v, nil) || len(d.b) == 0 {
				return
			}
		}
		var zero T
		yield(zero, d.err)
	}
}

func inRecord(err error, i int) error {
	e := *err.(*Error)
	e.Err = fmt.Errorf("record %d: %w", i, e.Err)
	return &e
}
