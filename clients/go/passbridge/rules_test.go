package passbridge

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
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

func TestATargetIsHostAndPortOrAListOrWhatGRPCResolves(t *testing.T) {
	for target, expected := range map[string]string{
		"passbridge:50051":            "dns:///passbridge:50051",
		"[::1]:50051":                 "dns:///[::1]:50051",
		"a:1,b:2":                     "passbridge:///a:1,b:2",
		"a:1, [::1]:2":                "passbridge:///a:1, [::1]:2",
		"unix:/run/passbridge.sock":   "unix:/run/passbridge.sock",
		"unix:///run/passbridge.sock": "unix:///run/passbridge.sock",
		"passthrough:///a:1":          "passthrough:///a:1",
		"":                            "",
		"a":                           "",
		":50051":                      "",
		"a:1,":                        "",
		"a:1,b":                       "",
		"https:":                      "",
	} {
		if got, err := grpcTarget(target); got != expected || (err == nil) != (expected != "") {
			t.Errorf("%q is %q, %v", target, got, err)
		}
	}
}

func TestEveryPauseIsBetweenHalfAndAllOfATimeThatDoubles(t *testing.T) {
	for failures, whole := range []time.Duration{100, 200, 400, 800, 1_600, 3_200, 6_400, 10_000, 10_000} {
		whole *= time.Millisecond
		if least, most := pauseAfter(failures, 0), pauseAfter(failures, 1); least != whole/2 || most != whole {
			t.Errorf("after %d failures from %s to %s", failures, least, most)
		}
	}
	if pauseAfter(1_000_000, 1) != backoffMax {
		t.Error("a pause overflows")
	}
}

func TestAWatchResumesWhereAnotherStreamMayGetFurther(t *testing.T) {
	delay := &errdetails.RetryInfo{RetryDelay: durationpb.New(time.Second)}
	for _, test := range []struct {
		err     error
		resumes bool
	}{
		{io.EOF, true},
		{status.Error(codes.Unavailable, "the connection is lost"), true},
		{answered(codes.Unavailable, "", info("SHUTTING_DOWN", nil)).Err(), true},
		{status.Error(codes.Internal, "stream terminated by RST_STREAM"), true},
		{answered(codes.Internal, "", info("INTERNAL", nil)).Err(), false},
		{answered(codes.ResourceExhausted, "", info("WATCHES_EXHAUSTED", nil), delay).Err(), true},
		{answered(codes.ResourceExhausted, "", info("MESSAGE_TOO_LARGE", nil)).Err(), false},
		{answered(codes.NotFound, "", info("REGISTRATION_CODE_NOT_FOUND", nil)).Err(), false},
		{answered(codes.Unauthenticated, "", info("CALLER_NOT_AUTHENTICATED", nil)).Err(), false},
		{status.Error(codes.Canceled, ""), false},
		{errors.New("another"), false},
	} {
		begun := watch{last: &passbridgev1.RegistrationCode{}}
		if begun.resumes(test.err) != test.resumes {
			t.Errorf("%v", test.err)
		}
		if (&watch{}).resumes(test.err) {
			t.Errorf("resumes before it has begun: %v", test.err)
		}
	}
}

func TestOnlyWhatIsSafeToRepeatIsRepeated(t *testing.T) {
	var config struct {
		MethodConfig []struct {
			Name []struct{ Service, Method string }
		}
		HealthCheckConfig *struct{ ServiceName string }
	}
	if err := json.Unmarshal([]byte(serviceConfig(true)), &config); err != nil {
		t.Fatal(err)
	}
	if config.HealthCheckConfig == nil || len(config.MethodConfig) != 1 {
		t.Fatalf("%+v", config)
	}
	repeated := map[string]bool{}
	for _, name := range config.MethodConfig[0].Name {
		repeated["/"+name.Service+"/"+name.Method] = true
	}
	for _, method := range []string{
		passbridgev1.RegistrationCodeService_DeleteRegistrationCode_FullMethodName,
		passbridgev1.TempPassService_AuthorizeTempPass_FullMethodName,
		passbridgev1.TempPassService_BatchResetTempPass_FullMethodName,
	} {
		if repeated[method] {
			t.Errorf("%s is repeated", method)
		}
	}
	if !repeated[passbridgev1.RegistrationCodeService_CreateRegistrationCode_FullMethodName] || len(repeated) != len(repeatable) {
		t.Errorf("%v", repeated)
	}
	if strings.Contains(serviceConfig(false), "healthCheckConfig") {
		t.Error("health is checked though it must not be")
	}
}

