//go:build !race

package objecttest

const raced = false
