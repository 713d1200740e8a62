package bucket_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"io"
	"io/fs"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"ferry/transfer/object/bucket"
	"ferry/transfer/object/objecttest"
)

const secret = "AVerySecretSecret/Key+1234"

// environ is an environment of these alone; the machine's role is not asked for.
func environ(of map[string]string) func(string) string {
	return func(name string) string {
		if name == "AWS_EC2_METADATA_DISABLED" {
			return "true"
		}
		return of[name]
	}
}

func keys() map[string]string {
	return map[string]string{"AWS_ACCESS_KEY_ID": "AKIDEXAMPLE", "AWS_SECRET_ACCESS_KEY": secret, "AWS_SESSION_TOKEN": secret + "token"}
}

// answering is a store that gives one answer to all.
func answering(t *testing.T, status int, body string, header map[string]string) bucket.Options {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for k, v := range header {
			w.Header().Set(k, v)
		}
		w.WriteHeader(status)
		_, _ = w.Write([]byte(body))
	}))
	t.Cleanup(server.Close)
	return bucket.Options{Endpoint: server.URL, Getenv: environ(keys()), Patience: 50 * time.Millisecond}
}

func xmlError(code, message string) string {
	return `<?xml version="1.0"?><Error><Code>` + code + `</Code><Message>` + message + `</Message><Region>eu-west-1</Region></Error>`
}

// Each way in which a store says no has its kind, and a text that says what to do.
func TestOpenRefused(t *testing.T) {
	late := time.Now().Add(-time.Hour).UTC().Format(http.TimeFormat)
	for name, c := range map[string]struct {
		status int
		body   string
		header map[string]string
		kind   bucket.Kind
		says   string
	}{
		"no bucket":       {404, xmlError("NoSuchBucket", "The specified bucket does not exist"), nil, bucket.NoBucket, "create it"},
		"no bucket, bare": {404, "", nil, bucket.NoBucket, "create it"},
		"denied":          {403, xmlError("AccessDenied", "Access Denied"), nil, bucket.Denied, "rights"},
		"wrong key":       {403, xmlError("InvalidAccessKeyId", "The key does not exist"), nil, bucket.Denied, "AWS_ACCESS_KEY_ID"},
		// versitygw calls it so, as something that was not found.
		"wrong key, 404": {404, xmlError("XAdminUserNotFound", "No user exists with the provided access key ID."), nil, bucket.Denied, "AWS_ACCESS_KEY_ID"},
		"wrong secret":   {403, xmlError("SignatureDoesNotMatch", "It does not match"), nil, bucket.Denied, "AWS_SECRET_ACCESS_KEY"},
		"clock":          {403, xmlError("RequestTimeTooSkewed", "Too large"), nil, bucket.ClockSkew, "set the clock"},
		"clock, bare":    {403, "", map[string]string{"Date": late}, bucket.ClockSkew, " by 1h0m"},
		"region":         {400, xmlError("AuthorizationHeaderMalformed", "expecting 'eu-west-1'"), nil, bucket.WrongRegion, "AWS_REGION=eu-west-1"},
		"redirect":       {301, xmlError("PermanentRedirect", "elsewhere"), map[string]string{"Location": "http://127.0.0.1:1/"}, bucket.WrongRegion, "AWS_REGION"},
		"slow down":      {503, xmlError("SlowDown", "Please reduce"), nil, bucket.Throttled, "slow down"},
		"too many":       {429, "", nil, bucket.Throttled, "slow down"},
		"failing":        {500, "<html>\n<b>oops</b>", nil, bucket.Away, "500"},
		"a page":         {200, "<html><body>hello</body></html>", nil, bucket.Away, "cannot be read"},
		"full":           {507, "", nil, bucket.NoSpace, "no room"},
		"quota":          {403, xmlError("QuotaExceeded", "Too much"), nil, bucket.NoSpace, "no room"},
		"teapot":         {418, "\x1b[31mred\x07", nil, bucket.Other, "refused"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := bucket.Open(context.Background(), objecttest.Place, answering(t, c.status, c.body, c.header))
			wantKind(t, err, c.kind)
			wantWords(t, err, c.says)
			if c.kind == bucket.Denied && !errors.Is(err, fs.ErrPermission) {
				t.Error("it is no fs.ErrPermission")
			}
		})
	}
}

