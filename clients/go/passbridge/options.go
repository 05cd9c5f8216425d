package passbridge

import (
	"crypto/tls"
	"errors"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/keepalive"
)

// DefaultDeadline is the timeout of calls whose context has no deadline, unless [WithDefaultDeadline] sets another.
const DefaultDeadline = 10 * time.Second

// An Option configures a client; see [Dial].
type Option func(*settings)

// WithCA verifies the server's certificate with the CAs in this PEM file instead of those that the machine trusts.
func WithCA(file string) Option {
	return func(s *settings) { s.tls.caFile = file }
}

// WithCertificate sends this client certificate (PEM, followed by its intermediate CAs) to the server. Both files are read again
// for each connection, so they can be renewed.
func WithCertificate(certificateFile, keyFile string) Option {
	return func(s *settings) { s.tls.certificateFile, s.tls.keyFile = certificateFile, keyFile }
}

// WithTLSConfig sets the base TLS configuration, for settings that have no option of their own. [WithCA] and [WithCertificate] are
// applied on top of it.
func WithTLSConfig(config *tls.Config) Option {
	return func(s *settings) { s.tls.config = config }
}

// WithPlaintext connects without TLS. A client with a token then connects to loopback addresses only, unless
// [WithTokenOverPlaintext] is given too.
func WithPlaintext() Option {
	return func(s *settings) { s.plaintext = true }
}

// WithTokenOverPlaintext sends the token without TLS to other machines too, where it can be read by anyone who can read the
// traffic. It is for networks that encrypt, such as a service mesh.
func WithTokenOverPlaintext() Option {
	return func(s *settings) { s.tokenOverPlaintext = true }
}

// WithToken sends this token with each call: a token printed by `passbridge caller new`, or a JWT.
func WithToken(token string) Option {
	return func(s *settings) { s.token = fixedToken(token) }
}

// WithTokenFile sends the token in this file with each call. When the file is replaced, the next call reads it again. Projected
// service account tokens of Kubernetes require this.
func WithTokenFile(file string) Option {
	return func(s *settings) { s.token = newFileToken(file) }
}

// WithPerRPCCredentials sends these credentials with each call, for tokens from another source.
func WithPerRPCCredentials(perRPC credentials.PerRPCCredentials) Option {
	return func(s *settings) { s.perRPC = perRPC }
}

// WithDefaultDeadline sets the timeout of calls whose context has no deadline; 0 means no timeout. It does not apply to streams: a
// watch lasts as long as its code.
func WithDefaultDeadline(deadline time.Duration) Option {
	return func(s *settings) { s.deadline = deadline }
}

// WithoutHealthChecks calls every server that accepts a connection, even if it does not report SERVING.
func WithoutHealthChecks() Option {
	return func(s *settings) { s.healthChecks = false }
}

// WithReady makes [Dial] wait until a server is ready; see [Client.Ready].
func WithReady() Option {
	return func(s *settings) { s.ready = true }
}

// WithDialOptions passes these options to gRPC, after the client's own: a stats handler of OpenTelemetry, further interceptors,
// another service config. The interceptors run inside the client's own.
func WithDialOptions(options ...grpc.DialOption) Option {
	return func(s *settings) { s.further = append(s.further, options...) }
}

// settings has the values of the options.
type settings struct {
	tls                tlsFiles
	plaintext          bool
	tokenOverPlaintext bool
	token              tokenSource
	perRPC             credentials.PerRPCCredentials
	deadline           time.Duration
	healthChecks       bool
	ready              bool
	further            []grpc.DialOption
}

func newSettings() *settings {
	return &settings{deadline: DefaultDeadline, healthChecks: true}
}

// reconnect is a shorter backoff than gRPC's default, which grows to two minutes. A server restarts within seconds, and calls fail
// until the client has reconnected.
var reconnect = grpc.ConnectParams{
	Backoff:           backoff.Config{BaseDelay: 200 * time.Millisecond, Multiplier: 1.6, Jitter: 0.2, MaxDelay: 2 * time.Second},
	MinConnectTimeout: 5 * time.Second,
}

// alive configures keepalive pings, which detect a dead connection before its calls reach their deadlines. The server sends its
// own ping once a minute and accepts pings at any rate. Connections without a call are not pinged: the server closes them after
// five minutes.
var alive = keepalive.ClientParameters{Time: 30 * time.Second, Timeout: 10 * time.Second}

func (s *settings) dialOptions(target string) ([]grpc.DialOption, error) {
	if s.token != nil && s.perRPC != nil {
		return nil, errors.New("a token and WithPerRPCCredentials exclude each other: use one of them")
	}
	transport, err := s.transport()
	if err != nil {
		return nil, err
	}
	calls := &calls{target: target, deadline: s.deadline, sendsCredentials: s.sendsCredentials()}
	options := []grpc.DialOption{
		grpc.WithTransportCredentials(transport),
		grpc.WithResolvers(addressList{}),
		grpc.WithDefaultServiceConfig(serviceConfig(s.healthChecks)),
		grpc.WithMaxCallAttempts(maxAttempts),
		grpc.WithConnectParams(reconnect),
		grpc.WithKeepaliveParams(alive),
		grpc.WithUserAgent("passbridge-go"),
		grpc.WithChainUnaryInterceptor(calls.unary),
		grpc.WithChainStreamInterceptor(calls.stream),
	}
	if s.plaintext {
		// Through a proxy, the remote address is that of the proxy, so loopback could not be checked.
		options = append(options, grpc.WithNoProxy())
	}
	if s.token != nil {
		if _, err := s.token.token(); err != nil {
			return nil, err
		}
		options = append(options, grpc.WithPerRPCCredentials(bearer{source: s.token, needsTLS: !s.plaintext}))
	}
	if s.perRPC != nil {
		options = append(options, grpc.WithPerRPCCredentials(s.perRPC))
	}
	return append(options, s.further...), nil
}

func (s *settings) transport() (credentials.TransportCredentials, error) {
	if !s.plaintext {
		return s.tls.credentials()
	}
	if s.tls != (tlsFiles{}) {
		return nil, errors.New("WithPlaintext and the TLS options exclude each other: use one of them")
	}
	sendsToken := s.token != nil || s.perRPC != nil
	return newPlaintext(sendsToken && !s.tokenOverPlaintext), nil
}

// sendsCredentials reports whether the client sends a token or a certificate.
func (s *settings) sendsCredentials() bool {
	return s.token != nil || s.perRPC != nil || s.tls.sendsCertificate()
}
