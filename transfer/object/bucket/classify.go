package bucket

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"syscall"
	"time"
	"unicode"

	"github.com/minio/minio-go/v7"
)

// maxSkew is how far this clock may be from a store's: S3 takes 15 minutes.
const maxSkew = 5 * time.Minute

// mismatch is what this package finds out itself about an answer.
type mismatch struct {
	text    string
	written bool // of an object that has its key already
}

func (m *mismatch) Error() string { return m.text }

func mismatched(format string, args ...any) error {
	return &mismatch{text: fmt.Sprintf(format, args...) + ": the store, or what stands before it, changes what it is given"}
}

// asWritten marks a mismatch as one of an object that has its key already.
func asWritten(err error) error {
	var wrong *mismatch
	if errors.As(err, &wrong) {
		wrong.written = true
	}
	return err
}

// IsWritten reports whether an error of Put or Complete is a Mismatch of what this call wrote:
// it stands at the key, with its size and metadata, and is not what was sent.
func IsWritten(err error) bool {
	var wrong *mismatch
	return errors.As(err, &wrong) && wrong.written
}

// classify says what a failed attempt means, in words, and whether it may pass by itself.
func (r *retrier) classify(err error, x *exchange) (kind Kind, told error, passes bool) {
	var own *Error
	var wrong *mismatch
	var resp minio.ErrorResponse
	switch {
	case errors.As(err, &own):
		return own.Kind, own.Err, false
	case errors.As(err, &wrong):
		return Mismatch, wrong, false
	case errors.Is(err, errTooLarge):
		return Other, say(err, "the answer of the store is too large"), false
	case x.isStalled():
		return Away, say(err, "%s does not answer", r.endpoint), true
	case errors.As(err, &resp):
		return r.classifyAnswer(resp, x)
	}
	return r.classifyConnection(err, x)
}

// classifyAnswer is for what the store said.
func (r *retrier) classifyAnswer(resp minio.ErrorResponse, x *exchange) (Kind, error, bool) {
	status := x.status
	if status == 0 {
		status = resp.StatusCode
	}
	words := answerWords(resp, status)
	switch resp.Code {
	case "NoSuchBucket":
		return NoBucket, say(resp, "there is no bucket %q at %s: create it, or check the name and the endpoint", r.bucket, r.endpoint), false
	case "NoSuchKey", "NoSuchUpload":
		return NotFound, say(resp, "not in the store"), false
	case "PreconditionFailed":
		return Precondition, say(resp, "the object in the store is another than expected"), false
	case "ConditionalRequestConflict", "OperationAborted":
		return Throttled, say(resp, "the store is busy with the same key (%s)", words), true
	case "RequestTimeTooSkewed", "RequestExpired":
		return ClockSkew, say(resp, "the clock of this machine and the store's differ%s: set the clock right", skewWords(x)), false
	case "PermanentRedirect", "TemporaryRedirect", "Redirect", "AuthorizationHeaderMalformed", "InvalidRegion", "InvalidLocationConstraint", "IllegalLocationConstraintException":
		return WrongRegion, r.regionWords(resp, words), false
	case "InvalidAccessKeyId", "XAdminUserNotFound", "SignatureDoesNotMatch", "InvalidToken", "InvalidClientTokenId", "ExpiredToken", "ExpiredTokenException", "TokenRefreshRequired":
		return Denied, say(resp, "the store does not take the credentials (%s): check AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN or the profile", words), false
	case "BadDigest", "InvalidDigest", "XAmzContentSHA256Mismatch", "XAmzContentChecksumMismatch", "InvalidPart", "InvalidPartOrder":
		return Mismatch, say(resp, "the store did not get what was sent (%s)", words), resp.Code == "BadDigest" || strings.HasPrefix(resp.Code, "XAmz")
	case "ExistingObjectIsDirectory":
		// versitygw says so, too, if the folder of the key vanished with its last object.
		return Other, say(resp, "the store refused it (%s)", words), true
	case "SlowDown", "SlowDownRead", "SlowDownWrite", "Throttling", "ThrottlingException", "RequestLimitExceeded", "RequestThrottled", "TooManyRequests":
		return Throttled, say(resp, "the store asks to slow down (%s)", words), true
	case "QuotaExceeded", "InsufficientCapacity", "XMinioStorageFull", "XMinioAdminBucketQuotaExceeded", "NotEnoughSpace":
		return NoSpace, say(resp, "the store has no room (%s)", words), false
	case "RequestTimeout", "InternalError", "ServiceUnavailable", "IncompleteBody":
		return Away, say(resp, "the store fails (%s)", words), true
	}
	switch {
	case status == http.StatusMovedPermanently || status == http.StatusTemporaryRedirect || status == http.StatusFound:
		return WrongRegion, r.regionWords(resp, words), false
	case status == http.StatusForbidden || status == http.StatusUnauthorized:
		if skew := skewOf(x); skew > maxSkew || skew < -maxSkew {
			return ClockSkew, say(resp, "the clock of this machine and the store's differ%s: set the clock right", skewWords(x)), false
		}
		return Denied, say(resp, "the store does not allow it (%s): the key needs rights to list, read and write below the prefix", words), false
	case status == http.StatusPreconditionFailed:
		return Precondition, say(resp, "the object in the store is another than expected"), false
	case status == http.StatusNotFound:
		return NotFound, say(resp, "not in the store"), false
	case status == http.StatusInsufficientStorage:
		return NoSpace, say(resp, "the store has no room (%s)", words), false
	case status == http.StatusTooManyRequests:
		return Throttled, say(resp, "the store asks to slow down (%s)", words), true
	case status == http.StatusRequestTimeout || status >= 500 && status != http.StatusNotImplemented:
		return Away, say(resp, "the store fails (%s)", words), true
	}
	return Other, say(resp, "the store refused it (%s)", words), false
}

