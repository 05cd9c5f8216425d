package passbridge_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"testing"

	"google.golang.org/grpc/codes"

	"github.com/passbridge/passbridge/clients/go/internal/servertest"
	"github.com/passbridge/passbridge/clients/go/passbridge"
	passbridgev1 "github.com/passbridge/passbridge/clients/go/passbridge/v1"
)

func trialAuthorizesResource(t *testing.T) {
	client := dial(t, servertest.Start(t, "").Address)
	response, err := client.TempPasses().AuthorizeTempPass(patience(t), &passbridgev1.AuthorizeTempPassRequest{
		RequestorId: "REF", MvpdId: "TempPassREF", DeviceId: "a-device", ResourceId: "a-channel",
		Identity: &passbridgev1.AuthorizeTempPassRequest_UserIdentifier{UserIdentifier: "viewer@example.com"},
	})
	if err != nil || response.GetDecision() != passbridgev1.Decision_DECISION_PERMIT {
		t.Fatalf("not permitted: %v %v", response, err)
	}
	shown, err := client.TempPasses().GetTempPass(patience(t), &passbridgev1.GetTempPassRequest{
		RequestorId: "REF", MvpdId: "TempPassREF", DeviceId: "a-device",
		Identity: &passbridgev1.GetTempPassRequest_UserIdentifier{UserIdentifier: "viewer@example.com"},
	})
	if err != nil {
		t.Fatal(err)
	}
	trial := shown.GetTempPass()
	if trial.GetState() != passbridgev1.TempPass_STATE_ACTIVE || trial.GetRemainingResources() != 4 {
		t.Errorf("unexpected trial: %v", trial)
	}
}

func startTrial(t *testing.T, client *passbridge.Client, device string) {
	t.Helper()
	_, err := client.TempPasses().AuthorizeTempPass(patience(t), &passbridgev1.AuthorizeTempPassRequest{
		RequestorId: "REF", MvpdId: "TempPass", DeviceId: device, ResourceId: "a-channel",
	})
	if err != nil {
		t.Fatal(err)
	}
}

func resetOf(mvpd, device string) *passbridgev1.ResetTempPassRequest {
	return &passbridgev1.ResetTempPassRequest{
		RequestorId: "REF", MvpdId: mvpd, Target: &passbridgev1.ResetTempPassRequest_DeviceId{DeviceId: device},
	}
}

func resetTrialStartsAgain(t *testing.T) {
	client := dial(t, servertest.Start(t, "").Address)
	startTrial(t, client, "a-device")
	reset, err := client.TempPasses().ResetTempPass(patience(t), resetOf("TempPass", "a-device"))
	if err != nil || reset.GetResetCount() != 1 {
		t.Fatalf("not reset: %v %v", reset, err)
	}
	shown, err := client.TempPasses().GetTempPass(patience(t), &passbridgev1.GetTempPassRequest{
		RequestorId: "REF", MvpdId: "TempPass", DeviceId: "a-device",
	})
	if err != nil || shown.GetTempPass().GetState() != passbridgev1.TempPass_STATE_NOT_STARTED {
		t.Fatalf("the trial does not start again: %v %v", shown, err)
	}
}

// resets returns number items, each for another device. Every hundredth names a TempPass that does not exist. count is the number of
// items that were read from the sequence.
func resets(number int, count *int) iter.Seq[*passbridgev1.BatchResetTempPassRequest] {
	return func(yield func(*passbridgev1.BatchResetTempPassRequest) bool) {
		for ; *count < number; *count++ {
			mvpd := "TempPass"
			if *count%100 == 99 {
				mvpd = "NoTempPass"
			}
			item := &passbridgev1.BatchResetTempPassRequest{
				ItemId: fmt.Sprintf("item %d", *count),
				Item:   &passbridgev1.BatchResetTempPassRequest_TempPass{TempPass: resetOf(mvpd, fmt.Sprintf("device-%d", *count))},
			}
			if !yield(item) {
				return
			}
		}
	}
}

func batchReportsProgressAndFailures(t *testing.T) {
	client := dial(t, servertest.Start(t, "").Address)
	startTrial(t, client, "device-7")
	var taken, answered int
	var reset uint64
	result, err := client.BatchReset(patience(t), resets(1_000, &taken), func(answer passbridge.BatchAnswer) {
		answered++
		if answer.Answered != answered || taken-answered > 256 {
			t.Errorf("answer %d has Answered %d, with %d items read", answered, answer.Answered, taken)
		}
		if answer.Item.GetTempPass().GetMvpdId() == "NoTempPass" {
			if answer.Err == nil || answer.Err.Reason != passbridgev1.ErrorReason_ERROR_REASON_TEMP_PASS_NOT_FOUND {
				t.Errorf("%s has the wrong error: %v", answer.Item.GetItemId(), answer.Err)
			}
			return
		}
		if answer.Err != nil || answer.ResetCount == nil {
			t.Errorf("%s failed: %v", answer.Item.GetItemId(), answer.Err)
			return
		}
		reset += *answer.ResetCount
	})
	if err != nil || result != (passbridge.BatchResult{Answered: 1_000, Failed: 10}) || reset != 1 {
		t.Errorf("got %v, %v and %d resets", result, err, reset)
	}
}

func TestInterruptedBatchReportsUnansweredItems(t *testing.T) {
	t.Parallel()
	proxy := servertest.StartProxy(t, servertest.Start(t, "").Address, servertest.Passing)
	client := dial(t, proxy.Address)
	var taken int
	result, err := client.BatchReset(patience(t), resets(1<<30, &taken), func(answer passbridge.BatchAnswer) {
		if answer.Answered == 500 {
			proxy.Set(servertest.Refusing)
		}
	})
	var broken *passbridge.BatchError
	if !errors.As(err, &broken) {
		t.Fatalf("not a BatchError: %v", err)
	}
	if failure(t, err).Code != codes.Unavailable {
		t.Errorf("the cause is not UNAVAILABLE: %v", err)
	}
	// taken does not count the last item, whose send failed.
	if len(broken.Unanswered) == 0 || len(broken.Unanswered)+result.Answered != taken+1 {
		t.Errorf("%d items were read, %d answered, %d unanswered", taken+1, result.Answered, len(broken.Unanswered))
	}
	last := broken.Unanswered[len(broken.Unanswered)-1]
	if last.GetItemId() != fmt.Sprintf("item %d", taken) {
		t.Errorf("the last unanswered item is %v, want %d", last, taken)
	}
}

func TestBatchEndsWithContext(t *testing.T) {
	t.Parallel()
	client := dial(t, servertest.Start(t, "").Address)
	ctx, cancel := context.WithCancel(patience(t))
	defer cancel()
	var taken int
	_, err := client.BatchReset(ctx, resets(1<<30, &taken), func(passbridge.BatchAnswer) { cancel() })
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want context.Canceled", err)
	}
}
