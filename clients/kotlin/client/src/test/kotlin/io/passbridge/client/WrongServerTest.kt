package io.passbridge.client

import io.grpc.CallOptions
import io.grpc.Channel
import io.grpc.ClientCall
import io.grpc.ClientInterceptor
import io.grpc.MethodDescriptor
import io.grpc.Status
import io.passbridge.testing.Behaviour
import io.passbridge.testing.PassbridgeServer
import io.passbridge.v1.ListMvpdsRequest
import io.passbridge.v1.RegistrationCodeServiceGrpc
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.io.TempDir
import org.junit.jupiter.params.ParameterizedTest
import org.junit.jupiter.params.provider.EnumSource
import java.net.InetAddress
import java.net.ServerSocket
import java.nio.file.Path

/** Wrong targets, and servers other than the client expects. */
class WrongServerTest(@TempDir private val folder: Path) {
    @ParameterizedTest
    @EnumSource
    @Behaviour("wrong_target")
    fun `a target that is wrong or unreachable is named in the error`(transport: Transport) {
        // No server listens on a port that was just free.
        val free = ServerSocket(0, 0, InetAddress.getLoopbackAddress()).use { "127.0.0.1:${it.localPort}" }
        for (target in listOf(free, "no-such-host.invalid:50051")) {
            val error = failure<PassbridgeException.Unreachable> {
                val builder = transport.open(target, Tls.of())
                PassbridgeClient.connect(builder, impatient()).use { it.createRegistrationCode(newCode()) }
            }
            assertEquals(target, error.target)
            assertTrue(target in error.message!!, error.toString())
        }
    }

    @Test
    fun `a server without TLS, or only with TLS, is unreachable`() {
        PassbridgeServer().start().use { server ->
            val builder = Transport.NETTY.open(server.address, Tls.of())
            failure<PassbridgeException.Unreachable> {
                PassbridgeClient.connect(builder, impatient()).use { it.createRegistrationCode(newCode()) }
            }
        }
        PassbridgeServer(Authority(folder).identity().configured()).start().use { server ->
            failure<PassbridgeException.Unreachable> {
                server.client(impatient()).use { it.createRegistrationCode(newCode()) }
            }
        }
    }

    @Test
    @Behaviour("older_server")
    fun `a method unknown to the server is distinguished from one that its backend does not support`() {
        val statement = folder.resolve("statement").toFile().apply { writeText("a.b.c") }
        val upstream = """
            [environments.default]
            backend = "v1"
            url = "http://127.0.0.1:1"
            software_statement_file = "$statement"
        """.trimIndent()
        PassbridgeServer(upstream).start().use { server ->
            server.client(impatient()).use { client ->
                val unsupported = failure<PassbridgeException.UnsupportedByBackend> {
                    client.authorizeTempPass(authorization("a"))
                }
                assertEquals("UNSUPPORTED_OPERATION", unsupported.reason)
                failure<PassbridgeException.UnsupportedByBackend> {
                    client.listMvpds(ListMvpdsRequest.newBuilder().setRequestorId("REF").build())
                }
            }
            val newer = PassbridgeClient.connect(plaintext(server.address).intercept(callingUnknownMethod), impatient())
            newer.use {
                val older = failure<PassbridgeException.ServerTooOld> { it.createRegistrationCode(newCode()) }
                assertEquals(server.address, older.target)
            }
        }
    }

    @Test
    fun `a server other than passbridge is reported as too old`() {
        FakeServer { }.use { server ->
            failure<PassbridgeException.ServerTooOld> {
                PassbridgeClient.connect(plaintext(server.address), impatient()).use {
                    it.createRegistrationCode(newCode())
                }
            }
        }
    }

    @Test
    fun `errors of other stubs on the channel are converted`() {
        FakeServer { fallbackHandlerRegistry(refusing(Status.ABORTED.withDescription("try again"))) }.use { server ->
            PassbridgeClient.connect(plaintext(server.address), impatient().withoutHealthChecks()).use { client ->
                val stub = RegistrationCodeServiceGrpc.newBlockingStub(client.channel)
                val problem = runCatching { stub.createRegistrationCode(newCode()) }.exceptionOrNull()!!
                val error = client.asError(problem)
                assertTrue(error is PassbridgeException.Other && "try again" in error.message!!, "$error")
                assertEquals(null, client.asError(IllegalStateException()))
            }
        }
    }

    /** Calls a method that the server does not have, like a client that is newer than the server. */
    private val callingUnknownMethod = object : ClientInterceptor {
        override fun <Q, R> interceptCall(
            method: MethodDescriptor<Q, R>,
            options: CallOptions,
            next: Channel,
        ): ClientCall<Q, R> {
            val name = "${method.serviceName}/UnknownMethod"
            return next.newCall(method.toBuilder().setFullMethodName(name).build(), options)
        }
    }
}
