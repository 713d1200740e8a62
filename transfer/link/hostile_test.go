package link

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"crypto/tls"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"math"
	"net"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"ferry/framing"
)

// A peer that has proved itself is believed no length: what is beyond a type's
// limit, or no type at all, is refused by its header, and nothing is allocated.
func TestLengthsAfterProof(t *testing.T) {
	header := func(length uint32, t framing.Type) []byte {
		return append(binary.BigEndian.AppendUint32(nil, length), byte(t))
	}
	for name, frame := range map[string][]byte{
		"H01 no length":                header(0, framing.TypeEntry),
		"H01 no body":                  header(1, framing.TypeEntry),
		"H01 one beyond the limit":     header(uint32(framing.Limit(framing.TypeEntry))+2, framing.TypeEntry),
		"H01 a small type's limit":     header(uint32(framing.Limit(framing.TypeCredit))+2, framing.TypeCredit),
		"H01 2^31-1":                   header(math.MaxInt32, framing.TypeData),
		"H01 2^31":                     header(1<<31, framing.TypeData),
		"H01 2^32-1":                   header(math.MaxUint32, framing.TypePack),
		"H06 an unknown type":          header(2, 0xee),
		"H06 the ladder's first frame": header(100, framing.TypeHello),
	} {
		t.Run(name, func(t *testing.T) {
			a, b, err := Pipe(Config{Role: Sender}, Config{Role: Receiver})
			if err != nil {
				t.Fatal(err)
			}
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			c := a.conns.stream(0).in.current()
			if _, err := c.Write(frame); err != nil {
				t.Fatal(err)
			}
			if err := c.Flush(); err != nil {
				t.Fatal(err)
			}
			_, n, err := b.Stream(0).Next()
			if name == "H01 no body" {
				// It is for the parser of the type to refuse.
				if err != nil || n != 0 {
					t.Errorf("%d bytes, %v", n, err)
				}
			} else {
				wantCode(t, "Next", err, framing.CodeProtocol)
			}
			runtime.ReadMemStats(&after)
			if n := after.TotalAlloc - before.TotalAlloc; n > 1<<20 {
				t.Errorf("%d KiB were allocated", n>>10)
			}
			a.Abort(nil)
			_, _ = a.Close(), b.Close()
		})
	}
}

// A ClientHello beyond what TLS allows is refused by its length, at once.
func TestHugeClientHello(t *testing.T) {
	for name, length := range map[string]int{"H54 one byte too long": 1<<16 + 1, "H54 16 MiB": 1<<24 - 1} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l, inner := memoryServer(t, Config{Role: Receiver, Code: code(t, "7-right")})
				conn, closed := dialWatched(t, inner)
				start := time.Now()
				hello := []byte{0x16, 3, 1, 0, 5, 1, byte(length >> 16), byte(length >> 8), byte(length), 0}
				if _, err := conn.Write(hello); err != nil {
					t.Fatal(err)
				}
				<-closed
				if waited := time.Since(start); waited != 0 {
					t.Errorf("refused after %v only", waited)
				}
				_ = conn.Close()
				_ = l.Close()
			})
		})
	}
}

// keyUpdater writes TLS 1.3 records of its own after a handshake, by the secret
// that the key log tells.
type keyUpdater struct {
	conn   net.Conn
	secret []byte
	aead   cipher.AEAD
	iv     []byte
	seq    uint64
}

// updaterOf has the secret from a key log.
func updaterOf(conn net.Conn, log string) (*keyUpdater, error) {
	k := &keyUpdater{conn: conn}
	for line := range strings.Lines(log) {
		if f := strings.Fields(line); f[0] == "CLIENT_TRAFFIC_SECRET_0" {
			secret, err := hex.DecodeString(f[2])
			if err != nil {
				return nil, err
			}
			return k, k.rekey(secret)
		}
	}
	return nil, errors.New("no secret in the log")
}

func (k *keyUpdater) expand(label string, n int) []byte {
	label = "tls13 " + label
	info := append([]byte{0, byte(n), byte(len(label))}, label...)
	b, err := hkdf.Expand(sha256.New, k.secret, string(append(info, 0)), n)
	if err != nil {
		panic(err) // n is too large
	}
	return b
}

// rekey uses secret for the records that follow.
func (k *keyUpdater) rekey(secret []byte) error {
	k.secret, k.seq = secret, 0
	block, err := aes.NewCipher(k.expand("key", 16))
	if err == nil {
		k.aead, err = cipher.NewGCM(block)
	}
	k.iv = k.expand("iv", 12)
	return err
}

// update sends a KeyUpdate that asks for one in return.
func (k *keyUpdater) update() error {
	inner := []byte{24, 0, 0, 1, 1, 22} // KeyUpdate, update_requested; a handshake record
	head := []byte{23, 3, 3, 0, byte(len(inner) + k.aead.Overhead())}
	nonce := append([]byte(nil), k.iv...)
	var seq [8]byte
	binary.BigEndian.PutUint64(seq[:], k.seq)
	for i, b := range seq {
		nonce[4+i] ^= b
	}
	_, err := k.conn.Write(k.aead.Seal(head, nonce, inner, head))
	return errors.Join(err, k.rekey(k.expand("traffic upd", sha256.Size)))
}

// A stranger that only ever changes keys is thrown out after a few.
func TestKeyUpdateFlood(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, inner := memoryServer(t, Config{Role: Receiver, Code: code(t, "7-right")})
		conn, closed := dialWatched(t, inner)
		conf, err := newTLSConfig()
		if err != nil {
			t.Fatal(err)
		}
		var log strings.Builder
		conf.KeyLogWriter = &log
		c := tls.Client(conn, conf)
		if err := c.Handshake(); err != nil {
			t.Fatal(err)
		}
		if id := c.ConnectionState().CipherSuite; id != tls.TLS_AES_128_GCM_SHA256 {
			t.Skipf("the test writes records for AES-128 only, this is %s", tls.CipherSuiteName(id))
		}
		k, err := updaterOf(conn, log.String())
		if err != nil {
			t.Fatal(err)
		}
		start := time.Now()
		for range 3 {
			if err := k.update(); err != nil {
				t.Fatal(err)
			}
		}
		synctest.Wait()
		select {
		case <-closed:
			t.Fatal("a few updates are refused: the records of this test are wrong")
		default:
		}
		for range 100 {
			if k.update() != nil {
				break
			}
		}
		<-closed
		if waited := time.Since(start); waited != 0 {
			t.Errorf("thrown out after %v only", waited)
		}
		_ = conn.Close()
		_ = l.Close()
	})
}
