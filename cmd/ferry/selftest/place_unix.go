//go:build unix

package selftest

import (
	"fmt"
	"os/exec"
)

// limiter is a command that runs another one, which may make no file larger than about
// so many bytes. It is a disk that says no without root. A shell counts in blocks of 512
// bytes or of 1 KiB.
func limiter(size int64) ([]string, error) {
	const sh = "/bin/sh"
	if _, err := exec.LookPath(sh); err != nil {
		return nil, notTried("no shell is here to limit the size of files")
	}
	script := fmt.Sprintf(`ulimit -f %d && exec "$@"`, size/1024)
	return []string{sh, "-c", script, sh}, nil
}
