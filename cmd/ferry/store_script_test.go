package main

import (
	"context"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/johannesboyne/gofakes3"
	"github.com/johannesboyne/gofakes3/backend/s3mem"
	"github.com/rogpeppe/go-internal/testscript"

	"ferry/transfer/object/bucket"
)

// scriptBucket is the one that each store of a script has.
const scriptBucket = "bucket"

// startStore starts a store in memory, and has the environment lead to it. With the argument
// denies it takes no credentials, and with slow it asks at first to slow down. It ends with the
// script.
func startStore(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) > 1 {
		ts.Fatalf("usage: store [denies|slow]")
	}
	backend := s3mem.New()
	ts.Check(backend.CreateBucket(scriptBucket))
	handler := gofakes3.New(backend, gofakes3.WithoutVersioning()).Server()
	if len(args) == 1 {
		handler = troubled(args[0], handler)
	}
	server := httptest.NewServer(handler)
	ts.Defer(server.Close)
	for name, value := range map[string]string{
		"AWS_ENDPOINT_URL_S3": server.URL, "AWS_ACCESS_KEY_ID": "script", "AWS_SECRET_ACCESS_KEY": "no-secret", "AWS_REGION": "us-east-1",
		"AWS_EC2_METADATA_DISABLED": "true", "STORE": server.URL,
	} {
		ts.Setenv(name, value)
	}
}

// slowTimes is how many requests a slow store refuses, once the first was answered.
const slowTimes = 6

func troubled(how string, next http.Handler) http.Handler {
	var asked atomic.Int64
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		status, code := http.StatusForbidden, "InvalidAccessKeyId"
		if how == "slow" {
			if n := asked.Add(1); n == 1 || n > slowTimes+1 {
				next.ServeHTTP(w, r)
				return
			}
			status, code = http.StatusServiceUnavailable, "SlowDown"
		}
		_, _ = io.Copy(io.Discard, r.Body)
		w.Header().Set("Content-Type", "application/xml")
		w.WriteHeader(status)
		fmt.Fprintf(w, `<?xml version="1.0" encoding="UTF-8"?><Error><Code>%s</Code><Message>no</Message></Error>`, code)
	})
}

// listObjects prints a line for each object below a place: its key, its size, and the user
// metadata that it has. "!" before it expects that there is none.
func listObjects(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) != 1 {
		ts.Fatalf("usage: objects s3://BUCKET/PREFIX")
	}
	ctx, out := context.Background(), ts.Stdout()
	b, err := bucket.Open(ctx, args[0], bucket.Options{Getenv: ts.Getenv})
	ts.Check(err)
	defer b.Close()
	n := 0
	for o, err := range b.List(ctx, "", true) {
		ts.Check(err)
		n++
		whole, err := b.Head(ctx, o.Key)
		ts.Check(err)
		line := []string{whole.Key, fmt.Sprint(whole.Size)}
		for _, name := range slices.Sorted(maps.Keys(whole.Meta)) {
			line = append(line, name+"="+whole.Meta[name])
		}
		fmt.Fprintln(out, strings.Join(line, " "))
	}
	for u, err := range b.Uploads(ctx, "") {
		ts.Check(err)
		n++
		fmt.Fprintln(out, "upload", u.Key, u.Begun.Format(time.DateOnly))
	}
	if neg && n > 0 {
		ts.Fatalf("there are %d objects and uploads", n)
	}
}
