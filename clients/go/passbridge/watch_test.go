package passbridge_test

import (
	"context"
	"errors"
	"iter"
	"testing"

	"google.golang.org/grpc/codes"

	"github.com/passbridge/passbridge/clients/go/internal/servertest"
	"github.com/passbridge/passbridge/clients/go/passbridge"
	passbridgev1 "github.com/passbridge/passbridge/clients/go/passbridge/v1"
)

// watched is a watch whose states a test reads one by one.
type watched struct {
	next func() (*passbridgev1.RegistrationCode, error, bool)
}

func watchCode(t *testing.T, ctx context.Context, client *passbridge.Client, code *passbridgev1.RegistrationCode) watched {
	t.Helper()
	next, stop := iter.Pull2(client.Watch(ctx, passbridge.WatchOf(code)))
	t.Cleanup(stop)
	return watched{next}
}

func (w watched) shows(t *testing.T, state passbridgev1.RegistrationCode_State) {
	t.Helper()
	code, err, ok := w.next()
	if err != nil || !ok || code.GetState() != state {
		t.Fatalf("got %v, %v, %v, want %s", code, err, ok, state)
	}
}

func (w watched) isOver(t *testing.T) {
	t.Helper()
	if code, err, ok := w.next(); ok {
		t.Fatalf("got %v, %v after the end", code, err)
	}
}

const (
	pending  = passbridgev1.RegistrationCode_STATE_PENDING
	released = passbridgev1.RegistrationCode_STATE_RELEASED
)

func watchEndsWithRelease(t *testing.T) {
	client := dial(t, servertest.Start(t, "").Address)
	code := created(t, client)
	watch := watchCode(t, patience(t), client, code)
	watch.shows(t, pending)
	deleteCode(t, client, code)
	watch.shows(t, released)
	watch.isOver(t)
}

func watchIsResumed(t *testing.T) {
	server := servertest.Start(t, "")
	client := dial(t, server.Address)
	code := created(t, client)
	watch := watchCode(t, patience(t), client, code)
	watch.shows(t, pending)
	server.Stop(t)
	server.Restart(t)
	deleteCode(t, dial(t, server.Address), code)
	watch.shows(t, released)
	watch.isOver(t)
}

func resumedWatchReportsRelease(t *testing.T) {
	server := servertest.Start(t, "")
	proxy := servertest.StartProxy(t, server.Address, servertest.Passing)
	client := dial(t, proxy.Address)
	code := created(t, client)
	watch := watchCode(t, patience(t), client, code)
	watch.shows(t, pending)
	proxy.Set(servertest.Refusing)
	server.Stop(t)
	server.Restart(t)
	deleteCode(t, dial(t, server.Address), code)
	proxy.Set(servertest.Passing)
	watch.shows(t, released)
	watch.isOver(t)
}

func TestWatchOfUnknownCodeFails(t *testing.T) {
	t.Parallel()
	client := dial(t, servertest.Start(t, "").Address)
	request := &passbridgev1.WatchRegistrationCodeRequest{RequestorId: "REF", Code: "2222222"}
	for code, err := range client.Watch(patience(t), request) {
		isRefused(t, err, codes.NotFound, passbridgev1.ErrorReason_ERROR_REASON_REGISTRATION_CODE_NOT_FOUND)
		if code != nil {
			t.Errorf("got a code with the error: %v", code)
		}
	}
}

func TestWatchEndsWithContext(t *testing.T) {
	t.Parallel()
	client := dial(t, servertest.Start(t, "").Address)
	ctx, cancel := context.WithCancel(patience(t))
	defer cancel()
	watch := watchCode(t, ctx, client, created(t, client))
	watch.shows(t, pending)
	cancel()
	if _, err, _ := watch.next(); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want context.Canceled", err)
	}
	watch.isOver(t)
}
