package io.passbridge.client

import io.grpc.ManagedChannelBuilder
import io.grpc.netty.shaded.io.grpc.netty.NettyChannelBuilder
import io.passbridge.testing.PassbridgeServer
import io.passbridge.v1.CreateRegistrationCodeRequest
import io.passbridge.v1.DeleteRegistrationCodeRequest
import io.passbridge.v1.GetRegistrationCodeRequest
import io.passbridge.v1.RegistrationCode
import io.passbridge.v1.ResetTempPassRequest
import io.passbridge.v1.authorizeTempPassRequest
import io.passbridge.v1.createRegistrationCodeRequest
import io.passbridge.v1.deleteRegistrationCodeRequest
import io.passbridge.v1.deviceInfo
import io.passbridge.v1.getRegistrationCodeRequest
import io.passbridge.v1.resetTempPassRequest
import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.delay
import kotlinx.coroutines.runBlocking
import kotlinx.coroutines.withTimeout
import kotlinx.coroutines.withTimeoutOrNull
import org.junit.jupiter.api.assertThrows
import java.time.Duration
import kotlin.time.Duration.Companion.milliseconds
import kotlin.time.Duration.Companion.seconds

/** The timeout of tests. Only a failing test waits so long. */
val PATIENCE = 60.seconds

/** Options with a long deadline, for busy machines. */
fun patient(): PassbridgeOptions = PassbridgeOptions().deadline(Duration.ofSeconds(30))

/** Options without retries, so that a test of an error does not wait for them. */
fun impatient(): PassbridgeOptions = patient().retries(attempts = 1)

fun plaintext(target: String): ManagedChannelBuilder<*> = NettyChannelBuilder.forTarget(target).usePlaintext()

fun PassbridgeServer.client(options: PassbridgeOptions = patient()): PassbridgeClient =
    PassbridgeClient.connect(plaintext(address), options)

fun newCode(requestId: String = ""): CreateRegistrationCodeRequest = createRegistrationCodeRequest {
    requestorId = "REF"
    deviceInfo = deviceInfo {
        model = "AppleTV"
        osName = "tvOS"
        osVersion = "17.4.1"
    }
    this.requestId = requestId
}

fun read(code: RegistrationCode): GetRegistrationCodeRequest = getRegistrationCodeRequest {
    requestorId = code.requestorId
    this.code = code.code
}

fun authorization(device: String) = authorizeTempPassRequest {
    requestorId = "REF"
    mvpdId = "TempPass"
    deviceId = device
    resourceId = "channel-1"
}

fun reset(device: String): ResetTempPassRequest = resetTempPassRequest {
    requestorId = "REF"
    mvpdId = "TempPass"
    deviceId = device
}

/** Runs a test on real threads, with a timeout. */
fun test(block: suspend CoroutineScope.() -> Unit): Unit =
    runBlocking(Dispatchers.Default) { withTimeout(PATIENCE * 2, block) }

/** Waits until [condition] holds. [what] describes the condition. */
suspend fun eventually(what: String, condition: suspend () -> Boolean) {
    val holds = withTimeoutOrNull(PATIENCE) {
        while (!condition()) delay(20.milliseconds)
    }
    checkNotNull(holds) { "timeout: $what" }
}

/** Returns the error of [call]. */
inline fun <reified E : PassbridgeException> failure(crossinline call: suspend () -> Unit): E =
    assertThrows<E> { runBlocking { call() } }

fun deletion(code: RegistrationCode): DeleteRegistrationCodeRequest = deleteRegistrationCodeRequest {
    requestorId = code.requestorId
    this.code = code.code
}