func TestACreateGetsARequestIDInACopy(t *testing.T) {
	request := &passbridgev1.CreateRegistrationCodeRequest{RequestorId: "REF"}
	first := repeatableRequest(request).(*passbridgev1.CreateRegistrationCodeRequest)
	second := repeatableRequest(request).(*passbridgev1.CreateRegistrationCodeRequest)
	if len(first.GetRequestId()) != 36 || first.GetRequestId() == second.GetRequestId() || request.GetRequestId() != "" {
		t.Errorf("%q %q %q", first.GetRequestId(), second.GetRequestId(), request.GetRequestId())
	}
	if first.GetRequestId()[14] != '4' || !strings.ContainsRune("89ab", rune(first.GetRequestId()[19])) {
		t.Errorf("%q is no UUID of version 4", first.GetRequestId())
	}
	if repeatableRequest(first) != any(first) {
		t.Error("a request_id is replaced")
	}
}

// answered is an error as the server sends it.
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

func TestErrorsWithOneCodeAreToldApart(t *testing.T) {
	anonymous := origin{target: "a:1", method: "/s/M", known: true}
	known := origin{target: "a:1", method: "/s/M", known: true, showsCredentials: true}
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
			t.Errorf("%v is %q", e, e.Kind)
		}
	}
}

func TestAnErrorHasWhatTheServerSays(t *testing.T) {
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
	expected := "passbridge: Unavailable UPSTREAM_UNAVAILABLE: the upstream is not available; try again after 3s; " +
		"probable cause: It is down. Wait."
	if e.Error() != expected {
		t.Errorf("says %s", e)
	}
	if again, ok := AsError(fmt.Errorf("wrapped: %w", e)); !ok || again != e || status.Code(again) != codes.Unavailable {
		t.Errorf("another error: %v", again)
	}
	for _, err := range []error{nil, errors.New("another"), status.Error(codes.OK, "")} {
		if e, ok := AsError(err); ok {
			t.Errorf("%v is taken for %v", err, e)
		}
	}
	if e := ErrorOf(&spb.Status{}); e != nil {
		t.Errorf("OK is an error: %v", e)
	}
}

func TestAnErrorOfANewerServerKeepsItsReasonAsText(t *testing.T) {
	e, _ := AsError(answered(codes.Aborted, "no", info("SOMETHING_NEW", nil)).Err())
	if e.Reason != passbridgev1.ErrorReason_ERROR_REASON_UNSPECIFIED || e.ReasonText != "SOMETHING_NEW" || e.DetailsCut {
		t.Errorf("%+v", e)
	}
}

func TestWhatWasCutIsSaid(t *testing.T) {
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

func TestATokenGoesOverPlaintextToThisMachineOnly(t *testing.T) {
	for _, test := range []struct {
		address net.Addr
		bound   bool
		passes  bool
	}{
		{&net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)}, true, true},
		{&net.TCPAddr{IP: net.IPv6loopback}, true, true},
		{&net.UnixAddr{Name: "/run/passbridge.sock"}, true, true},
		{&net.TCPAddr{IP: net.IPv4(192, 0, 2, 1)}, true, false},
		{&net.TCPAddr{IP: net.IPv4(192, 0, 2, 1)}, false, true},
	} {
		_, _, err := newPlaintext(test.bound).Clone().ClientHandshake(context.Background(), "a", connTo{address: test.address})
		if (err == nil) != test.passes {
			t.Errorf("%s: %v", test.address, err)
		}
	}
	needs := bearer{source: fixedToken("a"), needsTLS: true}
	if !needs.RequireTransportSecurity() {
		t.Error("a token isn't bound to TLS")
	}
}

// connTo is a connection of which only the other end is asked.
type connTo struct {
	net.Conn
	address net.Addr
}

func (c connTo) RemoteAddr() net.Addr { return c.address }

func TestATokenFileIsReadAgainWhenItChangesOrAges(t *testing.T) {
	file := filepath.Join(t.TempDir(), "token")
	now := time.Unix(1_000_000, 0)
	source := newFileToken(file)
	source.now = func() time.Time { return now }
	write := func(content string, at time.Time) {
		t.Helper()
		if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(file, at, at); err != nil {
			t.Fatal(err)
		}
	}
	sends := func(what, expected string) {
		t.Helper()
		if token, err := source.token(); token != expected || (err == nil) != (expected != "") {
			t.Errorf("%s: %q, %v", what, token, err)
		}
	}
	sends("no file", "")
	write("one\n", now)
	sends("a file", "one")
	write("two\n", now)
	sends("the same times and size", "one")
	now = now.Add(tokenMaxAge)
	sends("its age", "two")
	write("three", now)
	sends("another time or size", "three")
	write("", now.Add(time.Second))
	sends("empty for a moment", "three")
	now = now.Add(tokenMaxAge)
	sends("empty for longer", "")
	write("line\nline", now)
	sends("no token", "")
	write(strings.Repeat("a", tokenMaxSize+1), now)
	sends("too large", "")
}
