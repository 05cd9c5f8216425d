package io.passbridge.client

import io.grpc.Status
import io.passbridge.v1.RegistrationCode
import io.passbridge.v1.WatchRegistrationCodeRequest
import io.passbridge.v1.WatchRegistrationCodeResponse
import kotlinx.coroutines.flow.Flow
import kotlinx.coroutines.flow.catch
import kotlinx.coroutines.flow.distinctUntilChanged
import kotlinx.coroutines.flow.emitAll
import kotlinx.coroutines.flow.flow
import kotlinx.coroutines.flow.map
import kotlinx.coroutines.flow.onEach
import kotlinx.coroutines.flow.retryWhen
import kotlinx.coroutines.time.delay
import java.time.Duration
import kotlin.random.Random

/** Follows a code over one stream after the other, which [open] opens. */
internal fun watch(
    request: WatchRegistrationCodeRequest,
    failures: Failures,
    isClosed: () -> Boolean,
    open: (WatchRegistrationCodeRequest) -> Flow<WatchRegistrationCodeResponse>,
): Flow<RegistrationCode> = flow {
    val progress = WatchProgress(request)
    val states = flow {
        emitAll(open(progress.request))
        if (!progress.hasEnded) throw Status.UNAVAILABLE.withDescription("the stream ended before the code").asException()
    }
    emitAll(
        states.map { it.registrationCode }
            .onEach(progress::saw)
            .retryWhen { problem, _ ->
                val pause = failures.of(problem)?.takeUnless { isClosed() }?.let(progress::pauseAfter)
                pause?.let { delay(it) }
                pause != null
            }
            .distinctUntilChanged()
            .catch { throw failures.of(it) ?: it },
    )
}

/** What is known of a watch between two streams. */
internal class WatchProgress(
    /** What the next stream asks for. */
    var request: WatchRegistrationCodeRequest,
    private val random: () -> Double = Random::nextDouble,
) {
    private var hasBegun = false
    private var failures = 0

    /** Whether the code has ended, and the watch with it. */
    var hasEnded = false
        private set

    fun saw(code: RegistrationCode) {
        hasBegun = true
        failures = 0
        // With it a release is seen that happens while there is no stream.
        request = request.toBuilder().setId(code.id).build()
        hasEnded = code.state == RegistrationCode.State.STATE_RELEASED ||
            code.state == RegistrationCode.State.STATE_EXPIRED
    }

    /** How long to wait before the next stream; null where there is none. */
    fun pauseAfter(problem: PassbridgeException): Duration? {
        if (!hasBegun || !isTransient(problem)) return null
        // Another server answers, or the successor of this one does soon.
        val own = if (failures == 0 && problem.reason == "SHUTTING_DOWN") Duration.ZERO else backoff()
        failures++
        return maxOf(own, problem.retryDelay ?: Duration.ZERO)
    }

    private fun isTransient(problem: PassbridgeException) = when (problem) {
        is PassbridgeException.Unavailable, is PassbridgeException.Unreachable -> true
        // After a restart all watches come back at once.
        is PassbridgeException.LimitReached -> problem.retryDelay != null
        // A proxy that breaks off a stream; a defect of the server has a reason.
        is PassbridgeException.Other ->
            problem.reason == null && problem.code in setOf(Status.Code.INTERNAL, Status.Code.UNKNOWN)
        else -> false
    }

    /** Between half and all of a time that doubles, so that the watches of a server do not come back all at once. */
    private fun backoff(): Duration {
        val whole = FIRST_PAUSE.multipliedBy(1L shl failures.coerceAtMost(MOST_DOUBLINGS)).coerceAtMost(LONGEST_PAUSE)
        return Duration.ofNanos((whole.toNanos() * (1 + random()) / 2).toLong())
    }

    private companion object {
        val FIRST_PAUSE: Duration = Duration.ofMillis(100)
        val LONGEST_PAUSE: Duration = Duration.ofSeconds(10)
        const val MOST_DOUBLINGS = 10
    }
}
