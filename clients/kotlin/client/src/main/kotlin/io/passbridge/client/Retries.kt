package io.passbridge.client

import io.passbridge.v1.DeviceInfoServiceGrpc
import io.passbridge.v1.EntitlementServiceGrpc
import io.passbridge.v1.RegistrationCodeServiceGrpc
import io.passbridge.v1.TempPassServiceGrpc
import java.time.Duration
import java.util.Locale

/** The maximum number of attempts of a call, and the backoff between them. */
internal class Retries(
    val attempts: Int = ATTEMPTS,
    val firstPause: Duration = FIRST_PAUSE,
    val longestPause: Duration = LONGEST_PAUSE,
) {
    companion object {
        const val ATTEMPTS = 7
        val FIRST_PAUSE: Duration = Duration.ofMillis(100)
        val LONGEST_PAUSE: Duration = Duration.ofSeconds(2)
    }
}

/**
 * The idempotent methods, which gRPC retries. A create is idempotent because [CallDefaults] sets a `request_id`. A reset is
 * idempotent, although its repeat may count 0. A watch is retried until its first response; afterwards it is resumed.
 *
 * Delete is not listed, because its repeat is NOT_FOUND. Authorizations are not listed, because a repeat may start another
 * trial after a reset.
 */
private val REPEATABLE = listOf(
    RegistrationCodeServiceGrpc.getCreateRegistrationCodeMethod(),
    RegistrationCodeServiceGrpc.getGetRegistrationCodeMethod(),
    RegistrationCodeServiceGrpc.getWatchRegistrationCodeMethod(),
    DeviceInfoServiceGrpc.getNormalizeDeviceInfoMethod(),
    DeviceInfoServiceGrpc.getEncodeDeviceInfoMethod(),
    DeviceInfoServiceGrpc.getDecodeDeviceInfoMethod(),
    DeviceInfoServiceGrpc.getHashIdentifierMethod(),
    TempPassServiceGrpc.getGetTempPassMethod(),
    TempPassServiceGrpc.getResetTempPassMethod(),
    TempPassServiceGrpc.getResetFlexibleTempPassMethod(),
    EntitlementServiceGrpc.getListMvpdsMethod(),
    EntitlementServiceGrpc.getStartLoginMethod(),
    EntitlementServiceGrpc.getGetProfileMethod(),
    EntitlementServiceGrpc.getPreauthorizeMethod(),
    EntitlementServiceGrpc.getGetUserMetadataMethod(),
    EntitlementServiceGrpc.getLogoutMethod(),
)

private const val PAUSE_GROWTH = 2.0
private const val MAX_TOKENS = 1000.0
private const val TOKEN_RATIO = 0.1

/**
 * The [service config](https://github.com/grpc/grpc/blob/master/doc/service_config.md) of the channel: round robin over
 * the addresses whose server reports SERVING, and the retries.
 */
internal fun serviceConfig(options: PassbridgeOptions): Map<String, Any> = buildMap {
    put("loadBalancingConfig", listOf(mapOf("round_robin" to emptyMap<String, Any>())))
    if (options.checksHealth) put("healthCheckConfig", mapOf("serviceName" to ""))
    if (options.retries.attempts > 1) put("methodConfig", listOf(retryPolicy(options.retries)))
    // If more than one in ten attempts fail, retries stop after a while. Otherwise an overloaded server would get a multiple
    // of its load.
    put("retryThrottling", mapOf("maxTokens" to MAX_TOKENS, "tokenRatio" to TOKEN_RATIO))
}

private fun retryPolicy(retries: Retries) = mapOf(
    "name" to REPEATABLE.map { mapOf("service" to it.serviceName, "method" to it.bareMethodName) },
    "retryPolicy" to mapOf(
        "maxAttempts" to retries.attempts.toDouble(),
        "initialBackoff" to seconds(retries.firstPause),
        "maxBackoff" to seconds(retries.longestPause),
        "backoffMultiplier" to PAUSE_GROWTH,
        "retryableStatusCodes" to listOf("UNAVAILABLE"),
    ),
)

// Other locales may use other digits.
private fun seconds(pause: Duration) = "%d.%09ds".format(Locale.ROOT, pause.seconds, pause.nano)
