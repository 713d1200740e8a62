package link

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/sha512"
	"encoding/binary"
	"errors"
	"net"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"ferry/framing"
)

// sshString is what ssh calls a string.
func sshString(b []byte, s ...byte) []byte {
	return append(binary.BigEndian.AppendUint32(b, uint32(len(s))), s...)
}

// testKey signs as ssh-keygen -Y sign does with a key of Ed25519.
type testKey struct {
	private ed25519.PrivateKey
	fails   error
	after   func() // before each signature; may be nil
}

func newTestKey(seed byte) *testKey {
	return &testKey{private: ed25519.NewKeyFromSeed(bytes.Repeat([]byte{seed}, ed25519.SeedSize))}
}

func (k *testKey) Key() []byte {
	return sshString(sshString(nil, []byte("ssh-ed25519")...), k.private.Public().(ed25519.PublicKey)...)
}

func (k *testKey) Sign(_ context.Context, message []byte) ([]byte, error) {
	if k.after != nil {
		k.after()
	}
	if k.fails != nil {
		return nil, k.fails
	}
	return sshsig(k.Key(), ed25519.Sign(k.private, sshSigned(message))), nil
}

// sshSigned is what is signed of a message.
func sshSigned(message []byte) []byte {
	b := append([]byte("SSHSIG"), 0, 0, 0, 7)
	b = append(b, "ferry@1"...)
	sum := sha512.Sum512(message)
	return sshString(sshString(sshString(b), []byte("sha512")...), sum[:]...)
}

func sshsig(key, signature []byte) []byte {
	b := binary.BigEndian.AppendUint32([]byte("SSHSIG"), 1)
	b = sshString(sshString(sshString(b, key...), []byte("ferry@1")...))
	inner := sshString(sshString(nil, []byte("ssh-ed25519")...), signature...)
	return sshString(sshString(b, []byte("sha512")...), inner...)
}

var errTestSignature = errors.New("wrong signature")

func verifyTest(key, message, blob []byte) error {
	if len(key) != 51 || len(blob) < 64 {
		return errTestSignature
	}
	signature := blob[len(blob)-64:]
	if !bytes.Equal(blob, sshsig(key, signature)) || !ed25519.Verify(key[19:], sshSigned(message), signature) {
		return errTestSignature
	}
	return nil
}

// admitting is a listener's keys, which admits those of the given clients.
func admitting(host *testKey, clients ...*testKey) *Keys {
	return &Keys{Verify: verifyTest, Host: host, Admit: func(key []byte, _ net.Addr) (any, error) {
		for i, c := range clients {
			if bytes.Equal(key, c.Key()) {
				return i, nil
			}
		}
		return nil, errors.New("nobody's")
	}}
}

// trusting is a dialler's keys, for a host that has that key.
func trusting(host *testKey, own ...*testKey) *Keys {
	k := &Keys{Verify: verifyTest, Known: func(key []byte) error {
		if !bytes.Equal(key, host.Key()) {
			return errOtherHost
		}
		return nil
	}}
	for _, o := range own {
		k.Own = append(k.Own, o)
	}
	return k
}

var errOtherHost = errors.New("the host has another key than before")

// keyed are both ends of a link by keys.
func keyed(t *testing.T, listener, dialler Config) (far, near *Link) {
	t.Helper()
	l, inner := memoryServer(t, listener)
	near, err := dialMemory(t, inner, dialler, 0)
	if err != nil {
		t.Fatal(err)
	}
	far, err = l.Accept(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { abort(near, far) })
	return far, near
}

// Keys make a link in the place of a code, for either role. Each side knows who the other is.
func TestKeys(t *testing.T) {
	host, other, client := newTestKey(1), newTestKey(2), newTestKey(3)
	for _, role := range []Role{Sender, Receiver, AnyRole} {
		for _, dials := range []Role{Sender, Receiver} {
			if dials == role {
				continue
			}
			far, near := keyed(t, Config{Role: role, Keys: admitting(host, other, client)}, Config{Role: dials, Keys: trusting(host, client)})
			if far.Who() != 1 || near.Who() != nil {
				t.Errorf("who: %v and %v", far.Who(), near.Who())
			}
			if near.Role() != dials || far.Role() != otherRole(dials) {
				t.Errorf("roles: %v dialled, and got %v and %v", dials, near.Role(), far.Role())
			}
			if far.session.id != near.session.id || !bytes.Equal(far.session.secret, near.session.secret) || far.session.id == [16]byte{} {
				t.Error("the two sides have not one session")
			}
			talk(t, []*Link{near}, []*Link{far})
			talk(t, []*Link{far}, []*Link{near})
		}
	}
}

