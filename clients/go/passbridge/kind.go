package passbridge

import (
	"strings"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// A Kind distinguishes errors that have the same gRPC code but different remedies.
type Kind int

const (
	// KindOther is any other error; see [Error.Code] and [Error.Reason].
	KindOther Kind = iota
	// KindUnreachable means that the target is wrong, or that no server responds or is ready there; see [Error.Target].
	KindUnreachable
	// KindCertificateExpired means that the server's certificate has expired or is not yet valid, by this machine's clock.
	KindCertificateExpired
	// KindCertificateUntrusted means that the server's certificate is from a CA that the client does not trust (see [WithCA]), or
	// for another name.
	KindCertificateUntrusted
	// KindClientCertificateRefused means that the server refuses the client's certificate, or requires one (see
	// [WithCertificate]).
	KindClientCertificateRefused
	// KindCredentialsMissing means that the call had no token or certificate, although the server requires one, or that the token
	// could not be read or must not be sent.
	KindCredentialsMissing
	// KindCredentialsRefused means that the server does not accept the token or certificate, or that the token has expired.
	KindCredentialsRefused
	// KindPermissionMissing means that the caller is authenticated but lacks the permission.
	KindPermissionMissing
	// KindServerOlder means that the server does not have the method: it is older than this client, or not a passbridge server.
	KindServerOlder
	// KindUnsupported means that the server has the method, but the backend of the environment does not support the operation.
	KindUnsupported
)

var kindTexts = map[Kind]string{
	KindUnreachable:              "the target is wrong, or no server is ready there",
	KindCertificateExpired:       "the server's certificate is not valid at this time",
	KindCertificateUntrusted:     "the server's certificate is not trusted",
	KindClientCertificateRefused: "the server refuses the client's certificate, or requires one",
	KindCredentialsMissing:       "the call has no credentials",
	KindCredentialsRefused:       "the server does not accept the credentials",
	KindPermissionMissing:        "the caller does not have the permission",
	KindServerOlder:              "the server does not have the method: it is older than the client, or not a passbridge server",
	KindUnsupported:              "the backend does not support the operation",
}

// String describes the kind in English; it is empty for [KindOther].
func (k Kind) String() string { return kindTexts[k] }

// origin describes the call that an error is from.
type origin struct {
	target, method   string
	sendsCredentials bool
	// known is false for an error that is not from a client of this package.
	known bool
}

// kindOf returns the kind of an error. An error with info is from a passbridge server; one without is from gRPC in this process or
// from an intermediary.
func kindOf(st *status.Status, info *errdetails.ErrorInfo, from origin) Kind {
	if info != nil {
		return kindOfAnswer(st.Code(), info, from)
	}
	message := st.Message()
	switch st.Code() {
	case codes.Unavailable:
		return kindOfConnection(message)
	case codes.DeadlineExceeded:
		// The deadline passed while the call waited for a connection. The text has the problem of the connection, if it is known.
		if strings.Contains(message, "latest balancer error") || strings.Contains(message, "waiting for connections") {
			return kindOfConnection(message)
		}
	case codes.Unimplemented:
		if isNotGRPC(message) {
			return KindUnreachable
		}
		return KindServerOlder
	case codes.Unauthenticated:
		if from.known && !from.sendsCredentials || strings.Contains(message, tokenUnreadable) {
			return KindCredentialsMissing
		}
		return KindCredentialsRefused
	case codes.Unknown, codes.Internal:
		if isNotGRPC(message) {
			return KindUnreachable
		}
	}
	return KindOther
}

func kindOfAnswer(code codes.Code, info *errdetails.ErrorInfo, from origin) Kind {
	switch code {
	case codes.Unauthenticated:
		if from.known && !from.sendsCredentials {
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
	for _, known := range []struct {
		text string
		kind Kind
	}{
		{certificateExpired, KindCertificateExpired},
		{certificateNotYet, KindCertificateExpired},
		{certificateUntrusted, KindCertificateUntrusted},
		{certificateOfOther, KindCertificateUntrusted},
		{tokenOverPlaintext, KindCredentialsMissing},
	} {
		if strings.Contains(message, known.text) {
			return known.kind
		}
	}
	// The text of a TLS alert from the server.
	if _, alert, isAlert := strings.Cut(message, "remote error: tls: "); isAlert && strings.Contains(alert, "certificate") {
		return KindClientCertificateRefused
	}
	return KindUnreachable
}

// isNotGRPC reports whether the response is from an HTTP server without gRPC, as recognized by the text of grpc-go's error.
func isNotGRPC(message string) bool {
	return strings.Contains(message, "unexpected HTTP status code") || strings.Contains(message, "unexpected content-type")
}
