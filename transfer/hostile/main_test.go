package hostile

import (
	"testing"

	"go.uber.org/goleak"

	"ferry/transfer/internal/deliverytest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m, deliverytest.CertCleanups()...) }