// A listener may take a code and keys, of either role.
func TestCodeAndKeys(t *testing.T) {
	host, client := newTestKey(1), newTestKey(3)
	c := code(t, "7-some-code")
	l, inner := memoryServer(t, Config{Code: c, Keys: admitting(host, client), Links: 3})
	for _, cfg := range []Config{{Role: Sender, Code: c}, {Role: Receiver, Keys: trusting(host, client)}, {Role: Receiver, Code: c, Keys: trusting(host, client)}} {
		near, err := dialMemory(t, inner, cfg, 0)
		if err != nil {
			t.Fatal(err)
		}
		far, err := l.Accept(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if by := far.Who() != nil; by != (cfg.Code.isZero()) || far.Role() != otherRole(cfg.Role) {
			t.Errorf("%v by %v is taken for %v", cfg.Role, far.Who(), far.Role())
		}
		talk(t, []*Link{near}, []*Link{far})
		defer abort(near, far)
	}
}

// Who does not take what the other side proves says so.
func TestOtherMethod(t *testing.T) {
	host, client := newTestKey(1), newTestKey(3)
	c := code(t, "7-some-code")
	_, keys := memoryServer(t, Config{Role: Receiver, Keys: admitting(host, client)})
	_, err := dialMemory(t, keys, Config{Role: Sender, Code: c}, 0)
	wantRemote(t, "a code to keys", err, framing.CodeDeclined)
	_, codes := memoryServer(t, Config{Role: Receiver, Code: c})
	_, err = dialMemory(t, codes, Config{Role: Sender, Keys: trusting(host, client)}, 0)
	wantRemote(t, "a key to a code", err, framing.CodeDeclined)
	if !errors.Is(err, errNoKeys) {
		t.Error(err)
	}
	_, err = dialMemory(t, keys, Config{Role: Receiver, Keys: trusting(host, client)}, 0)
	if !errors.Is(err, ErrSameRole) {
		t.Errorf("equal roles: %v", err)
	}
}

// Of several keys the first that the host takes makes the link, at once. The host hears of
// no further one, and of no more than six.
func TestSeveralKeys(t *testing.T) {
	host := newTestKey(1)
	var clients []*testKey
	for i := range 9 {
		clients = append(clients, newTestKey(byte(10+i)))
	}
	broken := newTestKey(99)
	broken.fails = errors.New("the agent is locked")
	for name, tc := range map[string]struct {
		own   []*testKey
		good  int // of clients
		shown int // keys
		err   error
	}{
		"the first":                 {clients, 0, 1, nil},
		"the third":                 {clients, 2, 3, nil},
		"the sixth":                 {clients, 5, 6, nil},
		"the seventh, not shown":    {clients, 6, 6, ErrKeysRefused},
		"none of two":               {clients[:2], 5, 2, ErrKeysRefused},
		"behind one that is silent": {[]*testKey{broken, clients[0]}, 0, 1, nil},
		"none can sign":             {[]*testKey{broken}, 0, 0, broken.fails},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				keys := admitting(host, clients[tc.good])
				var shown [][]byte
				keys.Verify = func(key, message, blob []byte) error {
					shown = append(shown, bytes.Clone(key))
					return verifyTest(key, message, blob)
				}
				l, inner := memoryServer(t, Config{Role: Receiver, Keys: keys})
				began := time.Now()
				near, err := dialMemory(t, inner, Config{Role: Sender, Keys: trusting(host, tc.own...)}, time.Hour)
				if !errors.Is(err, tc.err) || (err == nil) != (tc.err == nil) {
					t.Errorf("got %v, want %v", err, tc.err)
				}
				if tc.err != nil {
					wantCode(t, name, err, framing.CodeCodeRefused)
				}
				if len(shown) != tc.shown || time.Since(began) != 0 {
					t.Errorf("%d keys were shown in %v, want %d", len(shown), time.Since(began), tc.shown)
				}
				if err == nil {
					far, err := l.Accept(t.Context())
					if err != nil {
						t.Fatal(err)
					}
					abort(near, far)
				}
				_ = l.Close()
			})
		})
	}
}

