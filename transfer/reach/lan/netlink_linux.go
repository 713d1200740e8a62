package lan

import (
	"encoding/binary"
	"net/netip"
	"syscall"
)

// What the kernel calls things (linux/if_link.h, linux/neighbour.h).
const (
	attrMaster    = 10
	attrAddress   = 1
	stateUnusable = 0x01 | 0x20 | 0x40 // asked for, failed, and never asked for
	neighbourHead = 12
)

// bridgePorts are the interfaces that belong to another one, which is searched on instead.
func bridgePorts() (list []int) {
	for _, m := range dump(syscall.RTM_GETLINK) {
		attrs, err := syscall.ParseNetlinkRouteAttr(&m)
		if err != nil || len(m.Data) < syscall.SizeofIfInfomsg {
			continue
		}
		for _, a := range attrs {
			if a.Attr.Type == attrMaster {
				list = append(list, int(int32(binary.NativeEndian.Uint32(m.Data[4:]))))
			}
		}
	}
	return list
}

// neighbour is a machine that this one has spoken to lately.
type neighbour struct {
	index int // of the interface
	ip    netip.Addr
}

func neighbours() (list []neighbour) {
	for _, m := range dump(syscall.RTM_GETNEIGH) {
		if n, ok := readNeighbour(m.Data); ok {
			list = append(list, n)
		}
	}
	return list
}

func readNeighbour(data []byte) (n neighbour, ok bool) {
	if len(data) < neighbourHead {
		return n, false
	}
	n.index = int(int32(binary.NativeEndian.Uint32(data[4:])))
	if binary.NativeEndian.Uint16(data[8:])&stateUnusable != 0 {
		return n, false
	}
	for rest := data[neighbourHead:]; len(rest) >= syscall.SizeofRtAttr; {
		size := int(binary.NativeEndian.Uint16(rest))
		if size < syscall.SizeofRtAttr || size > len(rest) {
			return n, false
		}
		if binary.NativeEndian.Uint16(rest[2:]) == attrAddress {
			n.ip, ok = netip.AddrFromSlice(rest[syscall.SizeofRtAttr:size])
			return n, ok && !n.ip.IsMulticast()
		}
		rest = rest[min(len(rest), (size+3)&^3):]
	}
	return n, false
}

// dump is all that the kernel has of a kind. What cannot be had is left out.
func dump(kind int) []syscall.NetlinkMessage {
	raw, err := syscall.NetlinkRIB(kind, syscall.AF_UNSPEC)
	if err != nil {
		return nil
	}
	list, err := syscall.ParseNetlinkMessage(raw)
	if err != nil {
		return nil
	}
	return list
}
