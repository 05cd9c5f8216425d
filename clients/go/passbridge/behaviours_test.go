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

// behaviours are the tests of what every client of passbridge does, by the ids in clients/behaviours.txt.
var behaviours = map[string]func(*testing.T){
	"create":                      createsWithDeviceInformation,
	"violation":                   namesTheFieldThatIsRefused,
	"read":                        readsACode,
	"watch_released":              watchesUntilReleased,
	"idempotent_repeat":           repeatsWithTheSameRequestID,
	"trial_authorize":             authorizesByATrial,
	"trial_reset":                 resetsATrial,
	"batch_reset":                 resetsManyTrials,
	"deadline":                    endsAtTheDefaultDeadline,
	"unavailable_then_retry":      sendsACreateAgain,
	"watch_resumed":               resumesAWatch,
	"watch_resumed_after_release": resumesAWatchOfAReleasedCode,
	"tls_private_ca":              trustsAPrivateAuthority,
	"mtls":                        showsACertificate,
	"token":                       sendsAToken,
	"token_file_reread":           readsARenewedToken,
	"token_refused":               tellsARefusedTokenFromAMissingPermission,
	"rolling_restart":             survivesARollingRestart,
	"wrong_target":                namesAWrongTarget,
	"expired_certificate":         tellsAnExpiredCertificate,
	"older_server":                tellsAnOlderServer,
	"cut_details":                 tellsThatDetailsWereCut,
	"health_checked":              callsOnlyServersThatServe,
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
		t.Errorf("%d behaviours are listed, and %d have a test", len(ids), len(behaviours))
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

// reportBehaviour notes a behaviour whose test has passed, for the table of all clients.
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

// dial makes a client of a server without TLS, closed with the test.
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

// patience is a context that only a failing test ever sees the end of.
func patience(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), servertest.Patience)
	t.Cleanup(cancel)
	return ctx
}

// aCreate asks for a code for some device.
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

// refusal is the error of a call that no client repeats, and that fails.
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
		t.Fatalf("is no error of passbridge: %v", err)
	}
	return known
}

func isRefused(t *testing.T, err error, code codes.Code, reason passbridgev1.ErrorReason) *passbridge.Error {
	t.Helper()
	known := failure(t, err)
	if known.Code != code || known.Reason != reason {
		t.Fatalf("fails with %s %s, not with %s %s: %v", known.Code, known.Reason, code, reason, err)
	}
	return known
}

func isOfKind(t *testing.T, err *passbridge.Error, kind passbridge.Kind, target string) {
	t.Helper()
	if err.Kind != kind {
		t.Fatalf("is %q, not %q: %v", err.Kind, kind, err)
	}
	if !strings.Contains(err.Error(), target) {
		t.Fatalf("doesn't name %s: %v", target, err)
	}
}
