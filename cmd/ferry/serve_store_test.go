package main

import (
	"context"
	"strings"
	"testing"

	"ferry/transfer/send"
	"ferry/transfer/serve"
	"ferry/transfer/store"
)

// Peers are told why a server cannot serve them, and not where in which store its root is.
func TestStoreRootIsNotTold(t *testing.T) {
	env := map[string]string{"AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b", "AWS_EC2_METADATA_DISABLED": "true"}
	r := &storeRoot{place: "s3://bucket/hideout", options: store.Options{Endpoint: "http://127.0.0.1:1", Getenv: func(n string) string { return env[n] }}}
	ctx, cancel := context.WithCancel(t.Context())
	cancel() // nobody is waited for
	path := []string{"hidden", "f"}
	_, open := r.Destination(ctx, path, "")
	_, dry := r.Rehearsal(ctx, path)
	_, usage := r.Usage(ctx, path)
	for step, err := range map[string]error{
		"Check": r.Check([]string{"hidden", "\x01"}), "Check of a long one": r.Check([]string{strings.Repeat("a", 600)}),
		"Destination": open, "Rehearsal": dry, "Usage": usage,
		"Sources": r.Sources(ctx, []serve.Wish{{Asked: "f", Path: path}}, &send.Options{}),
	} {
		if err == nil || strings.Contains(err.Error(), "hid") {
			t.Errorf("%s: %v", step, err)
		}
	}
	if err := r.Check(path); err != nil {
		t.Error(err)
	}
}
