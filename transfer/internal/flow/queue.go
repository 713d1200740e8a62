package flow

import (
	"context"
	"sync"
)

// Queue is an unbounded first-in-first-out hand-over between goroutines, for
// places where the producer must not wait because it also reads what frees the
// consumer. Who uses one states what bounds it.
type Queue[T any] struct {
	mu     sync.Mutex
	items  []T
	head   int
	closed bool
	wake   chan struct{} // capacity 1: a put never waits, a take may find nothing
}

// NewQueue returns an empty queue.
func NewQueue[T any]() *Queue[T] {
	return &Queue[T]{wake: make(chan struct{}, 1)}
}

// Put adds items at the end. It never waits.
func (q *Queue[T]) Put(items ...T) {
	q.mu.Lock()
	if q.head >= len(q.items)/2 && len(q.items)+len(items) > cap(q.items) {
		q.slide() // there is room in front
	}
	q.items = append(q.items, items...)
	q.mu.Unlock()
	q.signal()
}

// slide moves the items to the front. It needs mu.
func (q *Queue[T]) slide() {
	n := copy(q.items, q.items[q.head:])
	clear(q.items[n:])
	q.items, q.head = q.items[:n], 0
}

// Close lets takes return ok == false once the queue is empty.
func (q *Queue[T]) Close() {
	q.mu.Lock()
	q.closed = true
	q.mu.Unlock()
	q.signal()
}

// Woken tells a goroutine that takes by try, and waits for something else besides,
// that it should try again. It may find nothing.
func (q *Queue[T]) Woken() <-chan struct{} { return q.wake }

func (q *Queue[T]) signal() {
	select {
	case q.wake <- struct{}{}:
	default:
	}
}

func (q *Queue[T]) len() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(q.items) - q.head
}

// Try takes an item if there is one. done says that none will ever come.
func (q *Queue[T]) Try() (item T, ok, done bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.head == len(q.items) {
		return item, false, q.closed
	}
	item = q.items[q.head]
	var zero T
	q.items[q.head] = zero
	q.head++
	if q.head == len(q.items) {
		q.items, q.head = q.items[:0], 0
	} else if q.head >= 1024 && q.head*2 >= len(q.items) {
		q.slide()
	}
	return item, true, false
}

// Take waits for an item. It returns ok == false after close, and the error of
// a context that ended.
func (q *Queue[T]) Take(ctx context.Context) (item T, ok bool, err error) {
	for {
		item, ok, done := q.Try()
		if ok {
			if q.len() > 0 {
				q.signal() // another consumer may sleep on the wake we took
			}
			return item, true, nil
		}
		if done {
			q.signal()
			return item, false, nil
		}
		select {
		case <-q.wake:
		case <-ctx.Done():
			return item, false, context.Cause(ctx)
		}
	}
}
