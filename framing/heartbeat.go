package framing

import "encoding/binary"

// State is what a side is busy with; each has its own limit on how long its
// progress may stand still.
type State uint8

const (
	StateSending State = 1 // moving bytes
	StateDisk    State = 2 // waiting for the disk
	StateHashing State = 3 // hashing, which counts as progress
	StateSource  State = 4 // waiting for the source, such as a pipe
	StateUser    State = 5 // waiting for a person
	StateIdle    State = 6 // nothing to do: the other side's turn
)

// Heartbeat shows that a side lives, and whether it gets on.
type Heartbeat struct {
	State    State
	Progress uint64 // grows whenever something was done; its unit is the sender's own
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
