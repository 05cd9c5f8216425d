package passbridge_test

import (
	"strings"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/passbridge/passbridge/clients/go/internal/servertest"
	passbridgev1 "github.com/passbridge/passbridge/clients/go/passbridge/v1"
)

func createNormalizesDeviceInfo(t *testing.T) {
	client := dial(t, servertest.Start(t, "").Address)
	request := aCreate()
	response, err := client.RegistrationCodes().CreateRegistrationCode(patience(t), request)
	if err != nil {
		t.Fatal(err)
	}
	code := response.GetRegistrationCode()
	if code.GetState() != passbridgev1.RegistrationCode_STATE_PENDING || code.GetCode() == "" {
		t.Errorf("not a pending code: %v", code)
	}
	if code.GetDeviceInfo().GetModel() != "AFTMM" || code.GetDeviceInfo().GetOperatingSystem().GetName() != "Android" {
		t.Errorf("not normalized: %v", code.GetDeviceInfo())
	}
	if request.GetRequestId() != "" {
		t.Error("the caller's request was modified")
	}
	again, err := client.RegistrationCodes().CreateRegistrationCode(patience(t), request)
	if err != nil || again.GetRegistrationCode().GetId() == code.GetId() {
		t.Errorf("a second call with the same request did not create a second code: %v %v", again, err)
	}
}

func invalidFieldsAreNamed(t *testing.T) {
	client := dial(t, servertest.Start(t, "").Address)
	request := aCreate()
	request.GetDeviceInfo().Model = nil
	request.DevicePort = 70_000
	_, err := client.RegistrationCodes().CreateRegistrationCode(patience(t), request)
	known := isRefused(t, err, codes.InvalidArgument, passbridgev1.ErrorReason_ERROR_REASON_INVALID_FIELD)
	fields := map[string]string{}
	for _, violation := range known.Violations {
		fields[violation.Field] = violation.Description
	}
	for _, field := range []string{"device_info.model", "device_port"} {
		if fields[field] == "" {
			t.Errorf("no violation for %s: %v", field, fields)
		}
		if !strings.Contains(err.Error(), field) {
			t.Errorf("error text lacks %s: %v", field, err)
		}
	}
	if known.DetailsCut {
		t.Errorf("DetailsCut is true for a complete error: %v", err)
	}
}

func readsCode(t *testing.T) {
	client := dial(t, servertest.Start(t, "").Address)
	code := created(t, client)
	request := &passbridgev1.GetRegistrationCodeRequest{RequestorId: "REF", Code: strings.ToLower(code.GetCode())}
	response, err := client.RegistrationCodes().GetRegistrationCode(patience(t), request)
	if err != nil || response.GetRegistrationCode().GetId() != code.GetId() {
		t.Fatalf("got another code: %v %v", response, err)
	}
	request.Code = "2222222"
	_, err = client.RegistrationCodes().GetRegistrationCode(patience(t), request)
	known := isRefused(t, err, codes.NotFound, passbridgev1.ErrorReason_ERROR_REASON_REGISTRATION_CODE_NOT_FOUND)
	if len(known.Causes) == 0 || known.Causes[0].Remedy == "" {
		t.Errorf("no probable cause: %v", known)
	}
}

func repeatReturnsStoredResponse(t *testing.T) {
	client := dial(t, servertest.Start(t, "").Address)
	request := aCreate()
	request.RequestId = "0b8f9a52-6d4e-4c39-9b57-1f0e5a1f3c11"
	first, err := client.RegistrationCodes().CreateRegistrationCode(patience(t), request)
	if err != nil {
		t.Fatal(err)
	}
	second, err := client.RegistrationCodes().CreateRegistrationCode(patience(t), request)
	if err != nil || second.GetRegistrationCode().GetId() != first.GetRegistrationCode().GetId() {
		t.Fatalf("the repeat returned another code: %v %v", second, err)
	}
	request.UserAgent = "another"
	_, err = client.RegistrationCodes().CreateRegistrationCode(patience(t), request)
	isRefused(t, err, codes.InvalidArgument, passbridgev1.ErrorReason_ERROR_REASON_REQUEST_ID_REUSED)
}

func cutDetailsAreReported(t *testing.T) {
	client := dial(t, servertest.Start(t, "").Address)
	request := aCreate()
	device := request.GetDeviceInfo().ProtoReflect()
	wrong := 0
	for number := range device.Descriptor().Fields().Len() {
		field := device.Descriptor().Fields().Get(number)
		if field.Kind() == protoreflect.StringKind {
			device.Set(field, protoreflect.ValueOfString(strings.Repeat("a", 2_000)))
			wrong++
		}
	}
	_, err := client.RegistrationCodes().CreateRegistrationCode(patience(t), request)
	known := isRefused(t, err, codes.InvalidArgument, passbridgev1.ErrorReason_ERROR_REASON_INVALID_FIELD)
	if !known.DetailsCut || known.MoreViolations == 0 || len(known.Violations)+known.MoreViolations != wrong {
		t.Errorf("got %d violations and %d more, want %d in total: %v", len(known.Violations), known.MoreViolations, wrong, known)
	}
	if !strings.Contains(err.Error(), "details were cut") {
		t.Errorf("error text does not say that details were cut: %v", err)
	}
}
