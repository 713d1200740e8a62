//go:build !linux || android

package confine

// Apply does nothing here. Android ends a process that asks for Landlock.
func Apply(Set) (Kept, error) { return Kept{}, ErrNone }
