package passbridge_test

import (
	"crypto/sha256"
	"crypto/tls"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/passbridge/passbridge/clients/go/internal/servertest"
	"github.com/passbridge/passbridge/clients/go/passbridge"
)

// tlsConfig returns the configuration of a server with this certificate.
func tlsConfig(identity servertest.Identity) string {
	return fmt.Sprintf("[grpc.tls]\ncertificate = %q\nkey = %q\n", identity.Certificate, identity.Key)
}

// tokenCaller returns the configuration of a caller with this token.
func tokenCaller(token, permission string) string {
	hash := sha256.Sum256([]byte(token))
	return fmt.Sprintf("[[callers]]\nname = %q\ntoken_hash = %q\npermissions = [%q]\n",
		"for "+permission, hex.EncodeToString(hash[:]), permission)
}

const requiresCallers = "[grpc]\nauth = \"callers\"\n"

func privateCAIsTrusted(t *testing.T) {
	authority := servertest.NewAuthority(t)
	server := servertest.Start(t, tlsConfig(authority.Server(t)))
	created(t, dialTLS(t, server.Address, passbridge.WithCA(authority.File)))
	// Each listed address is verified by its own name.
	created(t, dialTLS(t, server.Address+","+server.Address, passbridge.WithCA(authority.File)))

	isOfKind(t, refusal(t, dialTLS(t, server.Address)), passbridge.KindCertificateUntrusted, server.Address)
	other := servertest.NewAuthority(t)
	stranger := dialTLS(t, server.Address, passbridge.WithCA(other.File))
	isOfKind(t, refusal(t, stranger), passbridge.KindCertificateUntrusted, server.Address)
	renamed := dialTLS(t, server.Address, passbridge.WithCA(authority.File), passbridge.WithTLSConfig(&tls.Config{ServerName: "other.example.com"}))
	isOfKind(t, refusal(t, renamed), passbridge.KindCertificateUntrusted, server.Address)
}

func clientCertificateIsSent(t *testing.T) {
	authority, callers := servertest.NewAuthority(t), servertest.NewAuthority(t)
	server := servertest.Start(t, requiresCallers+tlsConfig(authority.Server(t))+fmt.Sprintf("client_ca = %q\n", callers.File)+
		"[[callers]]\nname = \"player\"\nsan = \"player.example.com\"\npermissions = [\"codes.create\"]\n")
	known := callers.Client(t, "player.example.com")
	created(t, dialTLS(t, server.Address, passbridge.WithCA(authority.File), passbridge.WithCertificate(known.Certificate, known.Key)))

	anonymous := dialTLS(t, server.Address, passbridge.WithCA(authority.File))
	isOfKind(t, refusal(t, anonymous), passbridge.KindCredentialsMissing, server.Address)
	requiring := servertest.Start(t, requiresCallers+tlsConfig(authority.Server(t))+
		fmt.Sprintf("client_ca = %q\nclient_certificate = \"required\"\n", callers.File))
	bare := dialTLS(t, requiring.Address, passbridge.WithCA(authority.File))
	isOfKind(t, refusal(t, bare), passbridge.KindClientCertificateRefused, requiring.Address)
	unknown := callers.Client(t, "stranger.example.com")
	stranger := dialTLS(t, server.Address, passbridge.WithCA(authority.File), passbridge.WithCertificate(unknown.Certificate, unknown.Key))
	isOfKind(t, refusal(t, stranger), passbridge.KindCredentialsRefused, server.Address)
}

func tokenIsSent(t *testing.T) {
	authority := servertest.NewAuthority(t)
	server := servertest.Start(t, requiresCallers+tlsConfig(authority.Server(t))+tokenCaller("pb_secret", "codes.create"))
	created(t, dialTLS(t, server.Address, passbridge.WithCA(authority.File), passbridge.WithToken("pb_secret")))
}

func replacedTokenIsRead(t *testing.T) {
	server := servertest.Start(t, requiresCallers+tokenCaller("pb_second", "codes.create"))
	folder := t.TempDir()
	file := filepath.Join(folder, "token")
	write := func(token string) {
		t.Helper()
		next := filepath.Join(folder, "next")
		if err := os.WriteFile(next, []byte(token+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(next, file); err != nil {
			t.Fatal(err)
		}
	}
	write("pb_first")
	client := dial(t, server.Address, passbridge.WithTokenFile(file))
	isOfKind(t, refusal(t, client), passbridge.KindCredentialsRefused, server.Address)
	write("pb_second")
	created(t, client)
}

func refusedTokenIsNotMissingPermission(t *testing.T) {
	server := servertest.Start(t, requiresCallers+tokenCaller("pb_secret", "codes.create"))
	unknown := dial(t, server.Address, passbridge.WithToken("pb_unknown"))
	isOfKind(t, refusal(t, unknown), passbridge.KindCredentialsRefused, server.Address)
	weak := dial(t, server.Address, passbridge.WithToken("pb_secret"))
	missing := refusal(t, weak)
	isOfKind(t, missing, passbridge.KindPermissionMissing, server.Address)
	if missing.Metadata["permission"] != "codes.delete" {
		t.Errorf("error does not name the permission: %v", missing.Metadata)
	}
	anonymous := dial(t, server.Address)
	isOfKind(t, refusal(t, anonymous), passbridge.KindCredentialsMissing, server.Address)
}

func expiredCertificateIsReported(t *testing.T) {
	authority := servertest.NewAuthority(t)
	server := servertest.Start(t, tlsConfig(authority.Server(t)))
	// A server does not start with an expired certificate, so the clock of the client is ahead.
	ahead := &tls.Config{Time: func() time.Time { return time.Now().AddDate(1, 0, 0) }}
	client := dialTLS(t, server.Address, passbridge.WithCA(authority.File), passbridge.WithTLSConfig(ahead))
	isOfKind(t, refusal(t, client), passbridge.KindCertificateExpired, server.Address)
}

func TestDialReportsUnusableFiles(t *testing.T) {
	t.Parallel()
	empty := filepath.Join(t.TempDir(), "empty")
	if err := os.WriteFile(empty, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for name, option := range map[string]passbridge.Option{
		"missing CA":          passbridge.WithCA("/no/such/file"),
		"empty CA":            passbridge.WithCA(empty),
		"missing certificate": passbridge.WithCertificate("/no/such/file", "/no/such/key"),
		"missing token":       passbridge.WithTokenFile("/no/such/file"),
		"empty token":         passbridge.WithTokenFile(empty),
		"token of 2 lines":    passbridge.WithToken("a\nb"),
		"empty fixed token":   passbridge.WithToken(""),
	} {
		if client, err := passbridge.Dial(t.Context(), "127.0.0.1:1", option); err == nil {
			t.Errorf("%s: accepted", name)
			_ = client.Close()
		}
	}
}
