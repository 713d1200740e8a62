package objecttest

import (
	"bytes"
	"context"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"ferry/transfer/object/bucket"
	"ferry/transfer/reach/socket/sockettest"
)

// Versity is a real server, versitygw, whose objects are files in a folder of the test. It is
// looked for in PATH and where `go install` puts programs; the test is skipped if it is not
// there. It ends with the test. Under the race detector, which cannot look into it, the test is
// skipped too: the store in this process has the same code before it, and takes less time.
func Versity(t testing.TB) (place string, o bucket.Options) {
	t.Helper()
	if Raced {
		t.Skip("the race detector: it sees the same before the store in this process")
	}
	server := StartVersity(t, t.TempDir(), "")
	return Place, Options(server.URL)
}

// Server is a store that runs as a program of its own.
type Server struct {
	URL     string
	address string
	process *exec.Cmd
	said    *output
	ended   chan struct{} // closed when the process is gone
}

// StartVersity starts versitygw on a folder. Address is where it listens; empty is a free port
// of this machine. It ends with the test, or by Kill before that, after which another may be
// started on the same folder and address.
func StartVersity(t testing.TB, folder, address string) *Server {
	t.Helper()
	program := find("versitygw")
	if program == "" {
		t.Skip("versitygw is not installed: a real server was not tried (go install github.com/versity/versitygw/cmd/versitygw@latest)")
	}
	if err := os.MkdirAll(filepath.Join(folder, Name), 0o755); err != nil {
		t.Fatal(err)
	}
	if address == "" {
		address = freeAddress(t)
	}
	s := &Server{URL: "http://" + address, address: address, said: &output{}, ended: make(chan struct{})}
	s.process = exec.Command(program, "--access", accessKey, "--secret", secretKey, "--port", address, "--quiet", "--keep-alive", "posix", folder)
	s.process.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + t.TempDir()}
	s.process.Stdout, s.process.Stderr = s.said, s.said
	if err := s.process.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		_ = s.process.Wait() // how it ended says what it wrote
		close(s.ended)
	}()
	t.Cleanup(s.Kill)
	s.await(t)
	return s
}

// Kill ends the server at once, as a failure of power would, and waits until it is gone.
func (s *Server) Kill() {
	_ = s.process.Process.Kill() // it may be gone
	<-s.ended
}

// Address is where the server listens, for another one after it.
func (s *Server) Address() string { return s.address }

// startTime is how long a server may take until it answers.
const startTime = 20 * time.Second

// await returns once the server answers.
func (s *Server) await(t testing.TB) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), startTime)
	defer cancel()
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.URL, nil)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := client.Do(req)
		if err == nil {
			_ = resp.Body.Close()
			return
		}
		select {
		case <-s.ended:
			t.Fatalf("versitygw ended: %s", s.said)
		case <-ctx.Done():
			t.Fatalf("versitygw does not answer: %v: %s", err, s.said)
		case <-tick.C:
		}
	}
}

// find looks for a program in PATH and beside what go installs.
func find(program string) string {
	if p, err := exec.LookPath(program); err == nil {
		return p
	}
	if runtime.GOOS == "windows" {
		program += ".exe"
	}
	out, err := exec.Command("go", "env", "GOPATH").Output()
	if err != nil {
		return ""
	}
	for _, dir := range filepath.SplitList(strings.TrimSpace(string(out))) {
		p := filepath.Join(dir, "bin", program)
		if info, err := os.Stat(p); err == nil && info.Mode().IsRegular() {
			return p
		}
	}
	return ""
}

// freeAddress is one where nothing listens.
func freeAddress(t testing.TB) string {
	t.Helper()
	addr, err := sockettest.Address()
	if err != nil {
		t.Fatal(err)
	}
	return addr
}

// output keeps the last of what a program writes; mu guards it.
type output struct {
	mu   sync.Mutex
	kept bytes.Buffer
}

const maxOutput = 64 << 10

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.kept.Len() > maxOutput {
		o.kept.Reset()
	}
	return o.kept.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.kept.String()
}

// Uploads are those that were begun below b and neither completed nor aborted.
func Uploads(t testing.TB, b *bucket.Bucket) (all []bucket.Upload) {
	t.Helper()
	for u, err := range b.Uploads(context.Background(), "") {
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, u)
	}
	return all
}
