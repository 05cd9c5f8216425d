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

// What the client says of a handshake that failed, and knows it by again: gRPC passes on only texts.
const (
	certificateExpired   = "the server's certificate has expired"
	certificateNotYet    = "the server's certificate is not valid yet"
	certificateUntrusted = "the server's certificate is from an unknown authority"
	certificateOfOther   = "the server's certificate is for another name"
	notEncrypted         = "the server speaks no TLS"
	tokenOverPlaintext   = "a token is not sent over plain text to another machine"
)

// tlsFiles says whom to trust, and what to show.
type tlsFiles struct {
	config                           *tls.Config
	caFile, certificateFile, keyFile string
}

func (f tlsFiles) showsCertificate() bool {
	configured := f.config != nil && (len(f.config.Certificates) > 0 || f.config.GetClientCertificate != nil)
	return configured || f.certificateFile != ""
}

func (f tlsFiles) credentials() (credentials.TransportCredentials, error) {
	config := &tls.Config{MinVersion: tls.VersionTLS12}
	if f.config != nil {
		config = f.config.Clone()
	}
	if f.caFile != "" {
		authorities, err := readAuthorities(f.caFile)
		if err != nil {
			return nil, err
		}
		config.RootCAs = authorities
	}
	if f.certificateFile != "" {
		show := func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
			certificate, err := tls.LoadX509KeyPair(f.certificateFile, f.keyFile)
			return &certificate, err
		}
		if _, err := show(nil); err != nil {
			return nil, fmt.Errorf("client certificate: %w", err)
		}
		config.GetClientCertificate = show
	}
	return handshake{credentials.NewTLS(config)}, nil
}

func readAuthorities(file string) (*x509.CertPool, error) {
	content, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("certificate authority: %w", err)
	}
	authorities := x509.NewCertPool()
	if !authorities.AppendCertsFromPEM(content) {
		return nil, fmt.Errorf("certificate authority: %s holds no certificate in PEM", file)
	}
	return authorities, nil
}

// handshake is a TLS handshake that says why it failed.
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

// alertedConn says why the server has closed a connection, where writing only says that it has. In TLS 1.3 a server looks at
// the client's certificate when the client already sends, and what it says of it is still to be read then.
type alertedConn struct {
	net.Conn
}

// alertPatience is how long to wait for that.
const alertPatience = time.Second

func (c alertedConn) Write(data []byte) (int, error) {
	written, err := c.Conn.Write(data)
	if err == nil || c.SetReadDeadline(time.Now().Add(alertPatience)) != nil {
		return written, err
	}
	var alert *net.OpError
	if _, said := c.Read(make([]byte, 1)); errors.As(said, &alert) && alert.Op == "remote error" {
		return written, said
	}
	return written, err
}

// plaintext is no encryption, and with a token no connection to another machine.
type plaintext struct {
	credentials.TransportCredentials
	loopbackOnly bool
}

func newPlaintext(loopbackOnly bool) plaintext {
	return plaintext{insecure.NewCredentials(), loopbackOnly}
}

func (p plaintext) ClientHandshake(ctx context.Context, authority string, raw net.Conn) (net.Conn, credentials.AuthInfo, error) {
	if p.loopbackOnly && !isLoopback(raw.RemoteAddr()) {
		return nil, nil, fmt.Errorf("%s (%s): use TLS, or WithTokenOverPlaintext", tokenOverPlaintext, raw.RemoteAddr())
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
