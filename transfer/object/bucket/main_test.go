package bucket_test

import (
	"bytes"
	"context"
	"encoding/pem"
	"errors"
	"flag"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"testing"
	"time"

	"go.uber.org/goleak"

	"ferry/transfer/object/bucket"
	"ferry/transfer/object/objecttest"
)

// TestMain makes the certificate of servers of tests one that the system trusts, where the
// system's are named by the environment.
func TestMain(m *testing.M) {
	// Those that run at a time mostly wait for what is tried again. A number at the command line
	// holds.
	if err := flag.Set("test.parallel", strconv.Itoa(4*runtime.GOMAXPROCS(0))); err != nil {
		panic(err)
	}
	server := httptest.NewTLSServer(http.NotFoundHandler())
	certificate := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	server.Close()
	folder, err := os.MkdirTemp("", "ferry-bucket")
	if err != nil {
		panic(err)
	}
	file := filepath.Join(folder, "roots.pem")
	if err := errors.Join(os.WriteFile(file, certificate, 0o600), os.Setenv("SSL_CERT_FILE", file)); err != nil {
		panic(err)
	}
	goleak.VerifyTestMain(m, goleak.Cleanup(func(code int) {
		_ = os.RemoveAll(folder) // it is of no use to anybody
		os.Exit(code)
	}))
}

// Over TLS the body is not signed, and its checksums are compared all the same.
func TestTLS(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("this system's trusted certificates are not named by the environment")
	}
	for name, start := range stores {
		t.Run(name, func(t *testing.T) {
			place, o := start(t)
			p := objecttest.Faulty(t, o)
			var payload []string
			server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				payload = append(payload, r.Header.Get("X-Amz-Content-Sha256"))
				p.ServeHTTP(w, r)
			}))
			defer server.Close()
			o.Endpoint, o.Patience = server.URL, impatient
			b, err := bucket.Open(context.Background(), place, o)
			if err != nil {
				t.Fatal(err)
			}
			defer b.Close()
			body := content(1, 100_000)
			put(t, b, "k", body, nil)
			if last := payload[len(payload)-1]; last != "UNSIGNED-PAYLOAD" {
				t.Errorf("the payload was hashed again: %s", last)
			}
			if got := get(t, b, "k", 0, -1, ""); !bytes.Equal(got, body) {
				t.Error("another content stands there")
			}
			for _, fault := range []objecttest.Fault{objecttest.Spoil, objecttest.LieETag} {
				p.Set(objecttest.Rule{Op: "put", Fault: fault})
				_, err = b.Put(context.Background(), "k", body, nil, bucket.Condition{})
				wantKind(t, err, bucket.Mismatch)
			}
		})
	}
}

// Who ends the context ends the operation, also within a pause.
func TestCancelled(t *testing.T) {
	_, o := objecttest.Fake(t)
	p := objecttest.Faulty(t, o)
	ctx, cancel := context.WithCancelCause(context.Background())
	enough := errors.New("enough")
	through := p.Options()
	through.Waiting = func(error, time.Duration) { cancel(enough) }
	b := open(t, objecttest.Place, through)
	p.Set(objecttest.Rule{Op: "put", Fault: objecttest.Status, N: 503})
	_, err := b.Put(ctx, "k", nil, nil, bucket.Condition{})
	if wantKind(t, err, bucket.Other); !errors.Is(err, enough) {
		t.Errorf("%v is not what the context ended with", err)
	}
}
