package servertest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// An Authority is a CA for tests.
type Authority struct {
	// File is the PEM file with its own certificate.
	File string

	certificate *x509.Certificate
	key         *ecdsa.PrivateKey
}

// An Identity is a certificate and its private key, each in a PEM file.
type Identity struct {
	Certificate, Key string
}

// NewAuthority creates a CA.
func NewAuthority(t testing.TB) *Authority {
	t.Helper()
	template := template("an authority")
	template.IsCA, template.BasicConstraintsValid = true, true
	template.KeyUsage = x509.KeyUsageCertSign
	key := newKey(t)
	authority := &Authority{certificate: template, key: key}
	var der []byte
	authority.File, der = authority.issue(t, template, key)
	certificate, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	authority.certificate = certificate
	return authority
}

// Server issues a certificate for 127.0.0.1.
func (a *Authority) Server(t testing.TB) Identity {
	t.Helper()
	template := template("a server")
	template.IPAddresses = []net.IP{net.IPv4(127, 0, 0, 1)}
	return a.identity(t, template)
}

// Client issues a client certificate with this DNS name.
func (a *Authority) Client(t testing.TB, name string) Identity {
	t.Helper()
	template := template("a client")
	template.DNSNames = []string{name}
	return a.identity(t, template)
}

func (a *Authority) identity(t testing.TB, template *x509.Certificate) Identity {
	t.Helper()
	key := newKey(t)
	file, _ := a.issue(t, template, key)
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return Identity{Certificate: file, Key: writePEM(t, "PRIVATE KEY", der)}
}

func (a *Authority) issue(t testing.TB, template *x509.Certificate, key *ecdsa.PrivateKey) (string, []byte) {
	t.Helper()
	der, err := x509.CreateCertificate(rand.Reader, template, a.certificate, key.Public(), a.key)
	if err != nil {
		t.Fatal(err)
	}
	return writePEM(t, "CERTIFICATE", der), der
}

func template(name string) *x509.Certificate {
	return &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()),
		Subject:      pkix.Name{CommonName: name},
		NotBefore:    time.Now().Add(-time.Hour),
		NotAfter:     time.Now().Add(24 * time.Hour),
	}
}

func newKey(t testing.TB) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func writePEM(t testing.TB, kind string, der []byte) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "a.pem")
	if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}
