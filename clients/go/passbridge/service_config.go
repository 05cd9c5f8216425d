package passbridge

import (
	"encoding/json"

	passbridgev1 "github.com/passbridge/passbridge/clients/go/passbridge/v1"
)

// maxAttempts, with the backoff below, covers about five seconds, in which a server restarts.
const maxAttempts = 7

// repeatable lists the idempotent methods, which gRPC retries. Create is idempotent because each call has a request_id. Delete is
// not listed, because its repeat is NOT_FOUND. Authorizations are not listed, because a repeat may start another trial after a
// reset. A watch is retried until its first response; afterwards [Client.Watch] resumes it.
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

// serviceConfig returns the default service config (https://github.com/grpc/grpc/blob/master/doc/service_config.md), for targets
// that have none of their own.
//
// Calls do not wait for ready: without a connection they fail at once, and repeatable ones are retried. A wrong target or an
// expired certificate is thus reported as such, and not as an exceeded deadline.
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
		// If more than one in ten attempts fail, retries stop after a while. Otherwise an overloaded server would get up to
		// seven times the load.
		"retryThrottling": object{"maxTokens": 1000, "tokenRatio": 0.1},
	}
	if healthChecks {
		config["healthCheckConfig"] = object{"serviceName": ""}
	}
	encoded, err := json.Marshal(config)
	if err != nil {
		panic(err) // Impossible: the config has only strings and numbers.
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
