package servertest

import (
	"io"
	"net"
	"sync"
	"testing"
)

// A Mode is what a [Proxy] does with connections.
type Mode int

const (
	// Passing carries bytes in both directions.
	Passing Mode = iota
	// Refusing closes connections as soon as they are made.
	Refusing
	// Silent takes connections and what they send, and never answers.
	Silent
	// LosingAnswers carries what the client sends, and closes the connection instead of carrying what the server answers.
	LosingAnswers
)

// A Proxy stands between a client and a server, and can fail.
type Proxy struct {
	// Address is where it listens.
	Address string

	server string
	mutex  sync.Mutex
	mode   Mode
	open   map[net.Conn]struct{}
}

// StartProxy listens on a free port for connections to server.
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

// Set changes what it does, with connections that are open too. To refuse is to close those as well.
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

// does says what it does now.
func (p *Proxy) does() Mode {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	return p.mode
}

// keep notes a connection, unless it is refused.
func (p *Proxy) keep(conn net.Conn) bool {
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
	if !p.keep(client) {
		return
	}
	if p.does() == Silent {
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
	p.answer(client, server)
}

func (p *Proxy) answer(client, server net.Conn) {
	buffer := make([]byte, 32<<10)
	for {
		read, err := server.Read(buffer)
		switch p.does() {
		case LosingAnswers, Refusing:
			return
		case Silent, Passing:
		}
		if read > 0 && p.does() == Passing {
			if _, err := client.Write(buffer[:read]); err != nil {
				return
			}
		}
		if err != nil {
			return
		}
	}
}
