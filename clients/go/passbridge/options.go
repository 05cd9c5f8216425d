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

// DefaultDeadline is how long a call may take that has no deadline of its own, unless [WithDefaultDeadline] says
// otherwise.
const DefaultDeadline = 10 * time.Second

// An Option changes what [Dial] does by default.
type Option func(*settings)

// WithCA has the server's certificate checked against the authorities in this file (PEM) and not against those that the
// machine trusts.
func WithCA(file string) Option {
	return func(s *settings) { s.tls.caFile = file }
}

// WithCertificate shows this certificate (PEM, followed by its intermediate authorities) to the server. Both files are
// read again for each connection, so that they may be renewed.
func WithCertificate(certificateFile, keyFile string) Option {
	return func(s *settings) { s.tls.certificateFile, s.tls.keyFile = certificateFile, keyFile }
}

// WithTLSConfig starts from this configuration, for what has no option of its own. [WithCA] and [WithCertificate] are put
// on top of it.
func WithTLSConfig(config *tls.Config) Option {
	return func(s *settings) { s.tls.config = config }
}

// WithPlaintext connects without TLS. Where the client has a token, it then connects to this machine only, unless
// [WithTokenOverPlaintext] is given too.
func WithPlaintext() Option {
	return func(s *settings) { s.plaintext = true }
}

// WithTokenOverPlaintext sends the token over plain text to other machines too, where whoever sees the traffic can read
// it. It is for networks that encrypt by themselves, such as a service mesh.
func WithTokenOverPlaintext() Option {
	return func(s *settings) { s.tokenOverPlaintext = true }
}

// WithToken sends this token with each call: one that `passbridge caller new` has printed, or a JWT.
func WithToken(token string) Option {
	return func(s *settings) { s.token = fixedToken(token) }
}

// WithTokenFile sends the token in this file with each call. A file that was replaced is read again at the next call,
// as the projected service account tokens of Kubernetes need it.
func WithTokenFile(file string) Option {
	return func(s *settings) { s.token = newFileToken(file) }
}

// WithPerRPCCredentials sends what these credentials say with each call, for tokens that come from elsewhere.
func WithPerRPCCredentials(perRPC credentials.PerRPCCredentials) Option {
	return func(s *settings) { s.perRPC = perRPC }
}

// WithDefaultDeadline bounds calls whose context has no deadline; 0 leaves them unbounded. Streams are never bounded by
// it: a watch lasts as long as its code.
func WithDefaultDeadline(deadline time.Duration) Option {
	return func(s *settings) { s.deadline = deadline }
}

// WithoutHealthChecks calls every server that can be connected to, whether or not it says that it serves.
func WithoutHealthChecks() Option {
	return func(s *settings) { s.healthChecks = false }
}

// WithReady has [Dial] wait until a server serves.
func WithReady() Option {
	return func(s *settings) { s.ready = true }
}

// WithDialOptions hands these to gRPC as they are, behind the client's own: a stats handler of OpenTelemetry, further
// interceptors, another service config. They are called inside of the client's own interceptors.
func WithDialOptions(options ...grpc.DialOption) Option {
	return func(s *settings) { s.further = append(s.further, options...) }
}

// settings are what the options have come to.
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

// reconnect is shorter than gRPC's own backoff, which grows to two minutes: a server that restarts is back in seconds,
// and calls fail until the client has noticed.
var reconnect = grpc.ConnectParams{
	Backoff:           backoff.Config{BaseDelay: 200 * time.Millisecond, Multiplier: 1.6, Jitter: 0.2, MaxDelay: 2 * time.Second},
	MinConnectTimeout: 5 * time.Second,
}

// alive notices a connection whose other end has vanished, before the calls on it run into their deadlines. The server
// asks by itself once a minute and takes pings at any rate. Connections without a call aren't asked: the server closes
// those after five minutes.
var alive = keepalive.ClientParameters{Time: 30 * time.Second, Timeout: 10 * time.Second}

func (s *settings) dialOptions(target string) ([]grpc.DialOption, error) {
	if s.token != nil && s.perRPC != nil {
		return nil, errors.New("give either a token or PerRPCCredentials")
	}
	transport, err := s.transport()
	if err != nil {
		return nil, err
	}
	calls := &calls{target: target, deadline: s.deadline, showsCredentials: s.showsCredentials()}
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
		// What is seen at the other end of a connection through a proxy is the proxy.
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
		return nil, errors.New("WithPlaintext contradicts the options for TLS")
	}
	sendsToken := s.token != nil || s.perRPC != nil
	return newPlaintext(sendsToken && !s.tokenOverPlaintext), nil
}

// showsCredentials says whether a server can know who calls.
func (s *settings) showsCredentials() bool {
	return s.token != nil || s.perRPC != nil || s.tls.showsCertificate()
}
