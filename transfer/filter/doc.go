// Package filter is the rules of gitignore(5): which items of a tree are left out.
//
// It guarantees that a rule decides as git decides, by the bytes of names and with their
// case. The work for one path is at most in the order of its length times the length of
// the patterns that can match it. A tree cannot make its sender keep more than 65536
// rules at one place, nor more than 4 MiB of their text.
//
// Two things differ from git on purpose. A rule that can match nothing is a mistake
// ([Rule.Mistake]), because the items that it was to keep back would be sent. A pattern
// with a zero byte is an error.
//
// Not here: walking a tree, opening rule files, sizes and lists of paths. Package
// tree asks for rules through an interface of its own, which a List satisfies by
// tree.RulesOf.
//
// The package starts no goroutine and has no lock. A List may be used from many
// goroutines.
package filter
