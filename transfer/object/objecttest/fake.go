package objecttest

import (
	"net/http/httptest"
	"testing"

	"github.com/johannesboyne/gofakes3"
	"github.com/johannesboyne/gofakes3/backend/s3mem"

	"ferry/transfer/object/bucket"
)

// Name is the bucket that each store of this package has.
const Name = "deliveries"

// Place is where the tests of one store work.
const Place = "s3://" + Name + "/in"

// Fake is a store in this process, which keeps all in memory. It ends with the test.
func Fake(t testing.TB) (place string, o bucket.Options) {
	t.Helper()
	backend := s3mem.New()
	if err := backend.CreateBucket(Name); err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(gofakes3.New(backend, gofakes3.WithoutVersioning()).Server())
	t.Cleanup(server.Close)
	return Place, Options(server.URL)
}

// Keys of the stores of this package.
const (
	accessKey = "ferry-test"
	secretKey = "not-a-secret-of-anybody"
)

// Options are those for a store of this package at url.
func Options(url string) bucket.Options {
	environment := map[string]string{
		"AWS_ACCESS_KEY_ID":     accessKey,
		"AWS_SECRET_ACCESS_KEY": secretKey,
	}
	return bucket.Options{Endpoint: url, Getenv: func(name string) string { return environment[name] }}
}
