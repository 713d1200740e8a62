package reach

import (
	"encoding/hex"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

func isBridge(name string) bool {
	_, err := os.Stat(filepath.Join("/sys/class/net", name, "bridge"))
	return err == nil
}

// What the kernel says of an IPv6 address (linux/if_addr.h).
const (
	flagTemporary  = 0x01
	flagDadFailed  = 0x08
	flagDeprecated = 0x20
	flagTentative  = 0x40
)

// passingAddrs are the IPv6 addresses that will go, or that are not in use.
func passingAddrs() []netip.Addr {
	table, err := os.ReadFile("/proc/net/if_inet6")
	if err != nil {
		return nil
	}
	return parsePassing(string(table))
}

// parsePassing reads lines of: address, index, length of prefix, scope, flags, name.
func parsePassing(table string) (list []netip.Addr) {
	for line := range strings.Lines(table) {
		f := strings.Fields(line)
		if len(f) < 6 {
			continue
		}
		raw, err := hex.DecodeString(f[0])
		flags, ferr := strconv.ParseUint(f[4], 16, 64)
		ip, ok := netip.AddrFromSlice(raw)
		if err == nil && ferr == nil && ok && flags&(flagTemporary|flagDadFailed|flagDeprecated|flagTentative) != 0 {
			list = append(list, ip)
		}
	}
	return list
}
