package framing

import "encoding/binary"

// State is what a side is busy with. Each state has its own limit on how long the
// side's progress may stand still.
type State uint8

// The states. Values are part of the wire format.
const (
	StateSending State = 1 // moving bytes
	StateDisk    State = 2 // waiting for the disk
	StateHashing State = 3 // hashing, which counts as progress
	StateSource  State = 4 // waiting for the source, which may be a pipe
	StateUser    State = 5 // waiting for a person
	StateIdle    State = 6 // nothing to do: the other side's turn
)

// Heartbeat shows that a side lives, and whether it makes progress.
type Heartbeat struct {
	State    State
	Progress uint64 // grows whenever the side has done something, in a unit of its own
}

// ParseHeartbeat parses the body of a HEARTBEAT.
func ParseHeartbeat(b []byte) (Heartbeat, error) {
	d := decoder{t: TypeHeartbeat, b: b}
	m := Heartbeat{State: State(d.u8("state")), Progress: d.u64("progress")}
	if m.State < StateSending || m.State > StateIdle {
		d.fail("state", errUnknown)
	}
	if err := d.end(); err != nil {
		return Heartbeat{}, err
	}
	return m, nil
}

// Append appends the body to b.
func (m *Heartbeat) Append(b []byte) []byte {
	return binary.BigEndian.AppendUint64(append(b, byte(m.State)), m.Progress)
}
