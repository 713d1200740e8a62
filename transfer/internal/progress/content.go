package progress

import "ferry/transfer/internal/flow"

// The methods of this file change the progress, tell the new state, and count as work.

// Announced counts items that are known of from now on, and their content in bytes.
func (t *Tracker) Announced(items, content int64) {
	t.mu.Lock()
	flow.Grow(&t.progress.Items, items)
	flow.Grow(&t.progress.Total, content)
	t.progressed()
}

// Resized counts by how many bytes the content of an item is more than was announced.
func (t *Tracker) Resized(by int64) {
	t.mu.Lock()
	flow.Grow(&t.progress.Total, by)
	t.progressed()
}

// Walked notes that all items were announced. It returns their content in bytes.
func (t *Tracker) Walked() (content int64) {
	t.mu.Lock()
	t.progress.Exact = true
	content = t.progress.Total
	t.progressed()
	return content
}

// WalkedThere is Walked at the receiver. Unsent counts the items that the sender could
// not announce: they failed.
func (t *Tracker) WalkedThere(unsent int64) {
	t.mu.Lock()
	t.progress.Exact = true
	flow.Grow(&t.progress.Items, unsent)
	flow.Grow(&t.progress.Done, unsent)
	flow.Grow(&t.result.Failed, unsent)
	t.progressed()
}

// Moved counts content that is settled, and the part of it, in bytes, that crossed the
// network: zeros of a hole do not. Active is the path of its item.
func (t *Tracker) Moved(content, crossed int64, active string) {
	t.mu.Lock()
	t.moved(content, crossed, active)
	t.progressed()
}

// Streamed is Moved of an item whose size was not known before.
func (t *Tracker) Streamed(content int64, active string) {
	t.mu.Lock()
	flow.Grow(&t.progress.Total, content)
	t.moved(content, content, active)
	t.progressed()
}

// moved needs mu.
func (t *Tracker) moved(content, crossed int64, active string) {
	flow.Grow(&t.progress.Bytes, content)
	flow.Grow(&t.progress.Moved, crossed)
	flow.Grow(&t.result.Moved, crossed)
	t.progress.Active = active
}

// Kept counts content, in bytes, that is here already by what the receiver says: it is
// being checked. A negative count is of content of which nobody needs to know any more, or
// that has to move after all.
func (t *Tracker) Kept(content int64) {
	if content == 0 {
		return
	}
	t.mu.Lock()
	flow.Grow(&t.progress.Kept, content)
	t.progressed()
}

// Reused counts content, in bytes, that a partial or an older file gave: it was kept, and is
// right.
func (t *Tracker) Reused(content int64, active string) {
	t.mu.Lock()
	flow.Grow(&t.progress.Kept, -content)
	flow.Grow(&t.progress.Bytes, content)
	flow.Grow(&t.result.Reused, content)
	t.progress.Active = active
	t.progressed()
}

// Spared counts content, in bytes, that need not move: it is there, or left alone. So many
// bytes of it were counted as kept. It is told with what becomes of its item, which the
// caller says next.
func (t *Tracker) Spared(content, kept int64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	flow.Grow(&t.progress.Kept, -kept)
	flow.Grow(&t.progress.Bytes, content)
	t.Worked()
	t.snapshot()
}

// Refresh tells the progress as it is, after items were settled.
func (t *Tracker) Refresh() {
	t.mu.Lock()
	t.progressed()
}

// progressed tells the progress and counts as work. It is called with mu, which it
// gives up.
func (t *Tracker) progressed() {
	t.Worked()
	t.snapshot()
	t.mu.Unlock()
	t.teller.tell()
}

// snapshot puts the progress among what is to be told. It is called with mu.
func (t *Tracker) snapshot() {
	if t.teller.to == nil {
		return
	}
	now := t.progress
	now.Kept = max(now.Kept, 0) // what is settled may be counted off before it was counted
	t.teller.put(now)
}

// Left is how much content is still to be moved, in bytes; -1 while that is not known.
func (t *Tracker) Left() int64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.progress.Exact {
		return t.progress.Total - t.progress.Bytes
	}
	return -1
}
