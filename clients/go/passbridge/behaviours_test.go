package passbridge_test

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"google.golang.org/grpc/codes"

	"github.com/passbridge/passbridge/clients/go/internal/servertest"
	"github.com/passbridge/passbridge/clients/go/passbridge"
	passbridgev1 "github.com/passbridge/passbridge/clients/go/passbridge/v1"
)

// behaviours has a test for each behavior in clients/behaviours.txt, by id.
var behaviours = map[string]func(*testing.T){
	"create":                      createNormalizesDeviceInfo,
	"violation":                   invalidFieldsAreNamed,
	"read":                        readsCode,
	"watch_released":              watchEndsWithRelease,
	"idempotent_repeat":           repeatReturnsStoredResponse,
	"trial_authorize":             trialAuthorizesResource,
	"trial_reset":                 resetTrialStartsAgain,
	"batch_reset":                 batchReportsProgressAndFailures,
	"deadline":                    defaultDeadlineApplies,
	"unavailable_then_retry":      createIsRetried,
	"watch_resumed":               watchIsResumed,
	"watch_resumed_after_release": resumedWatchReportsRelease,
	"tls_private_ca":              privateCAIsTrusted,
	"mtls":                        clientCertificateIsSent,
	"token":                       tokenIsSent,
	"token_file_reread":           replacedTokenIsRead,
	"token_refused":               refusedTokenIsNotMissingPermission,
	"rolling_restart":             rollingRestartFailsNoCreate,
	"wrong_target":                wrongTargetIsNamed,
	"expired_certificate":         expiredCertificateIsReported,
	"older_server":                olderServerIsReported,
	"cut_details":                 cutDetailsAreReported,
	"health_checked":              onlyServingServersAreCalled,
}

func TestBehaviours(t *testing.T) {
	ids := listedBehaviours(t)
	for _, id := range ids {
		test, ok := behaviours[id]
		if !ok {
			t.Errorf("%s has no test", id)
			continue
		}
		t.Run(id, func(t *testing.T) {
			t.Parallel()
			t.Cleanup(func() { reportBehaviour(t, id) })
			test(t)
		})
	}
	if len(ids) != len(behaviours) {
		t.Errorf("%d behaviors are listed, %d have a test", len(ids), len(behaviours))
	}
}

func listedBehaviours(t *testing.T) []string {
	t.Helper()
	file, err := os.Open(filepath.Join(servertest.Root(), "..", "behaviours.txt"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = file.Close() }()
	var ids []string
	for lines := bufio.NewScanner(file); lines.Scan(); {
		if id, _, found := strings.Cut(lines.Text(), ": "); found {
			ids = append(ids, id)
		}
	}
	return ids
}

// reportBehaviour records a behavior whose test has passed, for the table in clients/README.md.
func reportBehaviour(t *testing.T, id string) {
	folder := os.Getenv("PASSBRIDGE_BEHAVIOURS")
	if folder == "" || t.Failed() || t.Skipped() {
		return
	}
	file, err := os.OpenFile(filepath.Join(folder, "go.txt"), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = file.Close() }()
	if _, err := fmt.Fprintln(file, id); err != nil {
		t.Fatal(err)
	}
}

// dial returns a client for a server without TLS. It is closed at the end of the test.
func dial(t *testing.T, target string, options ...passbridge.Option) *passbridge.Client {
	t.Helper()
	return dialTLS(t, target, append([]passbridge.Option{passbridge.WithPlaintext()}, options...)...)
}

func dialTLS(t *testing.T, target string, options ...passbridge.Option) *passbridge.Client {
	t.Helper()
	client, err := passbridge.Dial(t.Context(), target, options...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = client.Close() })
	return client
}

// patience returns a context with a timeout that only a failing test reaches.
func patience(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), servertest.Patience)
	t.Cleanup(cancel)
	return ctx
}

// aCreate returns a valid create request.
func aCreate() *passbridgev1.CreateRegistrationCodeRequest {
	model, system := "AFTMM", "Android"
	return &passbridgev1.CreateRegistrationCodeRequest{
		RequestorId: "REF",
		Device: &passbridgev1.CreateRegistrationCodeRequest_DeviceInfo{
			DeviceInfo: &passbridgev1.DeviceInfo{Model: &model, OsName: &system},
		},
	}
}

func created(t *testing.T, client *passbridge.Client) *passbridgev1.RegistrationCode {
	t.Helper()
	response, err := client.RegistrationCodes().CreateRegistrationCode(patience(t), aCreate())
	if err != nil {
		t.Fatal(err)
	}
	return response.GetRegistrationCode()
}

func deleteCode(t *testing.T, client *passbridge.Client, code *passbridgev1.RegistrationCode) {
	t.Helper()
	request := &passbridgev1.DeleteRegistrationCodeRequest{RequestorId: code.GetRequestorId(), Code: code.GetCode()}
	if _, err := client.RegistrationCodes().DeleteRegistrationCode(patience(t), request); err != nil {
		t.Fatal(err)
	}
}

// refusal returns the error of a call that fails and is not retried.
func refusal(t *testing.T, client *passbridge.Client) *passbridge.Error {
	t.Helper()
	request := &passbridgev1.DeleteRegistrationCodeRequest{RequestorId: "REF", Code: "AAAAAAA"}
	_, err := client.RegistrationCodes().DeleteRegistrationCode(patience(t), request)
	return failure(t, err)
}

func failure(t *testing.T, err error) *passbridge.Error {
	t.Helper()
	known, ok := passbridge.AsError(err)
	if !ok {
		t.Fatalf("not a passbridge error: %v", err)
	}
	return known
}

func isRefused(t *testing.T, err error, code codes.Code, reason passbridgev1.ErrorReason) *passbridge.Error {
	t.Helper()
	known := failure(t, err)
	if known.Code != code || known.Reason != reason {
		t.Fatalf("got %s %s, want %s %s: %v", known.Code, known.Reason, code, reason, err)
	}
	return known
}

func isOfKind(t *testing.T, err *passbridge.Error, kind passbridge.Kind, target string) {
	t.Helper()
	if err.Kind != kind {
		t.Fatalf("got kind %q, want %q: %v", err.Kind, kind, err)
	}
	if !strings.Contains(err.Error(), target) {
		t.Fatalf("error does not name %s: %v", target, err)
	}
}
