package io.passbridge.client

import io.grpc.CallOptions
import io.grpc.ClientCall
import io.grpc.ConnectivityState
import io.grpc.ManagedChannel
import io.grpc.MethodDescriptor
import kotlinx.coroutines.ExperimentalCoroutinesApi
import kotlinx.coroutines.test.advanceTimeBy
import kotlinx.coroutines.test.runCurrent
import kotlinx.coroutines.test.runTest
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test
import java.util.concurrent.TimeUnit
import kotlin.time.Duration.Companion.minutes

/** How soon a server is noticed that was away for long. */
@OptIn(ExperimentalCoroutinesApi::class)
class ReconnectionTest {
    @Test
    fun `a server that is away is tried every few seconds, and none while there is a connection`() = runTest {
        val channel = ScriptedChannel()
        val reconnecting = reconnect(channel)
        advanceTimeBy(1.minutes)
        assertEquals(0, channel.tries)
        channel.become(ConnectivityState.TRANSIENT_FAILURE)
        advanceTimeBy(1.minutes)
        assertTrue(channel.tries in 19..40, "${channel.tries} in a minute")
        channel.become(ConnectivityState.READY)
        // The pause that it was in.
        advanceTimeBy(1.minutes)
        val before = channel.tries
        advanceTimeBy(1.minutes)
        assertEquals(before, channel.tries)
        channel.become(ConnectivityState.SHUTDOWN)
        runCurrent()
        assertTrue(reconnecting.isCompleted)
    }
}

/** Is in whatever state the test says. */
private class ScriptedChannel : ManagedChannel() {
    var tries = 0
    private var state = ConnectivityState.READY
    private var waiting: Runnable? = null

    fun become(next: ConnectivityState) {
        state = next
        waiting?.also { waiting = null }?.run()
    }

    override fun getState(requestConnection: Boolean) = state

    override fun notifyWhenStateChanged(source: ConnectivityState, callback: Runnable) {
        waiting = callback
    }

    override fun resetConnectBackoff() {
        tries++
    }

    override fun <Q, R> newCall(method: MethodDescriptor<Q, R>, options: CallOptions): ClientCall<Q, R> =
        throw UnsupportedOperationException()

    override fun authority() = "nowhere"

    override fun shutdown() = this

    override fun shutdownNow() = this

    override fun isShutdown() = false

    override fun isTerminated() = false

    override fun awaitTermination(timeout: Long, unit: TimeUnit) = true
}
