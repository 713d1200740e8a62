package proxy

import (
	"bytes"
	"io"
	"strings"
	"testing"
)

func TestNew(t *testing.T) {
	for text, want := range map[string]string{
		"socks5h://p.example":           "socks5h://p.example:1080",
		"socks5://me:secret@p.example/": "socks5h://p.example:1080",
		"socks://[2001:db8::1]:9050":    "socks5h://[2001:db8::1]:9050",
		"http://p.example":              "http://p.example:80",
		"https://p.example":             "https://p.example:443",
		"p.example:3128":                "http://p.example:3128",
	} {
		p, err := New(text, "")
		if err != nil || p.String() != want {
			t.Errorf("%s: %v, %v", text, p, err)
		}
		if err == nil && p.Secret() != strings.Contains(text, "secret") {
			t.Errorf("%s: Secret is wrong", text)
		}
	}
	long := strings.Repeat("s", 256)
	for _, text := range []string{
		"", "socks4://p.example", "ftp://p.example", "socks5h://", "http://:80", "http://p.example:0", "http://p.example:65536", "http://p.example:http",
		"http://p.example/path", "http://p.example?q", "http://p.example#f", "http://:secret@p.example", "http://me:" + long + "@p.example",
		"http://me:secret%zz@p.example", "http://me:secret@p example", "http://" + long + ".example",
	} {
		p, err := New(text, "")
		if err == nil {
			t.Errorf("%.60q is taken as %v", text, p)
		} else if strings.Contains(err.Error(), "secret") || strings.Contains(err.Error(), long) {
			t.Errorf("%.60q: the error quotes the password: %v", text, err)
		}
	}
}

func TestEnvironment(t *testing.T) {
	for _, c := range []struct{ all, small, none, address, without string }{
		{address: "", without: ""},
		{all: "a", small: "b", none: "n", address: "a", without: "n"},
		{small: " b ", address: "b"},
	} {
		set := map[string]string{"ALL_PROXY": c.all, "all_proxy": c.small, "no_proxy": c.none}
		address, without := Environment(func(name string) string { return set[name] })
		if address != c.address || without != c.without {
			t.Errorf("%+v: %q, %q", c, address, without)
		}
	}
}

// Whatever a proxy says: what is read of it ends exactly where the answer does, and is
// bounded.
func FuzzAnswer(f *testing.F) {
	f.Add([]byte("HTTP/1.1 200 OK\r\nA: b\r\n\r\nrest"))
	f.Add([]byte("HTTP/1.0 403 No\n\nrest"))
	f.Add([]byte("HTTP/1.1 100 On\r\n\r\nHTTP/1.1 200 \r\nA: b\r\n c\r\n\r\n"))
	f.Add([]byte("SSH-2.0-x\r\n"))
	f.Fuzz(func(t *testing.T, said []byte) {
		r := bytes.NewReader(said)
		status, _, err := answer(&io.LimitedReader{R: oneByOne{r}, N: maxAnswer})
		read := said[:len(said)-r.Len()]
		if len(read) > maxAnswer {
			t.Fatalf("read %d bytes", len(read))
		}
		if err != nil {
			return
		}
		if status < 200 || status > 999 {
			t.Fatalf("status %d", status)
		}
		if !bytes.HasSuffix(read, []byte("\n\n")) && !bytes.HasSuffix(read, []byte("\n\r\n")) {
			t.Fatalf("read up to %q", read)
		}
		// One byte less is no whole answer.
		if _, _, err := answer(bytes.NewReader(read[:len(read)-1])); err == nil {
			t.Fatal("it was whole before its last byte")
		}
	})
}
