package failure

import (
	"errors"
	"io/fs"
	"syscall"
	"testing"

	"ferry/framing"
	"ferry/transfer/tree"
)

func TestLossCode(t *testing.T) {
	for err, want := range map[error]framing.Code{
		syscall.EPERM: framing.CodePermission, &fs.PathError{Err: syscall.EACCES}: framing.CodePermission, syscall.ENOTSUP: framing.CodeUnsupported, syscall.EINVAL: framing.CodeUnsupported,
		syscall.ENOSPC: framing.CodeNoSpace, syscall.ERANGE: framing.CodeIO, tree.ErrName: framing.CodeName, errors.New("x"): framing.CodeUnsupported,
	} {
		if got := LossCode(err); got != want {
			t.Errorf("%v is %v, want %v", err, got, want)
		}
	}
}
