package passbridge

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"os"
	"time"

	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
)

// The texts of failed handshakes. kindOf recognizes errors by them, because gRPC passes on only texts.
const (
	certificateExpired   = "the server's certificate has expired"
	certificateNotYet    = "the server's certificate is not yet valid"
	certificateUntrusted = "the server's certificate is from an unknown CA"
	certificateOfOther   = "the server's certificate is for another name"
	notEncrypted         = "the server does not use TLS"
	tokenOverPlaintext   = "a token is not sent to another machine without TLS"
)

// tlsFiles configures the trusted CAs and the client certificate.
type tlsFiles struct {
	config                           *tls.Config
	caFile, certificateFile, keyFile string
}

func (f tlsFiles) sendsCertificate() bool {
	configured := f.config != nil && (len(f.config.Certificates) > 0 || f.config.GetClientCertificate != nil)
	return configured || f.certificateFile != ""
}

func (f tlsFiles) credentials() (credentials.TransportCredentials, error) {
	config := &tls.Config{MinVersion: tls.VersionTLS12}
	if f.config != nil {
		config = f.config.Clone()
	}
	if f.caFile != "" {
		pool, err := readCAs(f.caFile)
		if err != nil {
			return nil, err
		}
		config.RootCAs = pool
	}
	if f.certificateFile != "" {
		load := func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
			certificate, err := tls.LoadX509KeyPair(f.certificateFile, f.keyFile)
			return &certificate, err
		}
		if _, err := load(nil); err != nil {
			return nil, fmt.Errorf("client certificate: %w", err)
		}
		config.GetClientCertificate = load
	}
	return handshake{credentials.NewTLS(config)}, nil
}

func readCAs(file string) (*x509.CertPool, error) {
	content, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("CA: %w", err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(content) {
		return nil, fmt.Errorf("CA: %s contains no PEM certificate", file)
	}
	return pool, nil
}

// handshake is a TLS handshake whose errors name the problem and the address.
type handshake struct {
	credentials.TransportCredentials
}

func (h handshake) ClientHandshake(ctx context.Context, authority string, raw net.Conn) (net.Conn, credentials.AuthInfo, error) {
	conn, info, err := h.TransportCredentials.ClientHandshake(ctx, authority, raw)
	if err != nil {
		return nil, nil, explainHandshake(err, raw.RemoteAddr())
	}
	return alertedConn{conn}, info, nil
}

func (h handshake) Clone() credentials.TransportCredentials {
	return handshake{h.TransportCredentials.Clone()}
}

func explainHandshake(err error, address net.Addr) error {
	what := ""
	var (
		invalid   x509.CertificateInvalidError
		authority x509.UnknownAuthorityError
		name      x509.HostnameError
		record    tls.RecordHeaderError
	)
	switch {
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		what = certificateExpired
		if invalid.Cert != nil && time.Now().Before(invalid.Cert.NotBefore) {
			what = certificateNotYet
		}
	case errors.As(err, &authority):
		what = certificateUntrusted
	case errors.As(err, &name):
		what = certificateOfOther
	case errors.As(err, &record):
		what = notEncrypted
	default:
		return err
	}
	return fmt.Errorf("%s (%s): %w", what, address, err)
}

// alertedConn returns the server's TLS alert if a write fails because the server has closed the connection. In TLS 1.3 the server
// verifies the client's certificate while the client already sends data. The alert about it is then still unread.
type alertedConn struct {
	net.Conn
}

// alertPatience is how long to wait for the alert.
const alertPatience = time.Second

func (c alertedConn) Write(data []byte) (int, error) {
	written, err := c.Conn.Write(data)
	if err == nil || c.SetReadDeadline(time.Now().Add(alertPatience)) != nil {
		return written, err
	}
	var alert *net.OpError
	if _, readErr := c.Read(make([]byte, 1)); errors.As(readErr, &alert) && alert.Op == "remote error" {
		return written, readErr
	}
	return written, err
}

// plaintext connects without encryption. With a token, it refuses connections to other machines.
type plaintext struct {
	credentials.TransportCredentials
	loopbackOnly bool
}

func newPlaintext(loopbackOnly bool) plaintext {
	return plaintext{insecure.NewCredentials(), loopbackOnly}
}

func (p plaintext) ClientHandshake(ctx context.Context, authority string, raw net.Conn) (net.Conn, credentials.AuthInfo, error) {
	if p.loopbackOnly && !isLoopback(raw.RemoteAddr()) {
		return nil, nil, fmt.Errorf("%s (%s): use TLS, or WithTokenOverPlaintext if the network encrypts", tokenOverPlaintext, raw.RemoteAddr())
	}
	return p.TransportCredentials.ClientHandshake(ctx, authority, raw)
}

func (p plaintext) Clone() credentials.TransportCredentials {
	return plaintext{p.TransportCredentials.Clone(), p.loopbackOnly}
}

func isLoopback(address net.Addr) bool {
	switch address := address.(type) {
	case *net.TCPAddr:
		return address.IP.IsLoopback()
	case *net.UnixAddr:
		return true
	default:
		return false
	}
}
