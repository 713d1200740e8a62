// Package failure turns what went wrong into the error that the user and the other side
// are told: one code, one step and one item, each said once.
//
// Guaranteed: errors that were classified before pass unchanged, and what they wrap stays
// to be found by errors.Is and errors.As.
//
// Leave and Patient wait for the link, and so does the goroutine of a Watch, which ends when
// the Watch is stopped. There are no locks.
package failure
