package passbridge

import (
	"strings"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// A Kind tells apart errors that have one gRPC code and ask for different things of whoever reads them.
type Kind int

const (
	// KindOther is an error of which [Error.Code] and [Error.Reason] say everything.
	KindOther Kind = iota
	// KindUnreachable is a target that is wrong, or where no server answers or serves: look at [Error.Target].
	KindUnreachable
	// KindCertificateExpired is a server whose certificate has expired, or isn't valid yet, by this machine's clock.
	KindCertificateExpired
	// KindCertificateUntrusted is a server whose certificate is from an authority that the client doesn't know (see
	// [WithCA]), or for another name.
	KindCertificateUntrusted
	// KindClientCertificateRefused is a server that doesn't take the client's certificate, or misses one (see
	// [WithCertificate]).
	KindClientCertificateRefused
	// KindCredentialsMissing is a call without a token or certificate that a server asks for, or whose token couldn't be
	// read or must not be sent.
	KindCredentialsMissing
	// KindCredentialsRefused is a token or certificate that the server doesn't know, or that is stale.
	KindCredentialsRefused
	// KindPermissionMissing is a known caller that may not do this.
	KindPermissionMissing
	// KindServerOlder is a server that doesn't have the method: it is older than this client, or no passbridge.
	KindServerOlder
	// KindUnsupported is a server that has the method, and a backend behind the environment that can't do what was asked.
	KindUnsupported
)

var kindTexts = map[Kind]string{
	KindUnreachable:              "the target is wrong, or no server serves there",
	KindCertificateExpired:       "the server's certificate isn't valid at this time",
	KindCertificateUntrusted:     "the server's certificate isn't trusted",
	KindClientCertificateRefused: "the server refuses the client's certificate, or misses one",
	KindCredentialsMissing:       "the call has no credentials",
	KindCredentialsRefused:       "the credentials are refused",
	KindPermissionMissing:        "the caller isn't allowed to do this",
	KindServerOlder:              "the server doesn't know the method: it is older than the client, or no passbridge server",
	KindUnsupported:              "the backend can't do this",
}

// String says what it is, in English; of [KindOther] nothing.
func (k Kind) String() string { return kindTexts[k] }

// origin is where an error comes from, as far as it is known.
type origin struct {
	target, method   string
	showsCredentials bool
	// known is false of an error that didn't come through a client of this package.
	known bool
}

// kindOf tells what an error is. One with info comes from a passbridge server, one without from gRPC on this side or from
// something on the way.
func kindOf(st *status.Status, info *errdetails.ErrorInfo, from origin) Kind {
	if info != nil {
		return kindOfAnswer(st.Code(), info, from)
	}
	message := st.Message()
	switch st.Code() {
	case codes.Unavailable:
		return kindOfConnection(message)
	case codes.DeadlineExceeded:
		// A deadline that passes while a call waits for a connection. The text has what was wrong with it, where that is known.
		if strings.Contains(message, "latest balancer error") || strings.Contains(message, "waiting for connections") {
			return kindOfConnection(message)
		}
	case codes.Unimplemented:
		if isNoGRPC(message) {
			return KindUnreachable
		}
		return KindServerOlder
	case codes.Unauthenticated:
		if from.known && !from.showsCredentials || strings.Contains(message, tokenUnreadable) {
			return KindCredentialsMissing
		}
		return KindCredentialsRefused
	case codes.Unknown, codes.Internal:
		if isNoGRPC(message) {
			return KindUnreachable
		}
	}
	return KindOther
}

func kindOfAnswer(code codes.Code, info *errdetails.ErrorInfo, from origin) Kind {
	switch code {
	case codes.Unauthenticated:
		if from.known && !from.showsCredentials {
			return KindCredentialsMissing
		}
		return KindCredentialsRefused
	case codes.PermissionDenied:
		return KindPermissionMissing
	case codes.Unimplemented:
		if info.GetMetadata()["unknown"] == "method" {
			return KindServerOlder
		}
		return KindUnsupported
	}
	return KindOther
}

func kindOfConnection(message string) Kind {
	for _, sign := range []struct {
		text string
		kind Kind
	}{
		{certificateExpired, KindCertificateExpired},
		{certificateNotYet, KindCertificateExpired},
		{certificateUntrusted, KindCertificateUntrusted},
		{certificateOfOther, KindCertificateUntrusted},
		{tokenOverPlaintext, KindCredentialsMissing},
	} {
		if strings.Contains(message, sign.text) {
			return sign.kind
		}
	}
	// What the server says in an alert of TLS.
	if _, alert, isAlert := strings.Cut(message, "remote error: tls: "); isAlert && strings.Contains(alert, "certificate") {
		return KindClientCertificateRefused
	}
	return KindUnreachable
}

// isNoGRPC says whether an HTTP server answered that knows no gRPC, by the words of gRPC for it.
func isNoGRPC(message string) bool {
	return strings.Contains(message, "unexpected HTTP status code") || strings.Contains(message, "unexpected content-type")
}