// wantWords looks for words, and for what no text may have.
func wantWords(t *testing.T, err error, words string) {
	t.Helper()
	text := err.Error()
	if !strings.Contains(text, words) {
		t.Errorf("%q does not say %q", text, words)
	}
	if strings.ContainsAny(text, "<>\n\x1b\x07") || strings.Contains(text, secret) || strings.Contains(text, "AKIDEXAMPLE") || len(text) > 600 {
		t.Errorf("the text has what it should not: %q", text)
	}
}

func TestOpenAway(t *testing.T) {
	o := bucket.Options{Getenv: environ(keys()), Patience: 50 * time.Millisecond}
	for _, host := range []string{"127.0.0.1:1", "no-such-host.invalid"} {
		o.Endpoint = "http://" + host
		_, err := bucket.Open(context.Background(), objecttest.Place, o)
		wantKind(t, err, bucket.Away)
		wantWords(t, err, host)
	}
	// Who waits is told of it, and need not go on.
	o.Endpoint, o.Patience = "http://127.0.0.1:1", time.Hour
	ctx, cancel := context.WithCancel(context.Background())
	o.Waiting = func(err error, since time.Duration) {
		wantKind(t, err, bucket.Away)
		cancel()
	}
	for range 2 { // an end while it waits, and one before it begins
		if _, err := bucket.Open(ctx, objecttest.Place, o); !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	}
}

// A server whose certificate nobody vouches for is told at once, and so is one without TLS.
func TestOpenTLS(t *testing.T) {
	server := httptest.NewUnstartedServer(http.NotFoundHandler())
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.StartTLS()
	defer server.Close()
	elsewhere := strings.Replace(server.URL, "127.0.0.1", "localhost", 1) // a name that is not in it
	o := bucket.Options{Endpoint: elsewhere, Getenv: environ(keys()), Patience: time.Hour}
	_, err := bucket.Open(context.Background(), objecttest.Place, o)
	wantKind(t, err, bucket.Other)
	wantWords(t, err, "certificate")
	bare := answering(t, 404, "", nil)
	o.Endpoint = strings.Replace(bare.Endpoint, "http:", "https:", 1)
	_, err = bucket.Open(context.Background(), objecttest.Place, o)
	wantKind(t, err, bucket.Other)
	wantWords(t, err, "http://")
}

