// Package mirror tells a deletion what the sources of a delivery have: on this machine
// (folder), or at the other side of a link. There the receiver has an Asker, which asks by
// ASK, and the sender an Answerer, which answers by LISTING from its own folders. So one and
// the same code deletes, package dest's, wherever the sources are.
//
// Guaranteed: an Asker believes nothing about a name that cannot be one, takes no more
// than maxAnswer bytes for an answer, and keeps the last answer alone. An answer has the
// folder that was asked for, and then those that follow it in the order of a walk, up to
// answerBytes. So a deletion, which goes in that order, does not wait once a folder.
//
// Not guaranteed: that a source has at the end of an answer what it had at its beginning.
// Whoever may ask hears names that were not offered.
//
// The Answerer's goroutine is its caller's. Control of either side calls Ask or Put, which
// never wait. Their locks are held for a few lines, and under none is a link used.
package mirror
