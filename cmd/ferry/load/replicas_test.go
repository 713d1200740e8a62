//go:build load && linux

package load

import (
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"ferry/transfer/reach/socket/sockettest"
)

const (
	replicaClients = 12
	replicaSize    = 20 << 20 // of the large file of each
	replicaRate    = "6M"     // of each client, so that there is a middle
)

func TestReplicas(t *testing.T) {
	for _, way := range []string{"killed", "cut"} {
		t.Run("folder/"+way, func(t *testing.T) { replicas(newSite(t), way, "") })
		t.Run("store/"+way, func(t *testing.T) {
			if !*storeFlag {
				t.Skip("-load.store is not given")
			}
			s := newSite(t)
			replicas(s, way, s.versity())
		})
	}
}

// versity starts a store whose buckets are folders, and returns that of the prefix.
func (s *site) versity() (folder string) {
	s.t.Helper()
	program, err := exec.LookPath("versitygw")
	if err != nil {
		s.t.Skip("versitygw is not installed")
	}
	address, err := sockettest.Address()
	must(s.t, err)
	posix := filepath.Join(s.dir, "posix")
	must(s.t, os.MkdirAll(filepath.Join(posix, "bucket"), 0o755))
	gateway := exec.Command(program, "--access", "load", "--secret", "load-secret", "--port", address, "--quiet", "posix", posix)
	gateway.Env = plainEnv(s.dir)
	gateway.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	must(s.t, gateway.Start())
	s.t.Cleanup(func() {
		_ = gateway.Process.Kill()
		_ = gateway.Wait() // killed
	})
	for began := time.Now(); ; {
		conn, err := net.Dial("tcp", address)
		if err == nil {
			_ = conn.Close()
			break
		}
		if time.Since(began) > patience {
			s.t.Fatalf("the store does not answer: %v", err)
		}
		<-time.After(50 * time.Millisecond)
	}
	s.root = "s3://bucket/all"
	s.env = []string{"AWS_ACCESS_KEY_ID=load", "AWS_SECRET_ACCESS_KEY=load-secret", "AWS_REGION=us-east-1", "AWS_ENDPOINT_URL_S3=http://" + address}
	return filepath.Join(posix, "bucket", "all")
}

// replicas has two servers before one root, and a fault in the middle. Store is where the
// objects are, if the root is one.
func replicas(s *site, way, store string) {
	t := s.t
	var friends []*friend
	for i := range 3 {
		friends = append(friends, s.friend(fmt.Sprint("friend", i), fmt.Sprintf(`path="of%d"`, i)))
	}
	must(t, s.writeKeys())
	one, err := s.serve("127.0.0.1:0")
	must(t, err)
	two, err := s.serve("127.0.0.1:0")
	must(t, err)
	b := newBalancer(t, one.address, two.address)
	r := rand.New(rand.NewPCG(*seedFlag, 1<<50))

	jobs := make([]*job, 0, replicaClients)
	for i := range cap(jobs) {
		by := friends[i%len(friends)]
		name := fmt.Sprint("tree", i)
		dir := filepath.Join(s.dir, "from", name)
		must(t, plant(r, dir, 30, 1<<16))
		must(t, plantFile(r, filepath.Join(dir, "large"), replicaSize))
		there := s.root
		if store != "" {
			there = store
		}
		jobs = append(jobs, &job{name: name, by: by, sent: dir, came: filepath.Join(there, "of"+by.name[len("friend"):], "in", name),
			args: append(by.to(b.address(), "in", dir), "--bwlimit", replicaRate, "--retry-for", "5m")})
	}
	fault := func() {
		if way == "killed" {
			one.end(syscall.SIGKILL)
			return
		}
		b.cut()
	}
	hit := crossing(t, b, jobs, fault)
	fmt.Printf("%s: %d uploads, %d in the middle of which one fault fell; connections %v\n", t.Name(), len(jobs), hit, b.connections())
	if way == "killed" {
		one, err = s.serve(one.address)
		must(t, err)
	}

	back := make([]*job, 0, len(jobs))
	for i, j := range jobs {
		sent, err := scan(j.sent)
		must(t, err)
		got, err := scan(j.came)
		must(t, err)
		if store != "" {
			sent, got = sent.contents(), got.contents()
		}
		if text := sent.differs(got); text != "" {
			t.Errorf("%s: %s%v", j.name, text, j.run)
		}
		out := filepath.Join(s.dir, "out", fmt.Sprint(i))
		back = append(back, &job{name: j.name, by: j.by, sent: j.sent, came: filepath.Join(out, j.name),
			args: append(j.by.from(b.address(), "in/"+j.name, out), "--bwlimit", replicaRate, "--retry-for", "5m")})
	}
	hit = crossing(t, b, back, fault)
	fmt.Printf("%s: %d downloads, %d in the middle; connections %v\n", t.Name(), len(back), hit, b.connections())
	for _, j := range back {
		sent, err := scan(j.sent)
		must(t, err)
		got, err := scan(j.came)
		if text := sent.differs(got); text != "" || err != nil {
			t.Errorf("%s, back: %v %s%v", j.name, err, text, j.run)
		}
	}
	for _, v := range []*server{one, two} {
		if v.died() {
			t.Errorf("the server at %s ended by itself: %v: %s", v.address, v.cmd.ProcessState, v.said())
		}
	}
}

// crossing runs all jobs at once, has the fault happen when a third has crossed, and tells
// how many were not over by then.
func crossing(t *testing.T, b *balancer, jobs []*job, fault func()) (hit int) {
	began := b.moved.Load()
	for _, j := range jobs {
		var err error
		j.run, err = j.by.start(j.args...)
		must(t, err)
	}
	for b.moved.Load()-began < int64(len(jobs))*replicaSize/3 {
		if finished(jobs) == len(jobs) {
			break
		}
		<-time.After(20 * time.Millisecond)
	}
	hit = len(jobs) - finished(jobs)
	fault()
	for _, j := range jobs {
		if exit := j.run.wait(); exit != 0 || !j.run.result.OK {
			t.Errorf("%s: want 0: %v", j.name, j.run)
		}
	}
	return hit
}

func finished(jobs []*job) (n int) {
	for _, j := range jobs {
		select {
		case <-j.run.ended:
			n++
		default:
		}
	}
	return n
}

// contents is what a store has of a tree when ferry is not asked: the bytes of its files.
func (p picture) contents() picture {
	all := picture{}
	for path, f := range p {
		if f.kind[0] == '-' {
			all[path] = fact{kind: f.kind, size: f.size, digest: f.digest}
		}
	}
	return all
}
