package main

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/johannesboyne/gofakes3"
	"github.com/johannesboyne/gofakes3/backend/s3mem"

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

// However much one peer wishes for, it is one question, and the connections of one.
func TestManyWishesOfAStore(t *testing.T) {
	backend := s3mem.New()
	if err := backend.CreateBucket(scriptBucket); err != nil {
		t.Fatal(err)
	}
	next := gofakes3.New(backend, gofakes3.WithoutVersioning()).Server()
	var asked atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		next.ServeHTTP(w, r)
	}))
	defer server.Close()
	env := map[string]string{"AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b", "AWS_REGION": "us-east-1", "AWS_EC2_METADATA_DISABLED": "true"}
	r := &storeRoot{place: "s3://" + scriptBucket + "/root", options: store.Options{Endpoint: server.URL, Getenv: func(n string) string { return env[n] }}}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	wishes := make([]serve.Wish, 500)
	for i := range wishes {
		name := fmt.Sprint("f", i)
		wishes[i] = serve.Wish{Asked: name, Path: []string{"a", name}}
	}
	var o send.Options
	if err := r.Sources(ctx, wishes, &o); err != nil {
		t.Fatal(err)
	}
	if n := asked.Load(); n > 2 {
		t.Errorf("%d requests for %d wishes", n, len(wishes))
	}
	for i, s := range o.Sources {
		if s.Path != wishes[i].Asked || s.Name != wishes[i].Asked || s.Contents {
			t.Fatalf("%+v for %+v", s.Source, wishes[i])
		}
	}
}
