// Package servertest starts the real server for tests, and stands between it and a client.
package servertest

import (
	"bufio"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"
)

// Patience is how long to wait for what must come; only a failing test ever waits so long.
const Patience = time.Minute

// A Server is a running passbridge with a data folder of its own. It ends with the test that started it.
type Server struct {
	// Address is where it serves gRPC, also after a restart, and REST where it serves REST.
	Address, REST string
	// Config is its configuration file, which SIGHUP has it read again.
	Config string

	settings map[string]string
	process  *exec.Cmd
	log      *logLines
	ended    chan struct{}
}

// Start starts a server with this configuration (TOML), which needs to say nothing of listeners and data, and waits until
// it serves.
func Start(t testing.TB, config string) *Server {
	t.Helper()
	file := filepath.Join(t.TempDir(), "passbridge.toml")
	if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	server := &Server{Config: file, settings: map[string]string{
		"PASSBRIDGE_GRPC__LISTEN":              "127.0.0.1:0",
		"PASSBRIDGE_REST__LISTEN":              "127.0.0.1:0",
		"PASSBRIDGE_OPERATIONS__LISTEN":        "127.0.0.1:0",
		"PASSBRIDGE_STORE__PATH":               filepath.Join(t.TempDir(), "data"),
		"PASSBRIDGE_STORE__FREE_SPACE_RESERVE": "0",
		"PASSBRIDGE_LOG__FORMAT":               "json",
	}}
	server.Restart(t)
	t.Cleanup(server.kill)
	return server
}

// Restart starts it after [Server.Stop], on the same port and data.
func (s *Server) Restart(t testing.TB) {
	t.Helper()
	s.process = exec.Command(Binary(t), "serve", "--config", s.Config)
	for name, value := range s.settings {
		s.process.Env = append(s.process.Env, name+"="+value)
	}
	output, err := s.process.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := s.process.Start(); err != nil {
		t.Fatalf("the server doesn't start: %v", err)
	}
	s.log = newLogLines(output)
	s.ended = make(chan struct{})
	go func(process *exec.Cmd, log *logLines, ended chan struct{}) {
		<-log.end
		_ = process.Wait()
		close(ended)
	}(s.process, s.log, s.ended)
	var serving struct{ GRPC, REST string }
	if err := json.Unmarshal([]byte(s.WaitForLine(t, `"serving"`)), &serving); err != nil {
		t.Fatal(err)
	}
	s.Address, s.REST = serving.GRPC, serving.REST
	s.settings["PASSBRIDGE_GRPC__LISTEN"] = s.Address
}

// Stop asks it to end, and waits until it has.
func (s *Server) Stop(t testing.TB) {
	t.Helper()
	s.Signal(t, syscall.SIGTERM)
	select {
	case <-s.ended:
	case <-time.After(Patience):
		t.Fatal("the server doesn't end")
	}
}

// Signal sends it a signal.
func (s *Server) Signal(t testing.TB, signal os.Signal) {
	t.Helper()
	if err := s.process.Process.Signal(signal); err != nil {
		t.Fatal(err)
	}
}

// WaitForLine waits for the next line of its log that holds text.
func (s *Server) WaitForLine(t testing.TB, text string) string {
	t.Helper()
	limit := time.After(Patience)
	var seen []string
	for {
		select {
		case line, ok := <-s.log.lines:
			if !ok {
				t.Fatalf("the server ended and never said %s, but:\n%s", text, strings.Join(seen, "\n"))
			}
			if strings.Contains(line, text) {
				return line
			}
			seen = append(seen, line)
		case <-limit:
			t.Fatalf("the server never said %s, but:\n%s", text, strings.Join(seen, "\n"))
		}
	}
}

func (s *Server) kill() {
	if err := s.process.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		panic(err)
	}
	<-s.ended
}

// logLines are the lines of a log. They are read to its end whether or not a test waits for them.
type logLines struct {
	lines chan string
	end   chan struct{}
}

func newLogLines(log io.Reader) *logLines {
	said := &logLines{lines: make(chan string, 1<<16), end: make(chan struct{})}
	go func() {
		defer close(said.end)
		defer close(said.lines)
		lines := bufio.NewScanner(log)
		lines.Buffer(nil, 1<<20)
		for lines.Scan() {
			select {
			case said.lines <- lines.Text():
			default: // No test looks so far back, and the server must not wait for it.
			}
		}
	}()
	return said
}

// Binary is the program under test: PASSBRIDGE_BINARY, or what cargo has built in this repository.
func Binary(t testing.TB) string {
	t.Helper()
	binary := os.Getenv("PASSBRIDGE_BINARY")
	if binary == "" {
		binary = filepath.Join(Root(), "..", "..", "target", "debug", "passbridge")
	}
	if _, err := os.Stat(binary); err != nil {
		t.Fatalf("no server to test against: build it (cargo build), or name it by PASSBRIDGE_BINARY: %v", err)
	}
	absolute, err := filepath.Abs(binary)
	if err != nil {
		t.Fatal(err)
	}
	return absolute
}

// Root is the folder of this Go module.
func Root() string {
	_, file, _, _ := runtime.Caller(0)
	return filepath.Join(filepath.Dir(file), "..", "..")
}
