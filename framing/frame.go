package framing

import (
	"fmt"
	"math"
)

// Version is the protocol version that this package speaks.
const Version = 1

// Limits that hold for more than one message. PROTOCOL.md section 3.
const (
	ChunkSize  = 1 << 20               // bytes; unit of verification, at multiples of itself
	MaxSize    = math.MaxInt64         // any size, offset, count or id
	maxChunks  = MaxSize/ChunkSize + 1 // chunks of one file
	MaxName    = 255                   // bytes of a name, one path component
	MaxTarget  = 4095                  // bytes of a symbolic link's target
	maxMode    = 0o7777                // permission bits with setuid, setgid, sticky
	maxNsec    = 999_999_999           // nanoseconds of a time
	maxMessage = 1024                  // bytes of a text for people
	DigestSize = 32                    // bytes of a chaining value or root
)

const (
	headerSize = 5         // u32 length, u8 type
	maxBody    = 256 << 10 // bytes; the largest limit of any type
)

// Type is the type byte of a frame. Values are part of the wire format.
type Type uint8

// The frame types; frames says what each is.
const (
	TypeHello     Type = 0x01
	TypeProof     Type = 0x02
	TypeRefuse    Type = 0x03
	TypeResume    Type = 0x04
	TypeKeyProof  Type = 0x05
	TypeOffer     Type = 0x10
	TypeAccept    Type = 0x11
	TypeDecline   Type = 0x12
	TypeEntry     Type = 0x13
	TypeChecked   Type = 0x14
	TypeWant      Type = 0x15
	TypeData      Type = 0x16
	TypePack      Type = 0x17
	TypeFileEnd   Type = 0x18
	TypeChanged   Type = 0x19
	TypeCredit    Type = 0x1a
	TypeDone      Type = 0x1b
	TypeFault     Type = 0x1c
	TypeEnd       Type = 0x1d
	TypeReceipt   Type = 0x1e
	TypeBye       Type = 0x1f
	TypeHeartbeat Type = 0x20
	TypeAck       Type = 0x21
	TypeWarn      Type = 0x22
	TypePackZ     Type = 0x23
	TypeLimit     Type = 0x24
	TypeStreams   Type = 0x25
	TypePad       Type = 0x26
	TypePaths     Type = 0x27
	TypePunch     Type = 0x28
	TypeRequest   Type = 0x29
	TypeAsk       Type = 0x2a
	TypeListing   Type = 0x2b
	TypeRemark    Type = 0x2c
	TypePieces    Type = 0x2d
	TypePlace     Type = 0x2e
)

// The types of frames between a relay and its clients, which RELAY.md has. They never
// come in a link, nor those of a link here.
const (
	TypeRHello  Type = 0x40
	TypeAuth    Type = 0x41
	TypeClaim   Type = 0x42
	TypeClaimed Type = 0x43
	TypeSeek    Type = 0x44
	TypeWait    Type = 0x45
	TypeKnock   Type = 0x46
	TypeJoin    Type = 0x47
	TypeOK      Type = 0x48
	TypeNo      Type = 0x49
	TypePing    Type = 0x4a
	TypePong    Type = 0x4b
	TypeLeave   Type = 0x4c
)

