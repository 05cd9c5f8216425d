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

/** Reconnection after a long outage. */
@OptIn(ExperimentalCoroutinesApi::class)
class ReconnectionTest {
    @Test
    fun `an unavailable server is tried every few seconds, a connected one is not`() = runTest {
        val channel = ScriptedChannel()
        val reconnecting = reconnect(channel)
        advanceTimeBy(1.minutes)
        assertEquals(0, channel.tries)
        channel.moveTo(ConnectivityState.TRANSIENT_FAILURE)
        advanceTimeBy(1.minutes)
        assertTrue(channel.tries in 19..40, "${channel.tries} in a minute")
        channel.moveTo(ConnectivityState.READY)
        // The last backoff passes.
        advanceTimeBy(1.minutes)
        val before = channel.tries
        advanceTimeBy(1.minutes)
        assertEquals(before, channel.tries)
        channel.moveTo(ConnectivityState.SHUTDOWN)
        runCurrent()
        assertTrue(reconnecting.isCompleted)
    }
}

/** A channel whose state the test sets. */
private class ScriptedChannel : ManagedChannel() {
    var tries = 0
    private var state = ConnectivityState.READY
    private var waiting: Runnable? = null

    fun moveTo(next: ConnectivityState) {
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