// AWS_CA_BUNDLE vouches for a server, and one that cannot be read is told.
func TestOpenBundle(t *testing.T) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	self := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		IsCA: true, BasicConstraintsValid: true,
	}
	cert, err := x509.CreateCertificate(rand.Reader, self, self, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewUnstartedServer(http.NotFoundHandler())
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.TLS = &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{cert}, PrivateKey: key}}}
	server.StartTLS()
	defer server.Close()
	good, bad := filepath.Join(t.TempDir(), "good"), filepath.Join(t.TempDir(), "bad")
	for file, text := range map[string][]byte{
		good: pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert}),
		bad:  []byte("no certificate\n"),
	} {
		if err := os.WriteFile(file, text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	opened := func(file string) error {
		env := keys()
		env["AWS_CA_BUNDLE"] = file
		_, err := bucket.Open(context.Background(), objecttest.Place, bucket.Options{Endpoint: server.URL, Getenv: environ(env), Patience: time.Millisecond})
		return err
	}
	wantKind(t, opened(""), bucket.Other)
	wantWords(t, opened(""), "AWS_CA_BUNDLE")
	wantKind(t, opened(good), bucket.NoBucket) // it answered
	for file, words := range map[string]string{bad: "has no certificate in PEM", bad + "-gone": "cannot be read"} {
		if err := opened(file); err == nil || !strings.Contains(err.Error(), words) || !strings.Contains(err.Error(), "AWS_CA_BUNDLE="+file) {
			t.Errorf("%s: %v", file, err)
		}
	}
}

func TestEndpoints(t *testing.T) {
	for _, endpoint := range []string{"host", "ftp://host", "http://", "https://host/path", "https://host/?q", "http://a:b@host", "://", "http://h\x00"} {
		_, err := bucket.Open(context.Background(), objecttest.Place, bucket.Options{Endpoint: endpoint, Getenv: environ(keys())})
		if err == nil || strings.Contains(err.Error(), "a:b") {
			t.Errorf("%q: %v", endpoint, err)
		}
	}
}

// Credentials, region and endpoint are found where other tools for S3 look.
func TestCredentials(t *testing.T) {
	home := t.TempDir()
	write := func(name, text string) string {
		p := filepath.Join(home, name)
		if err := os.MkdirAll(filepath.Dir(p), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(p, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return p
	}
	var header http.Header
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		header = r.Header.Clone()
		_, _ = w.Write([]byte(`<ListBucketResult><Name>deliveries</Name></ListBucketResult>`))
	}))
	defer server.Close()
	write(".aws/credentials", "[default]\naws_access_key_id = DEFAULTKEY\naws_secret_access_key = "+secret+"\n[two]\naws_access_key_id=TWOKEY\naws_secret_access_key="+secret+"\n")
	write(".aws/config", "[default]\nregion = eu-central-1\n[profile two]\nregion=ap-south-1\nendpoint_url = "+server.URL+"\n[profile three]\naws_access_key_id=THREEKEY\naws_secret_access_key="+secret+"\n[profile bare]\nregion=x\n")
	other := write("other", "[default]\naws_access_key_id=OTHERKEY\naws_secret_access_key="+secret+"\n")
	for name, c := range map[string]struct {
		env  map[string]string
		want []string // in the header Authorization
	}{
		"environment":       {map[string]string{"AWS_ACCESS_KEY_ID": "ENVKEY", "AWS_SECRET_ACCESS_KEY": secret, "AWS_REGION": "us-west-2", "HOME": home}, []string{"ENVKEY/", "/us-west-2/"}},
		"default profile":   {map[string]string{"HOME": home}, []string{"DEFAULTKEY/", "/eu-central-1/"}},
		"profile":           {map[string]string{"HOME": home, "AWS_PROFILE": "two", "AWS_ENDPOINT_URL": ""}, []string{"TWOKEY/", "/ap-south-1/"}},
		"profile of config": {map[string]string{"HOME": home, "AWS_PROFILE": "three"}, []string{"THREEKEY/", "/us-east-1/"}},
		"named file":        {map[string]string{"HOME": home, "AWS_SHARED_CREDENTIALS_FILE": other, "AWS_DEFAULT_REGION": "sa-east-1"}, []string{"OTHERKEY/", "/sa-east-1/"}},
	} {
		t.Run(name, func(t *testing.T) {
			o := bucket.Options{Getenv: environ(c.env), Patience: time.Millisecond}
			if _, given := c.env["AWS_ENDPOINT_URL"]; !given {
				c.env["AWS_ENDPOINT_URL_S3"] = server.URL
			}
			open(t, objecttest.Place, o)
			for _, w := range c.want {
				if got := header.Get("Authorization"); !strings.Contains(got, w) {
					t.Errorf("%q does not say %q", got, w)
				}
			}
		})
	}
	for name, env := range map[string]map[string]string{
		"nothing":       {},
		"half":          {"AWS_ACCESS_KEY_ID": "ENVKEY"},
		"other half":    {"AWS_SECRET_ACCESS_KEY": secret},
		"bare profile":  {"HOME": home, "AWS_PROFILE": "bare"},
		"other profile": {"HOME": home, "AWS_PROFILE": "no\nsuch"},
	} {
		_, err := bucket.Open(context.Background(), objecttest.Place, bucket.Options{Endpoint: server.URL, Getenv: environ(env)})
		wantKind(t, err, bucket.NoCredentials)
		if name != "other profile" && name != "bare profile" {
			wantWords(t, err, "AWS_ACCESS_KEY_ID")
		} else {
			wantWords(t, err, "AWS_PROFILE")
		}
	}
}
