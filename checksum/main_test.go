package checksum

import (
	"math/rand/v2"
	"os/exec"
	"testing"

	"github.com/zeebo/blake3"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// oracle is the digest by an implementation that shares no code with the tree
// and the kernels.
func oracle(p []byte) Digest { return blake3.Sum256(p) }

// randomBytes gives the same bytes for the same seed.
func randomBytes(seed byte, n int) []byte {
	p := make([]byte, n)
	_, _ = rand.NewChaCha8([32]byte{seed}).Read(p) // never fails
	return p
}

func random(seed uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, 0)) }

// needB3sum skips a test where the reference program is not installed.
func needB3sum(t testing.TB) {
	t.Helper()
	if _, err := exec.LookPath("b3sum"); err != nil {
		t.Skip("b3sum is not installed: the comparison with it did not run")
	}
}
