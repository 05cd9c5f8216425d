package io.passbridge.client

import io.grpc.ConnectivityState
import io.grpc.ManagedChannel
import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.delay
import kotlinx.coroutines.launch
import kotlinx.coroutines.suspendCancellableCoroutine
import kotlin.coroutines.resume
import kotlin.random.Random
import kotlin.time.Duration
import kotlin.time.Duration.Companion.seconds

/** The longest time without a try to connect; between it and half of it, so that not all clients come back at once. */
private val LONGEST_PAUSE = 3.seconds

/**
 * Tries every few seconds to connect again while there is no connection. grpc by itself waits up to two minutes, in which
 * calls fail though the server is back, and its builders cannot be told otherwise.
 */
internal fun CoroutineScope.reconnect(channel: ManagedChannel) = launch {
    while (true) {
        val state = channel.getState(false)
        when (state) {
            ConnectivityState.SHUTDOWN -> return@launch
            ConnectivityState.TRANSIENT_FAILURE -> {
                delay(pause())
                channel.resetConnectBackoff()
            }
            else -> channel.awaitChange(state)
        }
    }
}

private fun pause(): Duration = LONGEST_PAUSE * Random.nextDouble(from = 0.5, until = 1.0)

private suspend fun ManagedChannel.awaitChange(from: ConnectivityState) = suspendCancellableCoroutine { waiting ->
    notifyWhenStateChanged(from) { waiting.resume(Unit) }
}
