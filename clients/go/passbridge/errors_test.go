package passbridge

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	spb "google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/protoadapt"
	"google.golang.org/protobuf/types/known/anypb"
	"google.golang.org/protobuf/types/known/durationpb"

	passbridgev1 "github.com/passbridge/passbridge/clients/go/passbridge/v1"
)

// answered returns a status with details, as the server sends it.
func answered(code codes.Code, message string, details ...protoadapt.MessageV1) *status.Status {
	st, err := status.New(code, message).WithDetails(details...)
	if err != nil {
		panic(err)
	}
	return st
}

func info(reason string, metadata map[string]string) *errdetails.ErrorInfo {
	return &errdetails.ErrorInfo{Domain: domain, Reason: reason, Metadata: metadata}
}

func TestKindDistinguishesErrorsWithSameCode(t *testing.T) {
	anonymous := origin{target: "a:1", method: "/s/M", known: true}
	known := origin{target: "a:1", method: "/s/M", known: true, sendsCredentials: true}
	connection := "last connection error: connection error: desc = "
	for _, test := range []struct {
		status *status.Status
		from   origin
		kind   Kind
	}{
		{status.New(codes.Unavailable, connection+"dial tcp 127.0.0.1:1: connect: connection refused"), known, KindUnreachable},
		{status.New(codes.Unavailable, connection+certificateExpired+" (a:1)"), known, KindCertificateExpired},
		{status.New(codes.Unavailable, connection+certificateNotYet+" (a:1)"), known, KindCertificateExpired},
		{status.New(codes.Unavailable, connection+certificateUntrusted+" (a:1)"), known, KindCertificateUntrusted},
		{status.New(codes.Unavailable, connection+certificateOfOther+" (a:1)"), known, KindCertificateUntrusted},
		{status.New(codes.Unavailable, connection+"remote error: tls: certificate required"), known, KindClientCertificateRefused},
		{status.New(codes.Unavailable, connection+"remote error: tls: protocol version not supported"), known, KindUnreachable},
		{status.New(codes.Unavailable, connection+tokenOverPlaintext), known, KindCredentialsMissing},
		{status.New(codes.DeadlineExceeded, "latest balancer error: "+certificateExpired), known, KindCertificateExpired},
		{status.New(codes.DeadlineExceeded, "context deadline exceeded"), known, KindOther},
		{answered(codes.Unavailable, "", info("STORE_UNAVAILABLE", nil)), known, KindOther},
		{status.New(codes.Unauthenticated, tokenUnreadable+": no such file"), known, KindCredentialsMissing},
		{answered(codes.Unauthenticated, "", info("CALLER_NOT_AUTHENTICATED", nil)), anonymous, KindCredentialsMissing},
		{answered(codes.Unauthenticated, "", info("CALLER_NOT_AUTHENTICATED", nil)), known, KindCredentialsRefused},
		{answered(codes.Unauthenticated, "", info("CALLER_NOT_AUTHENTICATED", nil)), origin{}, KindCredentialsRefused},
		{answered(codes.PermissionDenied, "", info("PERMISSION_MISSING", nil)), known, KindPermissionMissing},
		{status.New(codes.Unimplemented, "unknown method Extend"), known, KindServerOlder},
		{answered(codes.Unimplemented, "", info("UNSUPPORTED_OPERATION", map[string]string{"unknown": "method"})), known, KindServerOlder},
		{answered(codes.Unimplemented, "", info("UNSUPPORTED_OPERATION", nil)), known, KindUnsupported},
		{status.New(codes.Unimplemented, "unexpected HTTP status code received from server: 404 (Not Found)"), known, KindUnreachable},
	} {
		e := newError(test.status.Err(), test.from)
		if e.Kind != test.kind || !strings.Contains(e.Error(), test.kind.String()) {
			t.Errorf("%v: got kind %q", e, e.Kind)
		}
	}
}

