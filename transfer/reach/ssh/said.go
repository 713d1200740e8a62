package ssh

import (
	"bytes"
	"sync"
)

const (
	maxSaid     = 8 << 10 // bytes of standard error that are kept, the newest
	longestSaid = 1 << 10 // bytes of a line
)

// said keeps what ssh, and the far end, wrote to standard error.
type said struct {
	tell func(line string) // may be nil

	mu   sync.Mutex
	line []byte
	kept []string
	size int
}

// Write takes text. Each whole line is kept and told.
func (s *said) Write(p []byte) (int, error) {
	for rest := p; len(rest) > 0; {
		text, after, whole := bytes.Cut(rest, []byte("\n"))
		s.mu.Lock()
		s.line = append(s.line, text[:min(len(text), longestSaid-min(longestSaid, len(s.line)))]...)
		s.mu.Unlock()
		if whole {
			s.end()
		}
		rest = after
	}
	return len(p), nil
}

// end ends a line.
func (s *said) end() {
	s.mu.Lock()
	line := string(bytes.TrimRight(s.line, "\r"))
	s.line = s.line[:0]
	if line != "" {
		s.kept = append(s.kept, line)
		s.size += len(line)
		for s.size > maxSaid {
			s.size -= len(s.kept[0])
			s.kept = s.kept[1:]
		}
	}
	s.mu.Unlock()
	if line != "" && s.tell != nil {
		s.tell(line)
	}
}

// lines is what is kept.
func (s *said) lines() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]string(nil), s.kept...)
}
