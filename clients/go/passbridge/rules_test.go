package passbridge

import (
	"encoding/json"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/durationpb"

	passbridgev1 "github.com/passbridge/passbridge/clients/go/passbridge/v1"
)

func TestTargetIsHostPortListOrGRPCName(t *testing.T) {
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
			t.Errorf("grpcTarget(%q) = %q, %v", target, got, err)
		}
	}
}

func TestBackoffDoublesWithJitter(t *testing.T) {
	for failures, whole := range []time.Duration{100, 200, 400, 800, 1_600, 3_200, 6_400, 10_000, 10_000} {
		whole *= time.Millisecond
		if least, most := pauseAfter(failures, 0), pauseAfter(failures, 1); least != whole/2 || most != whole {
			t.Errorf("after %d failures: from %s to %s", failures, least, most)
		}
	}
	if pauseAfter(1_000_000, 1) != backoffMax {
		t.Error("the backoff overflows")
	}
}

func TestWatchResumesOnlyAfterTransientErrors(t *testing.T) {
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
		started := watch{last: &passbridgev1.RegistrationCode{}}
		if started.resumes(test.err) != test.resumes {
			t.Errorf("want resumes = %t after %v", test.resumes, test.err)
		}
		if (&watch{}).resumes(test.err) {
			t.Errorf("a watch that has not started resumes after %v", test.err)
		}
	}
}

func TestOnlyIdempotentMethodsAreRetried(t *testing.T) {
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
	retried := map[string]bool{}
	for _, name := range config.MethodConfig[0].Name {
		retried["/"+name.Service+"/"+name.Method] = true
	}
	for _, method := range []string{
		passbridgev1.RegistrationCodeService_DeleteRegistrationCode_FullMethodName,
		passbridgev1.TempPassService_AuthorizeTempPass_FullMethodName,
		passbridgev1.TempPassService_BatchResetTempPass_FullMethodName,
	} {
		if retried[method] {
			t.Errorf("%s is retried", method)
		}
	}
	if !retried[passbridgev1.RegistrationCodeService_CreateRegistrationCode_FullMethodName] || len(retried) != len(repeatable) {
		t.Errorf("retried: %v", retried)
	}
	if strings.Contains(serviceConfig(false), "healthCheckConfig") {
		t.Error("the config has health checks although they are off")
	}
}

func TestCreateGetsRequestIDInCopy(t *testing.T) {
	request := &passbridgev1.CreateRegistrationCodeRequest{RequestorId: "REF"}
	first := repeatableRequest(request).(*passbridgev1.CreateRegistrationCodeRequest)
	second := repeatableRequest(request).(*passbridgev1.CreateRegistrationCodeRequest)
	if len(first.GetRequestId()) != 36 || first.GetRequestId() == second.GetRequestId() || request.GetRequestId() != "" {
		t.Errorf("%q %q %q", first.GetRequestId(), second.GetRequestId(), request.GetRequestId())
	}
	if first.GetRequestId()[14] != '4' || !strings.ContainsRune("89ab", rune(first.GetRequestId()[19])) {
		t.Errorf("%q is not a UUID of version 4", first.GetRequestId())
	}
	if repeatableRequest(first) != any(first) {
		t.Error("the caller's request_id was replaced")
	}
}
