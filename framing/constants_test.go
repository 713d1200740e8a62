package framing

import (
	"fmt"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// TestTypesMatchProtocol pins every type byte, name and limit to the table in
// PROTOCOL.md or RELAY.md, in both directions.
func TestTypesMatchProtocol(t *testing.T) {
	listed := map[Type]bool{}
	for _, row := range protocolRows(t, `0x([0-9a-f]{2})`, `([A-Z]+)`, `(\d+)`) {
		v, _ := strconv.ParseUint(row[0], 16, 8)
		limit, _ := strconv.Atoi(row[2])
		typ := Type(v)
		listed[typ] = true
		if typ.String() != row[1] || Limit(typ) != limit {
			t.Errorf("0x%02x is %v with limit %d, PROTOCOL.md has %s with %d", v, typ, Limit(typ), row[1], limit)
		}
		if codecs[typ] == nil && typ != TypePad {
			t.Errorf("%v has no codec", typ)
		}
	}
	for v := range 256 {
		if typ := Type(v); Limit(typ) > 0 != listed[typ] || (codecs[typ] != nil || typ == TypePad) != listed[typ] {
			t.Errorf("%v: limit %d, in PROTOCOL.md: %v", typ, Limit(typ), listed[typ])
		}
	}
}

// TestEveryTypeIsFuzzed keeps a new type from being forgotten: go test finds targets
// by their names only.
func TestEveryTypeIsFuzzed(t *testing.T) {
	text, err := os.ReadFile("fuzz_test.go")
	if err != nil {
		t.Fatal(err)
	}
	for v, frame := range frames {
		typ := Type(v)
		if frame.limit == 0 || typ == TypePad { // no body of PAD is refused
			continue
		}
		re := regexp.MustCompile(`(?im)^func Fuzz` + frame.name + `\(f \*testing\.F\) +\{ fuzzBody\(f, Type` + frame.name + `\) \}$`)
		if !re.Match(text) {
			t.Errorf("no target fuzzes %v", typ)
		}
		if frame.limit > maxBody {
			t.Errorf("%v has a larger limit than the largest", typ)
		}
	}
}

// TestCodesMatchProtocol pins every code and its words likewise.
func TestCodesMatchProtocol(t *testing.T) {
	listed := map[Code]string{}
	for _, row := range protocolRows(t, `(\d+)`, `([a-z][^|]*?)`) {
		v, _ := strconv.ParseUint(row[0], 10, 8)
		listed[Code(v)] = row[1]
	}
	if len(listed) != 28 {
		t.Errorf("PROTOCOL.md lists %d codes", len(listed))
	}
	for v := range 256 {
		want, ok := listed[Code(v)]
		if !ok {
			want = fmt.Sprintf("error code %d", v)
		}
		if got := Code(v).String(); got != want {
			t.Errorf("code %d is %q, PROTOCOL.md has %q", v, got, want)
		}
	}
}

// protocolRows returns the cells of the table rows in PROTOCOL.md whose first
// cells match, code ticks left out.
func protocolRows(t *testing.T, cells ...string) [][]string {
	t.Helper()
	text, err := os.ReadFile("PROTOCOL.md")
	if err != nil {
		t.Fatal(err)
	}
	relay, err := os.ReadFile("RELAY.md")
	if err != nil {
		t.Fatal(err)
	}
	plain := strings.ReplaceAll(string(text)+string(relay), "`", "")
	re := regexp.MustCompile(`(?m)^\| ` + strings.Join(cells, ` \| `) + ` \|`)
	var rows [][]string
	for _, m := range re.FindAllStringSubmatch(plain, -1) {
		rows = append(rows, m[1:])
	}
	if len(rows) == 0 {
		t.Fatal("no such table in PROTOCOL.md")
	}
	return rows
}

// TestConstants pins what the two tables do not list.
func TestConstants(t *testing.T) {
	for _, c := range []struct {
		name      string
		got, want uint64
	}{
		{"Version", Version, 1}, {"RelayVersion", RelayVersion, 1}, {"RelayToken", RelayToken, 1}, {"MaxRoomNumber", MaxRoomNumber, 999_999_999},
		{"RoleSender", uint64(RoleSender), 1}, {"RoleReceiver", uint64(RoleReceiver), 2},
		{"PurposeNew", uint64(PurposeNew), 1}, {"PurposeStream", uint64(PurposeStream), 2}, {"PurposeRejoin", uint64(PurposeRejoin), 3},
		{"MethodCode", uint64(MethodCode), 1}, {"MethodKey", uint64(MethodKey), 2}, {"MethodSession", uint64(MethodSession), 3},
		{"CapZstd", CapZstd, 1}, {"CapSealed", CapSealed, 8}, {"CapCopy", CapCopy, 4}, {"CapText", CapText, 64}, {"CapWide", CapWide, 128}, {"CapRequest", CapRequest, 32}, {"CapPaths", CapPaths, 256}, {"CapMirror", CapMirror, 512}, {"CapPlace", CapPlace, 4096}, {"CapStored", CapStored, 8192},
		{"PathV4", uint64(PathV4), 1}, {"PathV6", uint64(PathV6), 2}, {"PathLocal", uint64(PathLocal), 3}, {"PathName", uint64(PathName), 4}, {"PathSeen", uint64(PathSeen), 5}, {"MaxPaths", MaxPaths, 32}, {"MaxPathHost", MaxPathHost, 255}, {"MaxPunch", uint64(MaxPunch), 65535e6},
		{"FlagChecksum", uint64(FlagChecksum), 1}, {"FlagAllowChanged", uint64(FlagAllowChanged), 2}, {"FlagOwner", uint64(FlagOwner), 4},
		{"FlagXattrs", uint64(FlagXattrs), 8}, {"FlagHardLinks", uint64(FlagHardLinks), 16}, {"FlagDevices", uint64(FlagDevices), 32},
		{"FlagDryRun", uint64(FlagDryRun), 64}, {"FlagNumeric", uint64(FlagNumeric), 128}, {"FlagText", uint64(FlagText), 256}, {"flagsKnown", uint64(flagsKnown), 511},
		{"KindFile", uint64(KindFile), 1}, {"KindFolder", uint64(KindFolder), 2}, {"KindSymlink", uint64(KindSymlink), 3}, {"KindHardLink", uint64(KindHardLink), 4},
		{"KindStream", uint64(KindStream), 5}, {"KindRoot", uint64(KindRoot), 6}, {"KindFolderEnd", uint64(KindFolderEnd), 15},
		{"KindFIFO", uint64(KindFIFO), 7}, {"KindCharDevice", uint64(KindCharDevice), 8}, {"KindBlockDevice", uint64(KindBlockDevice), 9}, {"KindSocket", uint64(KindSocket), 10},
		{"entryExtended", entryExtended, 1}, {"entryLinked", entryLinked, 2}, {"entryHoles", entryHoles, 4}, {"partOwner", partOwner, 1}, {"partXattrs", partXattrs, 2}, {"partMissing", partMissing, 4}, {"partNames", partNames, 8},
		{"AttrOwner", uint64(AttrOwner), 1}, {"AttrSpecial", uint64(AttrSpecial), 2}, {"AttrXattrs", uint64(AttrXattrs), 4}, {"AttrACL", uint64(AttrACL), 8}, {"AttrTime", uint64(AttrTime), 16}, {"AttrMode", uint64(AttrMode), 128},
		{"MaxXattrs", MaxXattrs, 4096}, {"MaxXattrName", MaxXattrName, 255}, {"MaxXattrValue", MaxXattrValue, 65536}, {"MaxXattrBytes", MaxXattrBytes, 131072},
		{"MaxAccount", MaxAccount, 255}, {"MaxACLNames", MaxACLNames, 1024}, {"MaxACLNameBytes", MaxACLNameBytes, 32768}, {"ACLUser", uint64(ACLUser), 1}, {"ACLGroup", uint64(ACLGroup), 2}, {"MaxID", MaxID, 1<<32 - 2}, {"MaxOpenLinks", MaxOpenLinks, 131072},
		{"WantAll", uint64(WantAll), 1}, {"WantPage", uint64(WantPage), 2}, {"WantCheck", uint64(WantCheck), 3}, {"WantAgain", uint64(WantAgain), 4}, {"WantHold", uint64(WantHold), 5}, {"WantPatch", uint64(WantPatch), 6}, {"MinLevel", MinLevel, 12}, {"MaxLevel", MaxLevel, 18}, {"MaxCopies", MaxCopies, 1024},
		{"DataLast", uint64(DataLast), 1}, {"EncodingRaw", uint64(EncodingRaw), 0}, {"EncodingZstd", uint64(EncodingZstd), 1}, {"EncodingZeros", uint64(EncodingZeros), 2}, {"EncodingCopies", uint64(EncodingCopies), 3},
		{"DoneDelivered", uint64(DoneDelivered), 1}, {"DoneSame", uint64(DoneSame), 2}, {"DoneSkipped", uint64(DoneSkipped), 3}, {"DoneRenamed", uint64(DoneRenamed), 4},
		{"DoneReplaced", uint64(DoneReplaced), 6}, {"DoneSameAdjusted", uint64(DoneSameAdjusted), 7}, {"DoneEqualAdjusted", uint64(DoneEqualAdjusted), 8}, {"DoneElsewhere", uint64(DoneElsewhere), 64},
		{"StateSending", uint64(StateSending), 1}, {"StateDisk", uint64(StateDisk), 2}, {"StateHashing", uint64(StateHashing), 3},
		{"StateSource", uint64(StateSource), 4}, {"StateUser", uint64(StateUser), 5}, {"StateIdle", uint64(StateIdle), 6},
		{"ChunkSize", ChunkSize, 1 << 20}, {"MaxSize", MaxSize, 1<<63 - 1}, {"maxChunks", maxChunks, 1 << 43}, {"MaxPage", MaxPage, 4096},
		{"MaxName", MaxName, 255}, {"MaxTarget", MaxTarget, 4095}, {"maxMessage", maxMessage, 1024}, {"MaxListed", MaxListed, 64},
		{"maxPiece", maxPiece, 262092}, {"maxShare", maxShare, 64}, {"MaxKey", MaxKey, 2048}, {"MaxSignature", MaxSignature, 3072}, {"MaxPlace", MaxPlace, 4096}, {"MinLimit", MinLimit, 16384}, {"MaxZstdWindow", MaxZstdWindow, 1 << 20}, {"FirstEntries", FirstEntries, 256}, {"WideEntries", WideEntries, 16384},
	} {
		if c.got != c.want {
			t.Errorf("%s is %d, the wire has %d", c.name, c.got, c.want)
		}
	}
}
