package io.passbridge.client

import io.grpc.ChannelCredentials
import io.grpc.ManagedChannelBuilder
import io.grpc.netty.shaded.io.grpc.netty.NettyChannelBuilder
import io.grpc.okhttp.OkHttpChannelBuilder
import io.passbridge.testing.Behaviour
import io.passbridge.testing.PassbridgeServer
import org.bouncycastle.asn1.x509.GeneralName
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.io.TempDir
import org.junit.jupiter.params.ParameterizedTest
import org.junit.jupiter.params.provider.EnumSource
import java.nio.file.Path
import java.security.MessageDigest
import java.time.Duration

/** gRPC's transports for servers and for Android. */
enum class Transport(val open: (String, ChannelCredentials) -> ManagedChannelBuilder<*>) {
    NETTY(NettyChannelBuilder::forTarget),
    OKHTTP(OkHttpChannelBuilder::forTarget),
}

/** TLS and tokens. */
class SecureServerTest(@TempDir private val folder: Path) {
    private val authority = Authority(folder)
    private val tls get() = authority.identity().configured()

    @ParameterizedTest
    @EnumSource
    @Behaviour("tls_private_ca")
    fun `a server with a certificate from a private CA is reached by configuring that CA`(transport: Transport) =
        test {
            PassbridgeServer(tls).start().use { server ->
                connect(transport, server, Tls.of(authority.file)).use { it.createRegistrationCode(newCode()) }
                val error = failure<PassbridgeException.CertificateRefused> {
                    connect(transport, server, Tls.of()).use { it.createRegistrationCode(newCode()) }
                }
                assertEquals(CertificateProblem.UNKNOWN_AUTHORITY, error.problem, error.toString())
            }
        }

    @ParameterizedTest
    @EnumSource
    fun `a certificate for another name is distinguished`(transport: Transport) {
        val other = authority.identity(GeneralName(GeneralName.dNSName, "passbridge.example.com")).configured()
        PassbridgeServer(other).start().use { server ->
            val error = failure<PassbridgeException.CertificateRefused> {
                connect(transport, server, Tls.of(authority.file)).use { it.createRegistrationCode(newCode()) }
            }
            assertEquals(CertificateProblem.WRONG_NAME, error.problem, error.toString())
        }
    }

    @ParameterizedTest
    @EnumSource
    @Behaviour("mtls")
    fun `a client is authenticated by its certificate`(transport: Transport) = test {
        val ca = "client_ca = \"${authority.file}\"\nclient_certificate = \"required\""
        val caller = caller("san = \"player.example.com\"")
        PassbridgeServer(authority.identity().configured(ca) + caller).start().use { server ->
            val own = authority.identity(GeneralName(GeneralName.dNSName, "player.example.com"))
            val credentials = Tls.mutual(authority.file, own.certificate, own.key)
            connect(transport, server, credentials).use { it.createRegistrationCode(newCode()) }
            val error = failure<PassbridgeException> {
                connect(transport, server, Tls.of(authority.file)).use { it.createRegistrationCode(newCode()) }
            }
            // In TLS 1.3 the server's alert and the close of the connection follow the handshake. Either may be seen first.
            assertTrue(error is PassbridgeException.CertificateRefused || error is PassbridgeException.Unreachable, "$error")
        }
    }

    @ParameterizedTest
    @EnumSource
    @Behaviour("token")
    fun `a client is authenticated by its token`(transport: Transport) = test {
        PassbridgeServer(tls + caller(hash("the-token"))).start().use { server ->
            val options = impatient().token(TokenSource.fixed("the-token"))
            connect(transport, server, Tls.of(authority.file), options).use { it.createRegistrationCode(newCode()) }
            failure<PassbridgeException.CredentialsMissing> {
                connect(transport, server, Tls.of(authority.file)).use { it.createRegistrationCode(newCode()) }
            }
        }
    }

    @Test
    @Behaviour("token_file_reread")
    fun `a token that is replaced in its file is sent from then on`() = test {
        PassbridgeServer(tls + caller(hash("the-token"))).start().use { server ->
            val file = folder.resolve("token").toFile()
            connect(Transport.NETTY, server, Tls.of(authority.file), impatient().token(TokenSource.file(file))).use {
                val error = failure<PassbridgeException.TokenUnusable> { it.createRegistrationCode(newCode()) }
                assertTrue("$file" in error.message!!, error.toString())
                file.writeText("an-old-one\n")
                failure<PassbridgeException.TokenRefused> { it.createRegistrationCode(newCode()) }
                file.writeText("the-token\n")
                it.createRegistrationCode(newCode())
            }
        }
    }

    @Test
    @Behaviour("token_refused")
    fun `a refused token is distinguished from a missing permission`() = test {
        PassbridgeServer(tls + caller(hash("the-token"))).start().use { server ->
            fun client(token: String) =
                connect(Transport.NETTY, server, Tls.of(authority.file), impatient().token(TokenSource.fixed(token)))
            val refused = failure<PassbridgeException.TokenRefused> { client("another").createRegistrationCode(newCode()) }
            assertEquals("CALLER_NOT_AUTHENTICATED", refused.reason)
            val denied = failure<PassbridgeException.PermissionDenied> { client("the-token").resetTempPass(reset("a")) }
            assertEquals("PERMISSION_MISSING", denied.reason)
            assertEquals("temp_passes.reset", denied.metadata["permission"])
        }
    }

    @ParameterizedTest
    @EnumSource
    fun `a token is sent without TLS only if configured`(transport: Transport) = test {
        PassbridgeServer(caller(hash("the-token"))).start().use { server ->
            fun client(options: PassbridgeOptions) = when (transport) {
                Transport.NETTY -> plaintext(server.address)
                Transport.OKHTTP -> OkHttpChannelBuilder.forTarget(server.address).usePlaintext()
            }.let { PassbridgeClient.connect(it, options.token(TokenSource.fixed("the-token"))) }
            val error = failure<PassbridgeException.TokenUnusable> { client(impatient()).createRegistrationCode(newCode()) }
            assertTrue("without TLS" in error.message!!, error.toString())
            client(impatient().tokenOverPlaintext()).use { it.createRegistrationCode(newCode()) }
        }
    }

    @ParameterizedTest
    @EnumSource
    @Behaviour("expired_certificate")
    fun `an expired certificate is distinguished from an unreachable server`(transport: Transport) {
        // passbridge does not start with an expired certificate.
        val expired = authority.identity(lifetime = Duration.ofDays(-1))
        val server = FakeServer { useTransportSecurity(expired.certificate, expired.key) }
        server.use {
            val error = failure<PassbridgeException.CertificateRefused> {
                val builder = transport.open(server.address, Tls.of(authority.file))
                PassbridgeClient.connect(builder, impatient()).use { it.createRegistrationCode(newCode()) }
            }
            assertEquals(CertificateProblem.EXPIRED, error.problem, error.toString())
            assertEquals(server.address, error.target)
        }
    }

    private fun connect(
        transport: Transport,
        server: PassbridgeServer,
        credentials: ChannelCredentials,
        options: PassbridgeOptions = impatient(),
    ) = PassbridgeClient.connect(transport.open(server.address, credentials), options)

    private fun caller(identity: String) = """
        [[callers]]
        name = "player"
        permissions = ["codes.create"]
        $identity

        [grpc]
        auth = "callers"
    """.trimIndent()

    private fun hash(token: String): String {
        val digest = MessageDigest.getInstance("SHA-256").digest(token.toByteArray())
        return "token_hash = \"${digest.joinToString("") { "%02x".format(it) }}\""
    }
}
