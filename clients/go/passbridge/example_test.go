package passbridge_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"slices"
	"time"

	"google.golang.org/grpc/codes"

	"github.com/passbridge/passbridge/clients/go/passbridge"
	passbridgev1 "github.com/passbridge/passbridge/clients/go/passbridge/v1"
)

// In a service, client is shared by all calls, and ctx is the context of the current one.
var (
	ctx    = context.Background()
	client *passbridge.Client
)

func Example() {
	client, err := passbridge.Dial(ctx, "127.0.0.1:50051", passbridge.WithPlaintext())
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close()
	model, system := "AFTMM", "Android"
	response, err := client.RegistrationCodes().CreateRegistrationCode(ctx, &passbridgev1.CreateRegistrationCodeRequest{
		RequestorId: "REF",
		Device: &passbridgev1.CreateRegistrationCodeRequest_DeviceInfo{
			DeviceInfo: &passbridgev1.DeviceInfo{Model: &model, OsName: &system},
		},
	})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("Type this code:", response.GetRegistrationCode().GetCode())
}

func ExampleWithCA() {
	client, err := passbridge.Dial(ctx, "passbridge-0.internal:50051,passbridge-1.internal:50051",
		passbridge.WithCA("/etc/passbridge/ca.crt"),
		passbridge.WithCertificate("/etc/player/tls.crt", "/etc/player/tls.key"),
	)
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close()
}

func ExampleWithTokenFile() {
	client, err := passbridge.Dial(ctx, "passbridge.internal:50051",
		passbridge.WithTokenFile("/var/run/secrets/passbridge/token"),
	)
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close()
}

func ExampleAsError() {
	_, err := client.RegistrationCodes().GetRegistrationCode(ctx, &passbridgev1.GetRegistrationCodeRequest{
		RequestorId: "REF",
		Code:        "2222222",
	})
	failure, ok := passbridge.AsError(err)
	switch {
	case err == nil:
		fmt.Println("found")
	case !ok:
		log.Fatal(err)
	case failure.Reason == passbridgev1.ErrorReason_ERROR_REASON_REGISTRATION_CODE_NOT_FOUND:
		fmt.Println("There is no such code; type it again.")
	case failure.Code == codes.InvalidArgument:
		for _, violation := range failure.Violations {
			fmt.Printf("%s: %s\n", violation.Field, violation.Description)
		}
	case failure.RetryDelay > 0:
		fmt.Println("Try again after", failure.RetryDelay)
	case failure.Kind == passbridge.KindCertificateExpired, failure.Kind == passbridge.KindUnreachable:
		log.Fatal("the operator must check ", failure.Target, ": ", err)
	default:
		log.Print(err)
	}
}

func ExampleClient_Watch() {
	created := create()
	ctx, cancel := context.WithTimeout(ctx, 30*time.Minute)
	defer cancel()
	for code, err := range client.Watch(ctx, passbridge.WatchOf(created)) {
		if err != nil {
			log.Print(err)
			return
		}
		fmt.Println(code.GetState())
	}
}

func ExampleClient_BatchReset() {
	var items []*passbridgev1.BatchResetTempPassRequest
	for _, device := range []string{"device-1", "device-2", "device-3"} {
		items = append(items, &passbridgev1.BatchResetTempPassRequest{
			ItemId: device,
			Item: &passbridgev1.BatchResetTempPassRequest_TempPass{TempPass: &passbridgev1.ResetTempPassRequest{
				RequestorId: "REF",
				MvpdId:      "TempPass",
				Target:      &passbridgev1.ResetTempPassRequest_DeviceId{DeviceId: device},
			}},
		})
	}
	result, err := client.BatchReset(ctx, slices.Values(items), func(answer passbridge.BatchAnswer) {
		if answer.Err != nil {
			log.Print(answer.Item.GetItemId(), ": ", answer.Err)
		}
	})
	var broken *passbridge.BatchError
	if errors.As(err, &broken) {
		log.Print("to be reset again: ", len(broken.Unanswered))
	}
	fmt.Printf("%d of %d failed\n", result.Failed, result.Answered)
}
