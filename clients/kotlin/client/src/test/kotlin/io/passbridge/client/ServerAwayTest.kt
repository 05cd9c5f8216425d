package io.passbridge.client

import io.grpc.Status
import io.passbridge.testing.Behaviour
import io.passbridge.testing.PassbridgeServer
import io.passbridge.v1.batchResetTempPassRequest
import kotlinx.coroutines.async
import kotlinx.coroutines.flow.collect
import kotlinx.coroutines.flow.flow
import kotlinx.coroutines.flow.onEach
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test
import java.net.InetAddress
import java.net.ServerSocket
import java.time.Duration
import java.util.concurrent.CountDownLatch
import kotlin.concurrent.thread

/** Servers that are unavailable or do not respond. */
class ServerAwayTest {
    @Test
    @Behaviour("deadline")
    fun `a call without a deadline ends at the client's default deadline`() = test {
        PassbridgeServer().start().use { server ->
            server.client().use { client ->
                val code = client.createRegistrationCode(newCode()).registrationCode
                server.signal("STOP")
                val error = failure<PassbridgeException.DeadlineExceeded> {
                    client.withDeadline(Duration.ofMillis(300)).getRegistrationCode(read(code))
                }
                server.signal("CONT")
                assertEquals(Status.Code.DEADLINE_EXCEEDED, error.code)
                assertEquals(code, client.getRegistrationCode(read(code)).registrationCode)
            }
        }
    }

    @Test
    @Behaviour("unavailable_then_retry")
    fun `a create is retried while the server is unavailable, and creates one code`() = test {
        PassbridgeServer().start().use { server ->
            server.stop()
            val listener = ClosingListener(server.address)
            val options = patient().retries(20, Duration.ofMillis(100), Duration.ofSeconds(2))
            server.client(options).use { client ->
                val created = async { client.createRegistrationCode(newCode()) }
                listener.awaitConnection()
                listener.close()
                server.start()
                val code = created.await().registrationCode
                assertEquals(code, client.getRegistrationCode(read(code)).registrationCode)
                assertEquals(1, server.metric("passbridge_live_codes"))
            }
        }
    }

    @Test
    fun `a create whose response was lost is retried, and creates one code`() = test {
        PassbridgeServer().start().use { server ->
            ResponseLosingProxy(server.address).use { proxy ->
                PassbridgeClient.connect(plaintext(proxy.address), patient()).use { client ->
                    val code = client.createRegistrationCode(newCode()).registrationCode
                    assertEquals(2, proxy.calls.get())
                    assertEquals(code, client.getRegistrationCode(read(code)).registrationCode)
                    assertEquals(1, server.metric("passbridge_live_codes"))
                }
            }
        }
    }

    @Test
    fun `an interrupted batch reports the unanswered items`() = test {
        PassbridgeServer().start().use { server ->
            server.client(impatient()).use { client ->
                val items = flow {
                    emit(
                        batchResetTempPassRequest {
                            itemId = "a"
                            tempPass = reset("a")
                        }
                    )
                    emit(
                        batchResetTempPassRequest {
                            itemId = "b"
                            tempPass = reset("b")
                        }
                    )
                }
                val error = failure<PassbridgeException.BatchInterrupted> {
                    client.batchResetTempPass(items.onEach { if (it.itemId == "b") server.signal("KILL") }).collect()
                }
                assertTrue(error.unanswered.any { it.itemId == "b" }, error.toString())
                assertTrue(error.cause is PassbridgeException.Unreachable, error.cause.toString())
            }
        }
    }

    @Test
    fun `invalid options are refused at once`() {
        val message = runCatching { PassbridgeOptions().deadline(Duration.ZERO) }.exceptionOrNull()?.message
        assertEquals("deadline must be more than 0, not PT0S", message)
    }
}

/** Accepts connections at an address and closes them, like a server that is starting or stopping. */
private class ClosingListener(address: String) : AutoCloseable {
    private val socket = ServerSocket(address.substringAfter(':').toInt(), 0, InetAddress.getLoopbackAddress())
    private val connected = CountDownLatch(1)

    init {
        thread(isDaemon = true) {
            runCatching {
                while (true) {
                    socket.accept().close()
                    connected.countDown()
                }
            }
        }
    }

    fun awaitConnection() = connected.await()

    override fun close() = socket.close()
}
