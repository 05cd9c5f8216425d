package servertest

import (
	"io"
	"net"
	"sync"
	"testing"
)

// A Mode determines what a [Proxy] does with connections.
type Mode int

const (
	// Passing forwards data in both directions.
	Passing Mode = iota
	// Refusing closes connections as soon as they are accepted.
	Refusing
	// Silent accepts connections and reads from them, but never responds.
	Silent
	// LosingResponses forwards the client's data, and closes the connection when the server responds.
	LosingResponses
)

// A Proxy is a TCP proxy between a client and a server that simulates failures.
type Proxy struct {
	// Address is the address on which it listens.
	Address string

	server string
	mutex  sync.Mutex
	mode   Mode
	open   map[net.Conn]struct{}
}

// StartProxy starts a proxy for server on a free port.
func StartProxy(t testing.TB, server string, mode Mode) *Proxy {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	proxy := &Proxy{Address: listener.Addr().String(), server: server, mode: mode, open: map[net.Conn]struct{}{}}
	t.Cleanup(func() {
		_ = listener.Close()
		proxy.Set(Refusing)
	})
	go func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			go proxy.serve(client)
		}
	}()
	return proxy
}

// Set changes the mode, for open connections too. Refusing also closes the open ones.
func (p *Proxy) Set(mode Mode) {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	p.mode = mode
	if mode == Refusing {
		for conn := range p.open {
			_ = conn.Close()
		}
	}
}

// currentMode returns the mode.
func (p *Proxy) currentMode() Mode {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	return p.mode
}

// register records an open connection. It returns false if connections are refused.
func (p *Proxy) register(conn net.Conn) bool {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	if p.mode == Refusing {
		return false
	}
	p.open[conn] = struct{}{}
	return true
}

func (p *Proxy) serve(client net.Conn) {
	defer func() { _ = client.Close() }()
	if !p.register(client) {
		return
	}
	if p.currentMode() == Silent {
		_, _ = io.Copy(io.Discard, client)
		return
	}
	server, err := net.Dial("tcp", p.server)
	if err != nil {
		return
	}
	defer func() { _ = server.Close() }()
	go func() {
		_, _ = io.Copy(server, client)
		_ = server.Close()
	}()
	p.forwardResponses(client, server)
}

func (p *Proxy) forwardResponses(client, server net.Conn) {
	buffer := make([]byte, 32<<10)
	for {
		read, err := server.Read(buffer)
		switch p.currentMode() {
		case LosingResponses, Refusing:
			return
		case Silent, Passing:
		}
		if read > 0 && p.currentMode() == Passing {
			if _, err := client.Write(buffer[:read]); err != nil {
				return
			}
		}
		if err != nil {
			return
		}
	}
}
