package io.passbridge.client

import io.passbridge.v1.DeviceInfoServiceGrpc
import io.passbridge.v1.EntitlementServiceGrpc
import io.passbridge.v1.RegistrationCodeServiceGrpc
import io.passbridge.v1.TempPassServiceGrpc
import java.time.Duration
import java.util.Locale

/** How often a call is sent at most, and what pauses lie between. */
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
 * The methods that may be sent twice: they change nothing, or a second time changes nothing more. A create is one because
 * [CallDefaults] gives it a `request_id`; a watch is sent again only until its first answer, and then resumed otherwise.
 *
 * A reset is one although its second answer may count nothing. A delete is none, since its second answer is NOT_FOUND, nor
 * are authorizations, of which one may start a trial that was reset in between.
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
 * the addresses whose server serves, and the repeats.
 */
internal fun serviceConfig(options: PassbridgeOptions): Map<String, Any> = buildMap {
    put("loadBalancingConfig", listOf(mapOf("round_robin" to emptyMap<String, Any>())))
    if (options.checksHealth) put("healthCheckConfig", mapOf("serviceName" to ""))
    if (options.retries.attempts > 1) put("methodConfig", listOf(repeats(options.retries)))
    // While more than every tenth attempt fails there comes a time when nothing is repeated any more, or a server that
    // is overloaded would get a multiple of its calls.
    put("retryThrottling", mapOf("maxTokens" to MAX_TOKENS, "tokenRatio" to TOKEN_RATIO))
}

private fun repeats(retries: Retries) = mapOf(
    "name" to REPEATABLE.map { mapOf("service" to it.serviceName, "method" to it.bareMethodName) },
    "retryPolicy" to mapOf(
        "maxAttempts" to retries.attempts.toDouble(),
        "initialBackoff" to seconds(retries.firstPause),
        "maxBackoff" to seconds(retries.longestPause),
        "backoffMultiplier" to PAUSE_GROWTH,
        "retryableStatusCodes" to listOf("UNAVAILABLE"),
    ),
)

// Of any locale but this one the digits may be others.
private fun seconds(pause: Duration) = "%d.%09ds".format(Locale.ROOT, pause.seconds, pause.nano)
