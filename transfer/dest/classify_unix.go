//go:build !windows

package dest

// Causes that only Windows has numbers for.
var fullErrors, readOnlyErrors []error
