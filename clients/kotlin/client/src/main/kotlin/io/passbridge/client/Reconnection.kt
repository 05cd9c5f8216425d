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

/** The maximum time between two attempts. The minimum is half of it; jitter spreads the attempts of many clients. */
private val LONGEST_PAUSE = 3.seconds

/**
 * Tries to reconnect every few seconds while there is no connection. gRPC's own backoff grows to two minutes, in which calls
 * fail although the server is available again. Its builders have no setting for that.
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
