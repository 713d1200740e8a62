package relayed

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"

	"ferry/transfer/relay/ws"
)

// socketOver asks the web server on conn for a WebSocket. conn is its own, also on errors.
func socketOver(ctx context.Context, conn net.Conn, u URL, conf *tls.Config) (net.Conn, error) {
	given := make(chan net.Conn, 1)
	given <- conn
	transport := &http.Transport{
		TLSClientConfig:    conf,
		DisableCompression: true,
		DialContext: func(context.Context, string, string) (net.Conn, error) {
			select {
			case c := <-given:
				return c, nil
			default:
				return nil, errors.New("the web server asks for another connection")
			}
		},
	}
	client := &http.Client{Transport: transport, CheckRedirect: func(to *http.Request, _ []*http.Request) error {
		return fmt.Errorf("the web server sends on to %s", to.URL)
	}}
	over, err := ws.Dial(ctx, "wss://"+u.Addr()+u.path, client, conn.LocalAddr(), conn.RemoteAddr())
	if err != nil {
		_ = conn.Close()
		return nil, err
	}
	return over, nil
}
