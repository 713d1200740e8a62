package bucket

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// A request without progress is given up, before its answer and within it.
func TestStalled(t *testing.T) {
	release := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/body" {
			_, _ = io.WriteString(w, strings.Repeat("x", 10_000))
			w.(http.Flusher).Flush()
		}
		<-release
	}))
	defer server.Close()
	defer close(release)
	transport := newTransport(nil)
	defer transport.CloseIdleConnections()
	for _, path := range []string{"/", "/body"} {
		x := &exchange{}
		req, err := http.NewRequestWithContext(withExchange(context.Background(), x), http.MethodGet, server.URL+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := watched{next: transport, limit: 50 * time.Millisecond}.RoundTrip(req)
		if err == nil {
			_, err = io.Copy(io.Discard, resp.Body)
			_ = resp.Body.Close()
		}
		if err == nil || !x.isStalled() {
			t.Errorf("%s: %v, stalled %v", path, err, x.isStalled())
		}
		r := retrier{endpoint: "here"}
		if kind, told, passes := r.classify(err, x); kind != Away || !passes || told.Error() != "here does not answer" {
			t.Errorf("%s: %v, %v, %v", path, kind, told, passes)
		}
	}
}
