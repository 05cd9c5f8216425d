package io.passbridge.client

import io.grpc.okhttp.OkHttpChannelBuilder
import io.passbridge.testing.Behaviour
import io.passbridge.testing.PassbridgeServer
import kotlinx.coroutines.cancelAndJoin
import kotlinx.coroutines.coroutineScope
import kotlinx.coroutines.isActive
import kotlinx.coroutines.launch
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.assertThrows
import org.junit.jupiter.api.io.TempDir
import java.nio.file.Path
import java.util.concurrent.ConcurrentLinkedQueue
import java.util.concurrent.atomic.AtomicLong

/** One client with several servers. */
class SeveralServersTest {
    @Test
    @Behaviour("rolling_restart")
    fun `no create fails while two servers are restarted one after the other under load`() = test {
        PassbridgeServer().start().use { first ->
            PassbridgeServer().start().use { second ->
                PassbridgeClient.connect(plaintext(target(first, second)), patient()).use { client ->
                    underLoad(client) { created ->
                        for (server in listOf(first, second)) {
                            server.stop().start()
                            val before = server.liveCodes()
                            eventually("the restarted server gets calls") { server.liveCodes() > before }
                        }
                        eventually("100 codes are created") { created.get() > 100 }
                    }
                }
            }
        }
    }

    @Test
    @Behaviour("health_checked")
    fun `calls go only to servers that report SERVING`() = test {
        // While it drains, it serves calls but reports NOT_SERVING.
        PassbridgeServer("[runtime]\ndrain_delay = \"1h\"").start().use { draining ->
            PassbridgeServer().start().use { serving ->
                PassbridgeClient.connect(plaintext(target(draining, serving)), patient()).use { client ->
                    eventually("both servers are called") {
                        client.createRegistrationCode(newCode())
                        draining.liveCodes() > 0 && serving.liveCodes() > 0
                    }
                    draining.signal("TERM")
                    draining.awaitLine("\"draining\"")
                    eventually("only the serving one is called") {
                        val before = draining.liveCodes()
                        repeat(10) { client.createRegistrationCode(newCode()) }
                        draining.liveCodes() == before
                    }
                    val before = draining.liveCodes()
                    repeat(20) { client.createRegistrationCode(newCode()) }
                    assertEquals(before, draining.liveCodes())
                }
            }
        }
    }

    @Test
    fun `each server of a list must have a certificate for its own host`(@TempDir folder: Path) = test {
        val authority = Authority(folder)
        PassbridgeServer(authority.identity().configured()).start().use { first ->
            PassbridgeServer(authority.identity().configured()).start().use { second ->
                for (transport in Transport.entries) {
                    val builder = transport.open(target(first, second), Tls.of(authority.file))
                    PassbridgeClient.connect(builder, patient()).use { client ->
                        val before = listOf(first, second).map { it.liveCodes() }
                        eventually("both servers are called") {
                            client.createRegistrationCode(newCode())
                            first.liveCodes() > before[0] && second.liveCodes() > before[1]
                        }
                    }
                }
            }
        }
    }

    @Test
    fun `an invalid address is refused at once`() {
        for (wrong in listOf("10.0.0.1", "10.0.0.1:0", "::1:50051", "http://10.0.0.1:80", "a:1,b:2", ":1")) {
            val error = assertThrows<IllegalArgumentException> { AddressList.target("10.0.0.1:50051", wrong) }
            assertTrue(wrong in error.message!!, error.message)
        }
        OkHttpChannelBuilder.forTarget(AddressList.target("[::1]:50051", "passbridge.example.com:443")).build().shutdownNow()
    }

    private fun target(vararg servers: PassbridgeServer) =
        AddressList.target(*servers.map { it.address }.toTypedArray())

    private fun PassbridgeServer.liveCodes() = metric("passbridge_live_codes")

    /** Runs [action] while four callers create codes. No create may fail. */
    private suspend fun underLoad(client: PassbridgeClient, action: suspend (AtomicLong) -> Unit) = coroutineScope {
        val created = AtomicLong()
        val failed = ConcurrentLinkedQueue<PassbridgeException>()
        val callers = List(4) {
            launch {
                while (isActive) {
                    try {
                        client.createRegistrationCode(newCode())
                        created.incrementAndGet()
                    } catch (error: PassbridgeException) {
                        failed += error
                    }
                }
            }
        }
        action(created)
        callers.forEach { it.cancelAndJoin() }
        assertEquals(emptyList<PassbridgeException>(), failed.toList())
    }
}