// frames is what is fixed of each type: the name that PROTOCOL.md uses, the largest
// body in bytes, and the fields of the body. No type has an empty body, so a limit of 0
// is that of a type which does not exist.
//
// uN is big-endian, uv a minimal LEB128, sv a zigzag uv, bytes a uv length and as many
// bytes; * repeats to the end.
var frames = [...]struct {
	name  string
	limit int
}{
	TypeHello:     {"HELLO", 4095},       // u16 min | u16 max | u8 role | u8 purpose | u8 method | u64 capabilities | 16B session | u32 epoch | u16 stream | bytes share | skipped
	TypeProof:     {"PROOF", 64},         // 64B MAC
	TypeRefuse:    {"REFUSE", 1},         // u8 code
	TypeResume:    {"RESUME", 8},         // u64 received
	TypeKeyProof:  {"KEYPROOF", 4095},    // bytes key | bytes signature
	TypeOffer:     {"OFFER", 64 << 10},   // u32 flags | u32 retry seconds | uv items | uv bytes | u8 exact | uv n | n * (u8 kind | bytes name | uv size+1)
	TypeAccept:    {"ACCEPT", 64},        // u32 flags | u32 retry seconds | uv entry window | uv entry bytes | u8 ordered | u16 streams
	TypeDecline:   {"DECLINE", 1100},     // u8 code | bytes message
	TypeEntry:     {"ENTRY", maxBody},    // uv first id | * (u8 kind | u8 flags | fields of the kind)
	TypeChecked:   {"CHECKED", 600},      // uv id | u8 attempt | uv first chunk | uv count | bitmap
	TypeWant:      {"WANT", maxBody},     // * (uv id | u8 attempt | u8 kind | fields of the kind)
	TypeData:      {"DATA", maxBody},     // u64 id | u8 attempt | u8 flags | u8 encoding | u8 0 | u64 offset | 32B check, if last | payload
	TypePack:      {"PACK", maxBody},     // * (uv id | uv length | 32B root | content)
	TypeFileEnd:   {"FILEEND", 64 << 10}, // * (uv id | u8 attempt | uv size | 32B root | uv chunks)
	TypeChanged:   {"CHANGED", 64},       // uv id | u8 attempt | uv mode | sv seconds | uv nanoseconds | uv size
	TypeCredit:    {"CREDIT", 4},         // u32 bytes
	TypeDone:      {"DONE", 64 << 10},    // * (uv id | u8 status | u8 code, if skipped | bytes name, if renamed or elsewhere)
	TypeFault:     {"FAULT", 1200},       // uv id | u8 code | bytes message
	TypeEnd:       {"END", 64},           // uv entries | uv files | uv bytes | uv failed
	TypeReceipt:   {"RECEIPT", 96},       // uv delivered | uv same | uv skipped | uv failed | uv bytes | u8 durable | 32B digest
	TypeBye:       {"BYE", 1100},         // u8 code | bytes message
	TypeHeartbeat: {"HEARTBEAT", 16},     // u8 state | u64 progress
	TypeAck:       {"ACK", 10},           // u16 stream | u64 received
	TypeWarn:      {"WARN", 64 << 10},    // * (uv id | u8 attributes | u8 code)
	TypePackZ:     {"PACKZ", maxBody},    // zstd frame of a PACK's body
	TypeLimit:     {"LIMIT", 8},          // u64 bytes a second
	TypeStreams:   {"STREAMS", 2},        // u16 streams
	TypePad:       {"PAD", 4095},         // reserved: early builds of version 1 send it, and what it holds means nothing
	TypePaths:     {"PATHS", 4096},       // u32 serial | u8 n | n * (u8 kind | bytes address | u16 port)
	TypePunch:     {"PUNCH", 6},          // u32 serial | u16 milliseconds

	TypeRequest: {"REQUEST", 64 << 10},   // u32 flags | uv n | n * bytes path
	TypeAsk:     {"ASK", 66000},          // u8 kind | uv source | bytes path | bytes item | u8 folder
	TypeListing: {"LISTING", 128 << 10},  // u8 flags | uv source | bytes path | u8 code | bytes message | sv seconds | uv nanoseconds | uv n | n * (u8 kind | bytes name)
	TypeRemark:  {"REMARK", maxBody},     // * (u8 kind | u8 code | u8 item | uv number | bytes path | bytes text)
	TypePieces:  {"PIECES", piecesLimit}, // uv id | u8 attempt | u8 level | u8 last | uv n | n * (uv length | 5B sum)
	TypePlace:   {"PLACE", 4098},         // bytes path

	TypeRHello:  {"RHELLO", 1024}, // 8B "ferry-rv" | u16 min | u16 max | u64 capabilities | 16B nonce | skipped
	TypeAuth:    {"AUTH", 32},     // 32B MAC
	TypeClaim:   {"CLAIM", 57},    // u8 allocate | 16B room | 32B ticket | 8B instance
	TypeClaimed: {"CLAIMED", 28},  // uv number | u32 keep seconds | bytes seen address | u16 seen port
	TypeSeek:    {"SEEK", 32},     // 16B room | 16B call
	TypeWait:    {"WAIT", 27},     // bytes seen address | u16 seen port | 8B instance
	TypeKnock:   {"KNOCK", 20},    // 16B call | 4B source
	TypeJoin:    {"JOIN", 16},     // 16B call
	TypeOK:      {"OK", 16},       // 16B call
	TypeNo:      {"NO", 3},        // u8 code | u16 again after seconds
	TypePing:    {"PING", 4},      // u32 serial
	TypePong:    {"PONG", 4},      // u32 serial
	TypeLeave:   {"LEAVE", 1},     // u8 code
}

// Limit returns the largest body of type t in bytes, and 0 for a type that does not
// exist.
func Limit(t Type) int {
	if int(t) >= len(frames) {
		return 0
	}
	return frames[t].limit
}

// String returns the name that PROTOCOL.md uses.
func (t Type) String() string {
	if Limit(t) == 0 {
		return fmt.Sprintf("type 0x%02x", uint8(t))
	}
	return frames[t].name
}
