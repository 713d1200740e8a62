package object

import (
	"crypto/rand"
	"encoding/hex"

	"ferry/checksum"
)

// maxMark bounds the texts of a holder, in bytes.
const maxMark = 128

// holder is the delivery that is at an upload.
type holder struct {
	ID string `json:"id,omitempty"` // of the delivery, by chance; empty: nobody is at it
	// Host, Process and Start say which process it is, where the system tells: a process on
	// the same host sees whether it still runs. Without them it is waited for.
	Host    string `json:"host,omitempty"`
	Process int    `json:"process,omitempty"`
	Start   string `json:"start,omitempty"`
}

// thisHolder is a new delivery of this process.
func thisHolder() holder {
	h := holder{ID: rand.Text()}
	host, process, start := thisProcess()
	if host != "" {
		sum := checksum.Sum([]byte(host)) // who reads the bucket learns nothing of the machine
		h.Host, h.Process, h.Start = hex.EncodeToString(sum[:16]), process, start
	}
	return h
}

func (h holder) sane() bool {
	return len(h.ID) <= maxMark && len(h.Host) <= maxMark && len(h.Start) <= maxMark && h.Process >= 0
}

// ended reports that the process of h ran on the host of self and does no more. False says
// that this is not known.
func (h holder) ended(self holder) bool {
	return h.Host != "" && h.Host == self.Host && h.Process > 0 && processEnded(h.Process, h.Start)
}
