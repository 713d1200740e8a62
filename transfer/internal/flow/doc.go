// Package flow has what bounds a delivery and hands its work from one goroutine to
// the next. It has queues, gauges of what may be taken, the pool of buffers and the pace
// under a limit. The limits that both sides keep to are here too.
//
// Guaranteed: a wait ends when its context does, and everything may be used by several
// goroutines at once. Not guaranteed: that a queue or the pool is bounded. Its owner
// bounds it by a gauge or by credit, and says so.
//
// No goroutine is started here. Each type has one lock of its own, which is held for no
// call to the outside.
package flow
