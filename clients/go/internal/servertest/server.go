// Package servertest starts real servers for tests, and proxies that fail.
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

// Patience is the timeout of tests. Only a failing test waits so long.
const Patience = time.Minute

// A Server is a running passbridge server with its own data folder. It is killed at the end of the test that started it.
type Server struct {
	// Address is its gRPC address, which a restart does not change. REST is its REST address.
	Address, REST string
	// Config is its configuration file. SIGHUP reloads it.
	Config string

	settings map[string]string
	process  *exec.Cmd
	log      *logLines
	ended    chan struct{}
}

// Start starts a server with this configuration (TOML) and waits until it is serving. Listeners and the data folder are set by
// environment variables.
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

// Restart starts the server again after [Server.Stop], on the same port and with the same data.
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
		t.Fatalf("the server did not start: %v", err)
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

// Stop sends SIGTERM and waits until the server has exited.
func (s *Server) Stop(t testing.TB) {
	t.Helper()
	s.Signal(t, syscall.SIGTERM)
	select {
	case <-s.ended:
	case <-time.After(Patience):
		t.Fatal("the server did not exit")
	}
}

// Signal sends a signal to the server.
func (s *Server) Signal(t testing.TB, signal os.Signal) {
	t.Helper()
	if err := s.process.Process.Signal(signal); err != nil {
		t.Fatal(err)
	}
}

// WaitForLine waits for the next log line that contains text.
func (s *Server) WaitForLine(t testing.TB, text string) string {
	t.Helper()
	limit := time.After(Patience)
	var seen []string
	for {
		select {
		case line, ok := <-s.log.lines:
			if !ok {
				t.Fatalf("the server exited without logging %s:\n%s", text, strings.Join(seen, "\n"))
			}
			if strings.Contains(line, text) {
				return line
			}
			seen = append(seen, line)
		case <-limit:
			t.Fatalf("the server did not log %s:\n%s", text, strings.Join(seen, "\n"))
		}
	}
}

func (s *Server) kill() {
	if err := s.process.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		panic(err)
	}
	<-s.ended
}

// logLines has the lines of a log, which is read to its end whether or not a test waits for a line.
type logLines struct {
	lines chan string
	end   chan struct{}
}

func newLogLines(log io.Reader) *logLines {
	read := &logLines{lines: make(chan string, 1<<16), end: make(chan struct{})}
	go func() {
		defer close(read.end)
		defer close(read.lines)
		lines := bufio.NewScanner(log)
		lines.Buffer(nil, 1<<20)
		for lines.Scan() {
			select {
			case read.lines <- lines.Text():
			default: // The channel is full: drop the line, so that the server is not blocked. No test reads so many.
			}
		}
	}()
	return read
}

// Binary returns the path of the server under test: PASSBRIDGE_BINARY, or the debug build of this repository.
func Binary(t testing.TB) string {
	t.Helper()
	binary := os.Getenv("PASSBRIDGE_BINARY")
	if binary == "" {
		binary = filepath.Join(Root(), "..", "..", "target", "debug", "passbridge")
	}
	if _, err := os.Stat(binary); err != nil {
		t.Fatalf("no server binary: run cargo build, or set PASSBRIDGE_BINARY: %v", err)
	}
	absolute, err := filepath.Abs(binary)
	if err != nil {
		t.Fatal(err)
	}
	return absolute
}

// Root returns the folder of this Go module.
func Root() string {
	_, file, _, _ := runtime.Caller(0)
	return filepath.Join(filepath.Dir(file), "..", "..")
}
