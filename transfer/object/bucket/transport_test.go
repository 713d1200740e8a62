package bucket

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// The first request of all is not made again after its time, whatever took that.
func TestWithin(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tries := 0
		r := retrier{patience: patience, endpoint: "here"}
		err := r.within(t.Context(), openPatience, "open", "", func(context.Context, *attempt) error {
			tries++
			<-time.After(openStall)
			return io.ErrUnexpectedEOF
		})
		if err == nil || tries != 1 {
			t.Errorf("%d tries, %v", tries, err)
		}
	})
}

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
		own := &exchange{patient: 50 * time.Millisecond}
		if resp, err = (watched{next: transport}).RoundTrip(req.WithContext(withExchange(context.Background(), own))); err == nil {
			_, err = io.Copy(io.Discard, resp.Body)
			_ = resp.Body.Close()
		}
		if err == nil || !own.isStalled() {
			t.Errorf("%s, with a limit of its own: %v, stalled %v", path, err, own.isStalled())
		}
		r := retrier{endpoint: "here"}
		if kind, told, passes := r.classify(err, x); kind != Away || !passes || told.Error() != "here does not answer" {
			t.Errorf("%s: %v, %v, %v", path, kind, told, passes)
		}
	}
}
