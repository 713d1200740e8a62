package tree

import (
	"os"
	"os/exec"
	"testing"
	"time"
)

// sshfs lists nothing through a handle that is taken back to its start after a name
// was changed, and for 20 s nothing through any other either.
func TestNamesAreReadAgain(t *testing.T) {
	sshfs, err := exec.LookPath("sshfs")
	if err != nil {
		t.Skip(err)
	}
	const server = "/usr/lib/openssh/sftp-server"
	if _, err := os.Stat(server); err != nil {
		t.Skip(err)
	}
	backing, mount := t.TempDir(), t.TempDir()
	file(t, "", backing, "a")
	file(t, "", backing, "b")
	mountPassive(t, sshfs, server, backing, mount)

	dirs := NewDirs(8)
	defer dirs.Close()
	d, err := dirs.Open(mount)
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range [][]string{{"a", "b"}, {"a", "c"}, {"a", "c"}} {
		if i == 1 {
			if err := d.Rename("b", d, "c", true); err != nil {
				t.Fatal(err)
			}
		}
		names, err := d.ReadNames()
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, n := range names {
			got = append(got, n.Name)
		}
		same(t, "names", got, want)
	}
}

// mountPassive mounts backing through a server that talks over pipes.
func mountPassive(t *testing.T, sshfs, server, backing, mount string) {
	t.Helper()
	fromServer, toClient, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	fromClient, toServer, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	serve := exec.Command(server)
	serve.Stdin, serve.Stdout = fromClient, toClient
	client := exec.Command(sshfs, ":"+backing, mount, "-f", "-o", "passive")
	client.Stdin, client.Stdout = fromServer, toServer
	err = serve.Start()
	if err == nil {
		if err = client.Start(); err != nil {
			_ = serve.Process.Kill()
			_ = serve.Wait()
		}
	}
	for _, f := range []*os.File{fromServer, toClient, fromClient, toServer} {
		_ = f.Close()
	}
	if err != nil {
		t.Skip(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- client.Wait() }()
	t.Cleanup(func() {
		_ = exec.Command("fusermount3", "-u", "-z", mount).Run()
		_ = serve.Process.Kill()
		_ = serve.Wait()
		<-ended
	})
	limit := time.After(10 * time.Second)
	for {
		if _, err := os.Lstat(mount + "/a"); err == nil {
			return
		}
		select {
		case err := <-ended:
			close(ended)
			t.Skipf("sshfs cannot mount here: %v", err)
		case <-limit:
			t.Skip("sshfs does not mount here")
		case <-time.After(10 * time.Millisecond): // a mount tells nobody that it is there
		}
	}
}
