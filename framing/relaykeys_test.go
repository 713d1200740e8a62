package framing

import (
	"bytes"
	"testing"

	"ferry/framing/vector"
)

// TestRelayKeys: rooms and MACs are those that another program made from RELAY.md.
func TestRelayKeys(t *testing.T) {
	stanzas, err := vector.Read("../testdata/relay/keys.txt")
	if err != nil || len(stanzas) == 0 {
		t.Fatal(err)
	}
	for _, s := range stanzas {
		token, err := s.Bytes("token")
		if err != nil {
			t.Fatal(err)
		}
		if s.Has("room") {
			room, _ := s.Text("room")
			want, err := s.Bytes("id")
			if got := RelayRoom(token, room); err != nil || !bytes.Equal(got[:], want) {
				t.Errorf("room %q is %x instead of %x, %v", room, got, want, err)
			}
			continue
		}
		relay, err1 := s.Bytes("relay-nonce")
		client, err2 := s.Bytes("client-nonce")
		want, err3 := s.Bytes("mac")
		if err1 != nil || err2 != nil || err3 != nil {
			t.Fatal(err1, err2, err3)
		}
		if got := RelayMAC(token, [16]byte(relay), [16]byte(client)); !bytes.Equal(got[:], want) {
			t.Errorf("MAC %x instead of %x", got, want)
		}
	}
}