// A host whose key is not the known one hears nothing of ours, and Dial ends at once.
func TestUnknownHost(t *testing.T) {
	host, client := newTestKey(1), newTestKey(3)
	client.after = func() { t.Error("something was signed for a host that nobody knows") }
	_, inner := memoryServer(t, Config{Role: Receiver, Keys: admitting(host, client)})
	_, err := dialMemory(t, inner, Config{Role: Sender, Keys: trusting(newTestKey(2), client)}, time.Hour)
	wantCode(t, "unknown host", err, framing.CodeCodeRefused)
	if !errors.Is(err, ErrHostKey) || !errors.Is(err, errOtherHost) {
		t.Error(err)
	}
}

// A person is asked about a host for longer than a handshake may take, and has the whole
// wait afterwards.
func TestHostIsAskedAbout(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		host, client := newTestKey(1), newTestKey(3)
		l, inner := memoryServer(t, Config{Role: Receiver, Keys: admitting(host, client)})
		keys := trusting(host, client)
		asked := 0
		known := keys.Known
		keys.Known = func(key []byte) error {
			if asked++; asked == 1 {
				time.Sleep(3 * time.Minute)
			}
			return known(key)
		}
		near, err := dialMemory(t, inner, Config{Role: Sender, Keys: keys}, 0)
		if err != nil || asked != 2 {
			t.Fatalf("asked %d times: %v", asked, err)
		}
		far, err := l.Accept(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		abort(near, far)
		_ = l.Close()
	})
}

// Admit may have the peer wait, or send it away for good.
func TestAdmitSaysWhy(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		host, client := newTestKey(1), newTestKey(3)
		keys := admitting(host, client)
		var verdicts []error
		admit := keys.Admit
		keys.Admit = func(key []byte, from net.Addr) (any, error) {
			if len(verdicts) > 0 {
				err := verdicts[0]
				verdicts = verdicts[1:]
				return nil, err
			}
			return admit(key, from)
		}
		l, inner := memoryServer(t, Config{Role: Receiver, Keys: keys})
		busy := &Error{Code: framing.CodeBusy, Err: errors.New("as many links as this key may have")}
		verdicts = []error{busy, busy}
		near, err := dialMemory(t, inner, Config{Role: Sender, Keys: trusting(host, client)}, time.Minute)
		if err != nil {
			t.Fatal(err)
		}
		abort(near)
		_ = l.Close()
		verdicts = []error{&Error{Code: framing.CodeDeclined, Err: errors.New("closed today")}}
		_, inner = memoryServer(t, Config{Role: Receiver, Keys: keys})
		began := time.Now()
		_, err = dialMemory(t, inner, Config{Role: Sender, Keys: trusting(host, client)}, time.Minute)
		wantRemote(t, "declined", err, framing.CodeDeclined)
		if time.Since(began) != 0 {
			t.Error("it was tried again")
		}
	})
}

// A code that is burnt ends nothing for those with keys, and is told of once.
func TestKeysBesideABurntCode(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		host, client := newTestKey(1), newTestKey(3)
		var mu sync.Mutex
		var told []Event
		l, inner := memoryServer(t, Config{Role: Receiver, Code: code(t, "7-right"), Keys: admitting(host, client), Notify: func(e Event) {
			mu.Lock()
			defer mu.Unlock()
			told = append(told, e)
		}})
		for i := range 5 {
			conn, err := dialAs(inner, string(rune('a'+i)))(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			_ = guessOnce(conn)
		}
		near, err := dialMemory(t, inner, Config{Role: Sender, Keys: trusting(host, client)}, 0)
		if err != nil {
			t.Fatal(err)
		}
		far, err := l.Accept(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		abort(near, far)
		_ = l.Close()
		mu.Lock()
		defer mu.Unlock()
		burnt := slices.DeleteFunc(told, func(e Event) bool { return e.Kind != EventBurnt })
		if len(burnt) != 1 || !errors.Is(burnt[0].Err, ErrBurnt) {
			t.Errorf("told: %+v", burnt)
		}
	})
}
