package objecttest

import (
	"bytes"
	"encoding/xml"
	"html"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/johannesboyne/gofakes3"
	"github.com/johannesboyne/gofakes3/backend/s3mem"

	"ferry/transfer/object/bucket"
)

// Name is the bucket that each store of this package has.
const Name = "deliveries"

// Place is where the tests of one store work.
const Place = "s3://" + Name + "/in"

// Fake is a store in this process, gofakes3, which keeps all in memory. It ends with the test.
//
// It checks a Content-MD5, and knows no other checksum. It takes any signature, so that a
// request without a body may be changed on its way. What it lacks beside a real one is added
// here: the conditions of a completion, a look at its list of parts, and the ETag "-N" of an
// object that was made of parts.
func Fake(t testing.TB) (place string, o bucket.Options) {
	t.Helper()
	backend := s3mem.New()
	if err := backend.CreateBucket(Name); err != nil {
		t.Fatal(err)
	}
	next := gofakes3.New(backend, gofakes3.WithoutVersioning()).Server()
	server := httptest.NewServer(&fake{next: next, composite: make(map[string]etags)})
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
		"AWS_ACCESS_KEY_ID":         accessKey,
		"AWS_SECRET_ACCESS_KEY":     secretKey,
		"AWS_EC2_METADATA_DISABLED": "true",
	}
	return bucket.Options{Endpoint: url, Getenv: func(name string) string { return environment[name] }}
}

// etags are the two of an object that was made of parts: what gofakes3 says later on, and what
// it said at completion, as S3 always does.
type etags struct{ later, right string }

// fake stands before gofakes3. writes is held for reading by a write, and for writing by a
// completion, whose condition and deed are one. mu guards composite, by path.
type fake struct {
	next      http.Handler
	writes    sync.RWMutex
	mu        sync.Mutex
	composite map[string]etags
}

func (f *fake) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	path := r.URL.Path
	if e, ok := f.of(path); ok && strings.Trim(r.Header.Get("If-Match"), `"`) == e.right {
		r.Header.Set("If-Match", `"`+e.later+`"`)
	}
	query := r.URL.Query()
	switch {
	case r.Method == http.MethodPost && query.Has("uploadId"):
		f.complete(w, r)
	case r.Method == http.MethodPut && !query.Has("uploadId"):
		f.writes.RLock()
		defer f.writes.RUnlock()
		f.mu.Lock()
		delete(f.composite, path)
		f.mu.Unlock()
		f.next.ServeHTTP(w, r)
	case r.Method == http.MethodGet && strings.Count(strings.Trim(path, "/"), "/") == 0:
		f.list(w, r)
	default:
		right := &rightETag{ResponseWriter: w, fake: f, path: path}
		f.next.ServeHTTP(right, r)
		right.correct()
	}
}

func (f *fake) of(path string) (etags, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	e, ok := f.composite[path]
	return e, ok
}

// head asks for the ETag at a path; it is empty if nothing stands there.
func (f *fake) head(r *http.Request) string {
	h, err := http.NewRequestWithContext(r.Context(), http.MethodHead, r.URL.Path, nil)
	if err != nil {
		return ""
	}
	h.URL.RawPath = r.URL.EscapedPath()
	answer := httptest.NewRecorder()
	f.next.ServeHTTP(answer, h)
	if answer.Code != http.StatusOK {
		return ""
	}
	return strings.Trim(answer.Header().Get("ETag"), `"`)
}

// complete adds conditions.
func (f *fake) complete(w http.ResponseWriter, r *http.Request) {
	// gofakes3 makes an empty object of a list of parts that it cannot read.
	sent, err := io.ReadAll(io.LimitReader(r.Body, 1<<20))
	var list struct {
		XMLName xml.Name `xml:"CompleteMultipartUpload"`
	}
	if err != nil || xml.Unmarshal(sent, &list) != nil {
		refuse(w, http.StatusBadRequest, "MalformedXML")
		return
	}
	r.Body = io.NopCloser(bytes.NewReader(sent))
	f.writes.Lock()
	defer f.writes.Unlock()
	there := f.head(r)
	want := strings.Trim(r.Header.Get("If-Match"), `"`)
	if r.Header.Get("If-None-Match") == "*" && there != "" || want != "" && there != want {
		refuse(w, http.StatusPreconditionFailed, "PreconditionFailed")
		return
	}
	answer := httptest.NewRecorder()
	f.next.ServeHTTP(answer, r)
	var told struct{ ETag string }
	if answer.Code == http.StatusOK && xml.Unmarshal(answer.Body.Bytes(), &told) == nil && told.ETag != "" {
		f.mu.Lock()
		f.composite[r.URL.Path] = etags{later: f.head(r), right: strings.Trim(told.ETag, `"`)}
		f.mu.Unlock()
	}
	pass(w, answer, answer.Body.Bytes())
}

func refuse(w http.ResponseWriter, status int, code string) {
	w.WriteHeader(status)
	_, _ = io.WriteString(w, "<Error><Code>"+code+"</Code><Message>The store refuses it.</Message></Error>") // who asked may be gone
}

func pass(w http.ResponseWriter, answer *httptest.ResponseRecorder, body []byte) {
	for k, v := range answer.Header() {
		w.Header()[k] = v
	}
	w.WriteHeader(answer.Code)
	_, _ = w.Write(body) // who asked may be gone
}

var (
	contents = regexp.MustCompile(`(?s)<Contents>.*?</Contents>`)
	keyOf    = regexp.MustCompile(`(?s)<Key>(.*?)</Key>`)
)

// list puts the right ETags into a list.
func (f *fake) list(w http.ResponseWriter, r *http.Request) {
	answer := httptest.NewRecorder()
	f.next.ServeHTTP(answer, r)
	f.mu.Lock()
	plain := len(f.composite) == 0
	f.mu.Unlock()
	if plain {
		pass(w, answer, answer.Body.Bytes())
		return
	}
	body := contents.ReplaceAllFunc(answer.Body.Bytes(), func(entry []byte) []byte {
		m := keyOf.FindSubmatch(entry)
		if m == nil {
			return entry
		}
		key := html.UnescapeString(string(m[1]))
		if plain, err := url.QueryUnescape(key); err == nil && r.URL.Query().Get("encoding-type") == "url" {
			key = plain
		}
		e, ok := f.of("/" + strings.Trim(r.URL.Path, "/") + "/" + key)
		if !ok {
			return entry
		}
		return bytes.Replace(entry, []byte(e.later), []byte(e.right), 1)
	})
	answer.Header().Del("Content-Length")
	pass(w, answer, body)
}

// rightETag puts the right ETag into the header of an answer.
type rightETag struct {
	http.ResponseWriter
	fake *fake
	path string
	done bool // the header is written
}

func (w *rightETag) WriteHeader(status int) {
	if !w.done { // gofakes3 writes some twice
		w.correct()
		w.ResponseWriter.WriteHeader(status)
	}
}

func (w *rightETag) Write(p []byte) (int, error) {
	w.correct()
	return w.ResponseWriter.Write(p)
}

func (w *rightETag) correct() {
	if w.done {
		return
	}
	w.done = true
	if e, ok := w.fake.of(w.path); ok && strings.Trim(w.Header().Get("ETag"), `"`) == e.later {
		w.Header().Set("ETag", `"`+e.right+`"`)
	}
}
