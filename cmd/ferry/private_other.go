//go:build !linux

package main

// keepPrivate does nothing: other systems have no such thing, or need no asking.
func keepPrivate() {}