func (r *retrier) regionWords(resp minio.ErrorResponse, words string) error {
	if resp.Region != "" && resp.Region != r.region {
		return say(resp, "the bucket is in the region %q, not in %q: set AWS_REGION=%s", plain(resp.Region), r.region, plain(resp.Region))
	}
	return say(resp, "the bucket is in another region than %q, or at another endpoint (%s): set AWS_REGION", r.region, words)
}

// classifyConnection is for what came instead of an answer, and for answers that ended early
// or make no sense.
func (r *retrier) classifyConnection(err error, x *exchange) (Kind, error, bool) {
	var dns *net.DNSError
	var unknown x509.UnknownAuthorityError
	var host x509.HostnameError
	var invalid x509.CertificateInvalidError
	var verify *tls.CertificateVerificationError
	var record tls.RecordHeaderError
	text := err.Error()
	switch {
	case errors.As(err, &dns) && dns.IsNotFound:
		return Away, say(err, "there is no host %q: check the endpoint", plain(dns.Name)), true
	case errors.As(err, &dns):
		return Away, say(err, "the name %q cannot be looked up", plain(dns.Name)), true
	case errors.As(err, &unknown), errors.As(err, &host), errors.As(err, &invalid), errors.As(err, &verify):
		return Other, say(err, "the certificate of %s is not trusted (%s): add its authority to those of the system, or name its file with AWS_CA_BUNDLE", r.endpoint, plain(innermost(err).Error())), false
	case errors.As(err, &record), strings.Contains(text, "server gave HTTP response to HTTPS client"):
		return Other, say(err, "%s does not speak TLS: write http:// in the endpoint, if that is meant", r.endpoint), false
	case errors.Is(err, syscall.ECONNREFUSED):
		return Away, say(err, "nothing listens at %s", r.endpoint), true
	case errors.Is(err, context.DeadlineExceeded), isTimeout(err):
		return Away, say(err, "%s does not answer", r.endpoint), true
	case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF), strings.Contains(text, "Connection closed by foreign host"), strings.Contains(text, "EOF"):
		return Away, say(err, "the connection to %s broke", r.endpoint), true
	}
	var op *net.OpError
	if errors.As(err, &op) || x.status == 0 {
		return Away, say(err, "no connection to %s (%s)", r.endpoint, plain(innermost(err).Error())), true
	}
	// An answer whose XML cannot be read, or that has a header of no sense.
	return Away, say(err, "%s gave an answer that cannot be read", r.endpoint), true
}

func isTimeout(err error) bool {
	var t interface{ Timeout() bool }
	return errors.As(err, &t) && t.Timeout()
}

func innermost(err error) error {
	for {
		next := errors.Unwrap(err)
		if next == nil {
			return err
		}
		err = next
	}
}

// answerWords are the code and the message of the store, where they are words.
func answerWords(resp minio.ErrorResponse, status int) string {
	code, message := resp.Code, resp.Message
	if code == "" || strings.ContainsAny(code, "<>") {
		code = fmt.Sprint(status)
	}
	if message == "" || strings.ContainsAny(message, "<>\n") || message == code {
		return plain(code)
	}
	return plain(code + ": " + strings.TrimSuffix(message, "."))
}

// plain is what a stranger wrote, as one short line without anything that moves a cursor.
func plain(s string) string {
	s = strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return '?'
	}, strings.ToValidUTF8(s, "?"))
	return clip(s)
}

// skewOf is how far the store's clock is before this one; zero if it did not say.
func skewOf(x *exchange) time.Duration {
	at, err := http.ParseTime(x.header.Get("Date"))
	if err != nil {
		return 0
	}
	return time.Until(at)
}

func skewWords(x *exchange) string {
	skew := skewOf(x).Round(time.Second)
	if skew < 0 {
		skew = -skew
	}
	if skew < time.Second {
		return ""
	}
	return " by " + skew.String()
}
