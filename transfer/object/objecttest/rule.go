package objecttest

import (
	"fmt"
	"net/http"
	"time"
)

// Fault is what a proxy does to a request or its answer.
type Fault uint8

// The faults. N is of a Rule.
const (
	Pass        Fault = iota
	Refuse            // the connection ends before anything is passed on
	CutRequest        // both connections end after N bytes of the request's body
	LoseAnswer        // the request is carried out, and the connection ends before its answer
	CutAnswer         // the connection ends after N bytes of the answer's body
	Truncate          // the answer is N bytes shorter, and says so
	Hold              // the answer is held back for Delay
	Status            // N is the status of an answer instead; nothing is passed on
	StatusAfter       // the request is carried out, and N is the status of the answer
	LieETag           // the answer has another ETag, in the header and the body
	LieSum            // the answer has another checksum, if it has one
	LieSize           // the answer tells one byte more in Content-Length of a HEAD
	Spoil             // a byte of the request's body is another
)

var faultNames = [...]string{"pass", "refuse", "cut request", "lose answer", "cut answer", "truncate", "hold", "status", "status after", "lie etag", "lie sum", "lie size", "spoil"}

func (f Fault) String() string {
	if int(f) < len(faultNames) {
		return faultNames[f]
	}
	return fmt.Sprintf("fault %d", uint8(f))
}

// Rule says which requests have which fault. The first that fits is taken.
type Rule struct {
	Op    string // as Op names it; empty: any
	Skip  int    // so many requests that fit pass first
	Times int    // so many have the fault, and the others pass; zero: all
	Fault Fault
	N     int64
	Code  string // of the XML of Status; empty: by N
	Delay time.Duration
}

func (r Rule) String() string {
	op := r.Op
	if op == "" {
		op = "any"
	}
	return fmt.Sprintf("{%s, skip %d, times %d: %v n=%d code=%q delay=%v}", op, r.Skip, r.Times, r.Fault, r.N, r.Code, r.Delay)
}

// Op names what a request asks of a store: "list", "head", "get", "put", "delete", "deletes",
// "begin", "part", "parts", "complete", "abort", "uploads", "location" or "other".
func Op(r *http.Request) string {
	q := r.URL.Query()
	upload := q.Has("uploadId")
	switch {
	case q.Has("location"):
		return "location"
	case r.Method == http.MethodGet && q.Has("uploads"):
		return "uploads"
	case r.Method == http.MethodGet && upload:
		return "parts"
	case r.Method == http.MethodGet && (q.Has("list-type") || q.Has("prefix")):
		return "list"
	case r.Method == http.MethodGet:
		return "get"
	case r.Method == http.MethodHead:
		return "head"
	case r.Method == http.MethodPut && upload:
		return "part"
	case r.Method == http.MethodPut:
		return "put"
	case r.Method == http.MethodDelete && upload:
		return "abort"
	case r.Method == http.MethodDelete:
		return "delete"
	case r.Method == http.MethodPost && upload:
		return "complete"
	case r.Method == http.MethodPost && q.Has("uploads"):
		return "begin"
	case r.Method == http.MethodPost && q.Has("delete"):
		return "deletes"
	}
	return "other"
}

// errorBody is what a store writes with a status.
func (r Rule) errorBody() string {
	code := r.Code
	if code == "" {
		code = map[int64]string{403: "AccessDenied", 404: "NoSuchKey", 500: "InternalError", 503: "SlowDown", 412: "PreconditionFailed"}[r.N]
	}
	return fmt.Sprintf("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>%s</Code><Message>As the rule of a test says.</Message><RequestId>1</RequestId></Error>", code)
}
