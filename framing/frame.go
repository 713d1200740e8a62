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
	MaxChunks  = MaxSize/ChunkSize + 1 // chunks of one file
	MaxName    = 255                   // bytes of a name, one path component
	MaxTarget  = 4095                  // bytes of a symbolic link's target
	MaxMode    = 0o7777                // permission bits with setuid, setgid, sticky
	MaxNsec    = 999_999_999           // nanoseconds of a time
	MaxMessage = 1024                  // bytes of a text for people
	DigestSize = 32                    // bytes of a chaining value or root
)

const (
	headerSize = 5         // u32 length, u8 type
	maxBody    = 256 << 10 // bytes; the largest limit of any type
)

// Type is the type byte of a frame. Values are part of the wire format.
type Type uint8

// The frame types and their bodies. uN is big-endian, uv a minimal LEB128, sv
// a zigzag uv, bytes a uv length and as many bytes; * repeats to the end.
const (
	TypeHello     Type = 0x01 // u16 min | u16 max | u8 role | u8 purpose | u8 method | u64 capabilities | 16B session | u32 epoch | u16 stream | bytes share | skipped
	TypeProof     Type = 0x02 // 64B MAC
	TypeRefuse    Type = 0x03 // u8 code
	TypeResume    Type = 0x04 // u64 received
	TypeOffer     Type = 0x10 // u32 flags | u32 retry seconds | uv items | uv bytes | u8 exact | uv n | n * (u8 kind | bytes name | uv size+1)
	TypeAccept    Type = 0x11 // u32 flags | u32 retry seconds | uv entry window | uv entry bytes | u8 ordered | u16 streams
	TypeDecline   Type = 0x12 // u8 code | bytes message
	TypeEntry     Type = 0x13 // uv first id | * (u8 kind | u8 flags | fields of the kind)
	TypeChecked   Type = 0x14 // uv id | u8 attempt | uv first chunk | uv count | bitmap
	TypeWant      Type = 0x15 // * (uv id | u8 attempt | u8 kind | fields of the kind)
	TypeData      Type = 0x16 // u64 id | u8 attempt | u8 flags | u8 encoding | u8 0 | u64 offset | 32B check, if last | payload
	TypePack      Type = 0x17 // * (uv id | uv length | 32B root | content)
	TypeFileEnd   Type = 0x18 // * (uv id | u8 attempt | uv size | 32B root | uv chunks)
	TypeChanged   Type = 0x19 // uv id | u8 attempt | uv mode | sv seconds | uv nanoseconds | uv size
	TypeCredit    Type = 0x1a // u32 bytes
	TypeDone      Type = 0x1b // * (uv id | u8 status | bytes name, if renamed)
	TypeFault     Type = 0x1c // uv id | u8 code | bytes message
	TypeEnd       Type = 0x1d // uv entries | uv files | uv bytes | uv failed
	TypeReceipt   Type = 0x1e // uv delivered | uv same | uv skipped | uv failed | uv bytes | u8 durable | 32B digest
	TypeBye       Type = 0x1f // u8 code | bytes message
	TypeHeartbeat Type = 0x20 // u8 state | u64 progress
	TypeAck       Type = 0x21 // u16 stream | u64 received
	TypeWarn      Type = 0x22 // * (uv id | u8 attributes | u8 code)
	TypePackZ     Type = 0x23 // zstd frame of a PACK's body
	TypeLimit     Type = 0x24 // u64 bytes a second
	TypeStreams   Type = 0x25 // u16 streams
	TypePad       Type = 0x26 // reserved: early builds of version 1 send it, and what it holds means nothing
)

// Limit returns the largest body of type t in bytes, and 0 for a type that does
// not exist. No type has an empty body, so 0 refuses all.
func Limit(t Type) int {
	switch t {
	case TypeHello:
		return 4095
	case TypeProof:
		return 64
	case TypeRefuse:
		return 1
	case TypeResume, TypeLimit:
		return 8
	case TypeOffer, TypeFileEnd, TypeDone, TypeWarn:
		return 64 << 10
	case TypeAccept, TypeChanged, TypeEnd:
		return 64
	case TypeChecked:
		return 600
	case TypeDecline, TypeBye:
		return 1100
	case TypeEntry, TypeWant, TypeData, TypePack, TypePackZ:
		return maxBody
	case TypeCredit:
		return 4
	case TypeStreams:
		return 2
	case TypeFault:
		return 1200
	case TypeReceipt:
		return 96
	case TypeHeartbeat:
		return 16
	case TypeAck:
		return 10
	case TypePad:
		return 4095
	}
	return 0
}

// String returns the name that PROTOCOL.md uses.
func (t Type) String() string {
	switch t {
	case TypeHello:
		return "HELLO"
	case TypeProof:
		return "PROOF"
	case TypeRefuse:
		return "REFUSE"
	case TypeResume:
		return "RESUME"
	case TypeOffer:
		return "OFFER"
	case TypeAccept:
		return "ACCEPT"
	case TypeDecline:
		return "DECLINE"
	case TypeEntry:
		return "ENTRY"
	case TypeChecked:
		return "CHECKED"
	case TypeWant:
		return "WANT"
	case TypeData:
		return "DATA"
	case TypePack:
		return "PACK"
	case TypeFileEnd:
		return "FILEEND"
	case TypeChanged:
		return "CHANGED"
	case TypeCredit:
		return "CREDIT"
	case TypeDone:
		return "DONE"
	case TypeFault:
		return "FAULT"
	case TypeEnd:
		return "END"
	case TypeReceipt:
		return "RECEIPT"
	case TypeBye:
		return "BYE"
	case TypeHeartbeat:
		return "HEARTBEAT"
	case TypeAck:
		return "ACK"
	case TypeWarn:
		return "WARN"
	case TypePackZ:
		return "PACKZ"
	case TypeLimit:
		return "LIMIT"
	case TypeStreams:
		return "STREAMS"
	case TypePad:
		return "PAD"
	}
	return fmt.Sprintf("type 0x%02x", uint8(t))
}
