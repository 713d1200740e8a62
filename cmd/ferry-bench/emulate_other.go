//go:build !linux

package main

import (
	"context"
	"errors"
)

func emulate(context.Context, link) (*network, error) {
	return nil, errors.New("links are emulated on Linux only")
}
