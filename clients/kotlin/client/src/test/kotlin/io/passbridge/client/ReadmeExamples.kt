package io.passbridge.client

import io.grpc.netty.shaded.io.grpc.netty.NettyChannelBuilder
import io.grpc.okhttp.OkHttpChannelBuilder
import io.grpc.opentelemetry.GrpcOpenTelemetry
import io.opentelemetry.api.OpenTelemetry
import io.passbridge.v1.BatchResetTempPassRequest
import io.passbridge.v1.CreateRegistrationCodeRequest
import io.passbridge.v1.RegistrationCode
import io.passbridge.v1.createRegistrationCodeRequest
import io.passbridge.v1.deviceInfo
import kotlinx.coroutines.flow.Flow
import java.io.File

// The Kotlin code of README.md. ReadmeTest compares the two, and runs what can run without an external server.

suspend fun firstCall() {
    val client = PassbridgeClient.connect(
        NettyChannelBuilder.forTarget("passbridge.example.com:443", Tls.of()),
        PassbridgeOptions().token(TokenSource.file(File("/var/run/secrets/passbridge/token"))),
    )
    val code = client.createRegistrationCode(
        createRegistrationCodeRequest {
            requestorId = "REF"
            deviceInfo = deviceInfo {
                model = "AppleTV"
                osName = "tvOS"
            }
        },
    ).registrationCode
    println(code.code)
}

fun target(): String {
    val target = AddressList.target("10.0.0.1:50051", "10.0.0.2:50051")
    return target
}

fun tls() {
    val anyAuthority = Tls.of()
    val privateAuthority = Tls.of(File("ca.crt"))
    val mutual = Tls.mutual(File("ca.crt"), File("client.crt"), File("client.key"))
    println(listOf(anyAuthority, privateAuthority, mutual))
}

fun token(): PassbridgeOptions {
    val options = PassbridgeOptions().token(TokenSource.fixed(System.getenv("PASSBRIDGE_TOKEN")))
    return options
}

suspend fun errors(client: PassbridgeClient, request: CreateRegistrationCodeRequest, println: (String) -> Unit) {
    try {
        client.createRegistrationCode(request)
    } catch (error: PassbridgeException) {
        when (error) {
            is PassbridgeException.InvalidRequest -> error.violations.forEach { println("${it.field}: ${it.description}") }
            is PassbridgeException.LimitReached -> println("try again after ${error.retryDelay}")
            is PassbridgeException.Unreachable -> println("wrong target, or no server: ${error.target}")
            is PassbridgeException.CertificateRefused -> println("${error.target}: ${error.problem}")
            else -> println("${error.reason}: ${error.message} ${error.probableCauses}")
        }
    }
}

suspend fun watch(client: PassbridgeClient, code: RegistrationCode, println: (RegistrationCode.State) -> Unit) {
    client.watchRegistrationCode(code).collect { println(it.state) }
}

suspend fun batch(client: PassbridgeClient, items: Flow<BatchResetTempPassRequest>, println: (String) -> Unit) {
    client.batchResetTempPass(items).collect { answer ->
        println("${answer.answered} answered, ${answer.failed} failed")
        answer.error?.let { println("${answer.item.itemId}: ${it.message}") }
    }
}

fun android(): PassbridgeClient {
    val client = PassbridgeClient.connect(
        OkHttpChannelBuilder.forTarget("passbridge.example.com:443", Tls.of()),
    )
    return client
}

fun openTelemetry(openTelemetry: OpenTelemetry): PassbridgeClient {
    val builder = NettyChannelBuilder.forTarget("passbridge.example.com:443", Tls.of())
    GrpcOpenTelemetry.newBuilder().sdk(openTelemetry).build().configureChannelBuilder(builder)
    val client = PassbridgeClient.connect(builder)
    return client
}
