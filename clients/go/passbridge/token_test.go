package passbridge

import (
	"context"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestTokenWithoutTLSIsSentToLoopbackOnly(t *testing.T) {
	for _, test := range []struct {
		address net.Addr
		bound   bool
		passes  bool
	}{
		{&net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)}, true, true},
		{&net.TCPAddr{IP: net.IPv6loopback}, true, true},
		{&net.UnixAddr{Name: "/run/passbridge.sock"}, true, true},
		{&net.TCPAddr{IP: net.IPv4(192, 0, 2, 1)}, true, false},
		{&net.TCPAddr{IP: net.IPv4(192, 0, 2, 1)}, false, true},
	} {
		_, _, err := newPlaintext(test.bound).Clone().ClientHandshake(context.Background(), "a", connTo{address: test.address})
		if (err == nil) != test.passes {
			t.Errorf("%s: %v", test.address, err)
		}
	}
	needs := bearer{source: fixedToken("a"), needsTLS: true}
	if !needs.RequireTransportSecurity() {
		t.Error("the credentials do not require TLS")
	}
}

// connTo is a connection that has only a remote address.
type connTo struct {
	net.Conn
	address net.Addr
}

func (c connTo) RemoteAddr() net.Addr { return c.address }

func TestTokenFileIsReadAgainWhenItChangesOrAges(t *testing.T) {
	file := filepath.Join(t.TempDir(), "token")
	now := time.Unix(1_000_000, 0)
	source := newFileToken(file)
	source.now = func() time.Time { return now }
	write := func(content string, at time.Time) {
		t.Helper()
		if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(file, at, at); err != nil {
			t.Fatal(err)
		}
	}
	sends := func(what, expected string) {
		t.Helper()
		if token, err := source.token(); token != expected || (err == nil) != (expected != "") {
			t.Errorf("%s: %q, %v", what, token, err)
		}
	}
	sends("no file", "")
	write("one\n", now)
	sends("first read", "one")
	write("two\n", now)
	sends("the same times and size", "one")
	now = now.Add(tokenMaxAge)
	sends("maximum age reached", "two")
	write("three", now)
	sends("changed time or size", "three")
	write("", now.Add(time.Second))
	sends("empty file, before the maximum age", "three")
	now = now.Add(tokenMaxAge)
	sends("empty file, after the maximum age", "")
	write("line\nline", now)
	sends("two lines", "")
	write(strings.Repeat("a", tokenMaxSize+1), now)
	sends("too large", "")
}
