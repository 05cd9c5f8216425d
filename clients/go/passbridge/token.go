package passbridge

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

const (
	// tokenMaxAge is how long a token is used before its file is read again, even if the file's metadata has not changed. An
	// unreadable or empty file is tolerated for the same time, because some programs truncate a file before they write it.
	tokenMaxAge = time.Minute

	// tokenMaxSize is the server's limit for all headers together.
	tokenMaxSize = 16 << 10
)

// tokenUnreadable is the start of the error if the client itself has no token.
const tokenUnreadable = "no token to send"

// tokenSource provides the token to send.
type tokenSource interface {
	token() (string, error)
}

// bearer sends a token with each call.
type bearer struct {
	source   tokenSource
	needsTLS bool
}

// GetRequestMetadata implements credentials.PerRPCCredentials.
func (b bearer) GetRequestMetadata(context.Context, ...string) (map[string]string, error) {
	token, err := b.source.token()
	if err != nil {
		return nil, status.Errorf(codes.Unauthenticated, "%s: %v", tokenUnreadable, err)
	}
	return map[string]string{"authorization": "Bearer " + token}, nil
}

// RequireTransportSecurity implements credentials.PerRPCCredentials.
func (b bearer) RequireTransportSecurity() bool { return b.needsTLS }

type fixedToken string

func (t fixedToken) token() (string, error) { return validToken(string(t)) }

// fileToken is a token in a file that another program renews.
type fileToken struct {
	file string
	now  func() time.Time

	mutex  sync.Mutex
	last   string
	seen   os.FileInfo
	readAt time.Time
}

func newFileToken(file string) *fileToken {
	return &fileToken{file: file, now: time.Now}
}

func (t *fileToken) token() (string, error) {
	t.mutex.Lock()
	defer t.mutex.Unlock()
	isYoung := t.last != "" && t.now().Sub(t.readAt) < tokenMaxAge
	info, err := os.Stat(t.file)
	if err == nil && isYoung && isSameVersion(info, t.seen) {
		return t.last, nil
	}
	if err == nil {
		var token string
		if token, err = readToken(t.file); err == nil {
			t.last, t.seen, t.readAt = token, info, t.now()
			return token, nil
		}
	}
	if isYoung {
		return t.last, nil
	}
	return "", err
}

func isSameVersion(one, other os.FileInfo) bool {
	return os.SameFile(one, other) && one.ModTime().Equal(other.ModTime()) && one.Size() == other.Size()
}

func readToken(name string) (string, error) {
	file, err := os.Open(name)
	if err != nil {
		return "", err
	}
	defer func() { _ = file.Close() }()
	content, err := io.ReadAll(io.LimitReader(file, tokenMaxSize+1))
	if err != nil {
		return "", err
	}
	token, err := validToken(strings.TrimSpace(string(content)))
	if err != nil {
		return "", fmt.Errorf("file %s: %w", name, err)
	}
	return token, nil
}

// validToken checks that a header can hold the token. Its errors do not contain the token.
func validToken(token string) (string, error) {
	if token == "" {
		return "", errors.New("the token is empty")
	}
	if len(token) > tokenMaxSize {
		return "", fmt.Errorf("the token is longer than %d bytes", tokenMaxSize)
	}
	if strings.ContainsFunc(token, func(char rune) bool { return char <= ' ' || char > '~' }) {
		return "", errors.New("the token contains a space or a character that is not printable ASCII")
	}
	return token, nil
}