func TestErrorHasDetailsOfStatus(t *testing.T) {
	st := answered(codes.Unavailable, "the upstream is not available",
		info("UPSTREAM_UNAVAILABLE", map[string]string{"upstream_status": "500", "upstream_code": "oops", "upstream_trace": "t-1"}),
		&errdetails.RetryInfo{RetryDelay: durationpb.New(3 * time.Second)},
		&passbridgev1.ProbableCauses{Causes: []*passbridgev1.ProbableCause{{Cause: "It is down.", Remedy: "Wait."}}},
	)
	e, ok := AsError(fmt.Errorf("max retries exhausted: %w", st.Err()))
	if !ok || e.Reason != passbridgev1.ErrorReason_ERROR_REASON_UPSTREAM_UNAVAILABLE || e.RetryDelay != 3*time.Second {
		t.Fatalf("%+v", e)
	}
	if upstream, ok := e.Upstream(); !ok || upstream != (Upstream{Status: "500", Code: "oops", Trace: "t-1"}) {
		t.Errorf("%+v", upstream)
	}
	expected := "passbridge: Unavailable UPSTREAM_UNAVAILABLE: the upstream is not available; retry after 3s; " +
		"probable cause: It is down. Wait."
	if e.Error() != expected {
		t.Errorf("got %s", e)
	}
	if again, ok := AsError(fmt.Errorf("wrapped: %w", e)); !ok || again != e || status.Code(again) != codes.Unavailable {
		t.Errorf("got another error: %v", again)
	}
	for _, err := range []error{nil, errors.New("another"), status.Error(codes.OK, "")} {
		if e, ok := AsError(err); ok {
			t.Errorf("AsError(%v) = %v", err, e)
		}
	}
	if e := ErrorOf(&spb.Status{}); e != nil {
		t.Errorf("ErrorOf(OK) = %v", e)
	}
}

func TestUnknownReasonIsKeptAsText(t *testing.T) {
	e, _ := AsError(answered(codes.Aborted, "no", info("SOMETHING_NEW", nil)).Err())
	if e.Reason != passbridgev1.ErrorReason_ERROR_REASON_UNSPECIFIED || e.ReasonText != "SOMETHING_NEW" || e.DetailsCut {
		t.Errorf("%+v", e)
	}
}

func TestCutDetailsAreReported(t *testing.T) {
	violation := func(field, description string) *errdetails.BadRequest {
		one := &errdetails.BadRequest_FieldViolation{Field: field, Description: description}
		return &errdetails.BadRequest{FieldViolations: []*errdetails.BadRequest_FieldViolation{one}}
	}
	whole := info("INVALID_FIELD", nil)
	omitted := map[string]string{"details_cut": "true", "violations_omitted": "12"}
	broken := answered(codes.InvalidArgument, "no", whole, violation("ttl", "no")).Proto()
	broken.Details[1].Value = broken.Details[1].Value[:3]
	unknown := answered(codes.InvalidArgument, "no", whole).Proto()
	unknown.Details = append(unknown.Details, &anypb.Any{TypeUrl: "type.googleapis.com/passbridge.v1.Newer", Value: []byte{1}})
	for name, test := range map[string]struct {
		status *status.Status
		more   int
		cut    bool
	}{
		"nothing":      {answered(codes.InvalidArgument, "no", whole, violation("ttl", "no")), 0, false},
		"texts":        {answered(codes.InvalidArgument, "no…", info("X", map[string]string{"details_cut": "true"})), 0, true},
		"violations":   {answered(codes.InvalidArgument, "no", info("X", omitted), violation("ttl", "no")), 12, true},
		"the bytes":    {status.FromProto(broken), 0, true},
		"a newer kind": {status.FromProto(unknown), 0, false},
	} {
		e := newError(test.status.Err(), origin{})
		if e.DetailsCut != test.cut || e.MoreViolations != test.more {
			t.Errorf("%s: %+v", name, e)
		}
	}
}
