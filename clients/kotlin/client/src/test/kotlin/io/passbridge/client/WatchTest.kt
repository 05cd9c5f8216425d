package io.passbridge.client

import io.grpc.CallOptions
import io.grpc.Channel
import io.grpc.ClientCall
import io.grpc.ClientInterceptor
import io.grpc.ForwardingClientCall.SimpleForwardingClientCall
import io.grpc.ForwardingClientCallListener.SimpleForwardingClientCallListener
import io.grpc.Metadata
import io.grpc.MethodDescriptor
import io.passbridge.testing.Behaviour
import io.passbridge.testing.PassbridgeServer
import io.passbridge.v1.RegistrationCode
import io.passbridge.v1.RegistrationCode.State
import io.passbridge.v1.WatchRegistrationCodeResponse
import io.passbridge.v1.watchRegistrationCodeRequest
import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.async
import kotlinx.coroutines.channels.ReceiveChannel
import kotlinx.coroutines.channels.consumeEach
import kotlinx.coroutines.flow.collect
import kotlinx.coroutines.flow.onEach
import kotlinx.coroutines.flow.produceIn
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test
import java.util.concurrent.atomic.AtomicInteger

/** Watches across server restarts. */
class WatchTest {
    @Test
    @Behaviour("watch_resumed")
    fun `a watch continues after the server restarts`() = test {
        PassbridgeServer().start().use { server ->
            val received = CountingStates()
            PassbridgeClient.connect(plaintext(server.address).intercept(received), patient()).use { client ->
                val code = client.createRegistrationCode(newCode()).registrationCode
                val states = watch(client, code)
                assertEquals(State.STATE_PENDING, states.receive().state)
                server.stop().start()
                eventually("the watch is resumed") { received.count.get() == 2 }
                client.deleteRegistrationCode(deletion(code))
                assertEquals(listOf(State.STATE_RELEASED), rest(states))
            }
        }
    }

    @Test
    @Behaviour("watch_resumed_after_release")
    fun `a watch reports a release that happened while the server was unavailable`() = test {
        PassbridgeServer().start().use { server ->
            server.client().use { client ->
                val code = client.createRegistrationCode(newCode()).registrationCode
                // Without the id, which the client takes from the first response.
                val states = client.watchRegistrationCode(
                    watchRegistrationCodeRequest {
                        requestorId = code.requestorId
                        this.code = code.code
                    }
                ).produceIn(this)
                assertEquals(State.STATE_PENDING, states.receive().state)
                server.stop()
                elsewhere(server) { it.deleteRegistrationCode(deletion(code)) }
                server.start()
                assertEquals(listOf(State.STATE_RELEASED), rest(states))
            }
        }
    }

    @Test
    fun `a watch ends without retries when the client is closed`() = test {
        PassbridgeServer().start().use { server ->
            val client = server.client()
            val code = client.createRegistrationCode(newCode()).registrationCode
            val first = AtomicInteger()
            val end = async { runCatching { client.watchRegistrationCode(code).onEach { first.incrementAndGet() }.collect() } }
            eventually("the watch has started") { first.get() == 1 }
            client.close()
            assertTrue(end.await().exceptionOrNull() is PassbridgeException)
        }
    }

    private fun CoroutineScope.watch(client: PassbridgeClient, code: RegistrationCode) =
        client.watchRegistrationCode(code).produceIn(this)

    private suspend fun rest(states: ReceiveChannel<RegistrationCode>) =
        buildList { states.consumeEach { add(it.state) } }

    /** Runs [action] with a server at another address and with the same data. */
    private suspend fun elsewhere(server: PassbridgeServer, action: suspend (PassbridgeClient) -> Unit) {
        val other = PassbridgeServer(data = server.data).start()
        other.client().use { action(it) }
        other.stop()
    }
}

/** Counts the states that watches receive. */
private class CountingStates : ClientInterceptor {
    val count = AtomicInteger()

    override fun <Q, R> interceptCall(method: MethodDescriptor<Q, R>, options: CallOptions, next: Channel): ClientCall<Q, R> =
        object : SimpleForwardingClientCall<Q, R>(next.newCall(method, options)) {
            override fun start(listener: Listener<R>, headers: Metadata) =
                super.start(Counting(listener), headers)
        }

    private inner class Counting<R>(listener: ClientCall.Listener<R>) : SimpleForwardingClientCallListener<R>(listener) {
        override fun onMessage(message: R) {
            if (message is WatchRegistrationCodeResponse) count.incrementAndGet()
            super.onMessage(message)
        }
    }
}
