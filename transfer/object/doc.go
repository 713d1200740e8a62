// Package object is a prefix of a bucket in an S3-compatible store, as the place where a
// delivery lands or from which one is sent.
package object
