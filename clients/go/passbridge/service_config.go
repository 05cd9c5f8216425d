package passbridge

import (
	"encoding/json"

	passbridgev1 "github.com/passbridge/passbridge/clients/go/passbridge/v1"
)

// maxAttempts with the pauses below is about five seconds, in which a server restarts.
const maxAttempts = 7

// repeatable are the methods that do no more when they are called twice. A create is one of them because each has a
// request_id. A delete isn't: its repeat is NOT_FOUND. Neither are authorizations, of which one may start a trial that was
// reset in between. [Client.Watch] has a way of its own, but may be sent again until its first answer.
var repeatable = []string{
	passbridgev1.RegistrationCodeService_CreateRegistrationCode_FullMethodName,
	passbridgev1.RegistrationCodeService_GetRegistrationCode_FullMethodName,
	passbridgev1.RegistrationCodeService_WatchRegistrationCode_FullMethodName,
	passbridgev1.DeviceInfoService_NormalizeDeviceInfo_FullMethodName,
	passbridgev1.DeviceInfoService_EncodeDeviceInfo_FullMethodName,
	passbridgev1.DeviceInfoService_DecodeDeviceInfo_FullMethodName,
	passbridgev1.DeviceInfoService_HashIdentifier_FullMethodName,
	passbridgev1.TempPassService_ResetTempPass_FullMethodName,
	passbridgev1.TempPassService_ResetFlexibleTempPass_FullMethodName,
	passbridgev1.TempPassService_GetTempPass_FullMethodName,
	passbridgev1.EntitlementService_ListMvpds_FullMethodName,
	passbridgev1.EntitlementService_StartLogin_FullMethodName,
	passbridgev1.EntitlementService_GetProfile_FullMethodName,
	passbridgev1.EntitlementService_Preauthorize_FullMethodName,
	passbridgev1.EntitlementService_GetUserMetadata_FullMethodName,
	passbridgev1.EntitlementService_Logout_FullMethodName,
}

type object = map[string]any

// serviceConfig is the service config (https://github.com/grpc/grpc/blob/master/doc/service_config.md) that a target
// without one of its own gets.
//
// Calls don't wait for ready: while no server can be reached they fail at once, and those that can be repeated are, so
// that a wrong target or an expired certificate is told as such and not as a deadline.
func serviceConfig(healthChecks bool) string {
	config := object{
		"loadBalancingConfig": []object{{"round_robin": object{}}},
		"methodConfig": []object{{
			"name": methodNames(),
			"retryPolicy": object{
				"maxAttempts":          maxAttempts,
				"initialBackoff":       "0.1s",
				"maxBackoff":           "2s",
				"backoffMultiplier":    2,
				"retryableStatusCodes": []string{"UNAVAILABLE"},
			},
		}},
		// While more than every tenth attempt fails, there comes a time when nothing is sent again any more, or a server that
		// is overloaded would have to answer seven times as much.
		"retryThrottling": object{"maxTokens": 1000, "tokenRatio": 0.1},
	}
	if healthChecks {
		config["healthCheckConfig"] = object{"serviceName": ""}
	}
	encoded, err := json.Marshal(config)
	if err != nil {
		panic(err) // Of texts and numbers there is nothing that JSON can't hold.
	}
	return string(encoded)
}

func methodNames() []object {
	var names []object
	for _, method := range repeatable {
		service, name := splitMethod(method)
		names = append(names, object{"service": service, "method": name})
	}
	return names
}
