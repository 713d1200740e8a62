package lan

import (
	"encoding/binary"
	"testing"
)

// neighbourData is what the kernel says of a neighbour.
func neighbourData(state uint16, addr []byte) []byte {
	b := make([]byte, neighbourHead)
	binary.NativeEndian.PutUint32(b[4:], 3)
	binary.NativeEndian.PutUint16(b[8:], state)
	b = binary.NativeEndian.AppendUint16(b, 5) // an attribute that has a byte, and is padded
	b = binary.NativeEndian.AppendUint16(b, 99)
	b = append(b, 1, 0, 0, 0)
	b = binary.NativeEndian.AppendUint16(b, uint16(4+len(addr)))
	b = binary.NativeEndian.AppendUint16(b, attrAddress)
	return append(b, addr...)
}

func TestReadNeighbour(t *testing.T) {
	good := neighbourData(2, []byte{192, 0, 2, 4})
	if n, ok := readNeighbour(good); !ok || n.index != 3 || n.ip != ip("192.0.2.4") {
		t.Errorf("%+v, %v", n, ok)
	}
	for n := range good {
		if _, ok := readNeighbour(good[:n]); ok {
			t.Errorf("%d bytes of it are enough", n)
		}
	}
	for name, data := range map[string][]byte{
		"failed": neighbourData(0x20, []byte{192, 0, 2, 4}), "a group": neighbourData(2, []byte{224, 0, 0, 251}), "no address": neighbourData(2, []byte{1}),
	} {
		if _, ok := readNeighbour(data); ok {
			t.Error(name)
		}
	}
	_ = neighbours() // and what there is here is read
	_ = bridgePorts()
}
