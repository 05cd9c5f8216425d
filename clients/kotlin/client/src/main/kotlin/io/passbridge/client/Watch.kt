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

/** Watches a code across several streams, which [open] starts. */
internal fun watch(
    request: WatchRegistrationCodeRequest,
    errors: ErrorConverter,
    isClosed: () -> Boolean,
    open: (WatchRegistrationCodeRequest) -> Flow<WatchRegistrationCodeResponse>,
): Flow<RegistrationCode> = flow {
    val progress = WatchProgress(request)
    val states = flow {
        emitAll(open(progress.request))
        if (!progress.hasEnded) throw Status.UNAVAILABLE.withDescription("the stream ended before the code did").asException()
    }
    emitAll(
        states.map { it.registrationCode }
            .onEach(progress::received)
            .retryWhen { problem, _ ->
                val pause = errors.of(problem)?.takeUnless { isClosed() }?.let(progress::pauseAfter)
                pause?.let { delay(it) }
                pause != null
            }
            .distinctUntilChanged()
            .catch { throw errors.of(it) ?: it },
    )
}

/** The state of a watch across several streams. */
internal class WatchProgress(
    /** The request of the next stream. */
    var request: WatchRegistrationCodeRequest,
    private val random: () -> Double = Random::nextDouble,
) {
    private var hasStarted = false
    private var failures = 0

    /** Whether the code has ended, and the watch with it. */
    var hasEnded = false
        private set

    fun received(code: RegistrationCode) {
        hasStarted = true
        failures = 0
        // With the id, the next stream reports a release that happened between the streams.
        request = request.toBuilder().setId(code.id).build()
        hasEnded = code.state == RegistrationCode.State.STATE_RELEASED ||
            code.state == RegistrationCode.State.STATE_EXPIRED
    }

    /** The delay before the next stream; null if the watch is not resumed. */
    fun pauseAfter(problem: PassbridgeException): Duration? {
        if (!hasStarted || !isTransient(problem)) return null
        // Another server is available, or this one restarts soon.
        val own = if (failures == 0 && problem.reason == "SHUTTING_DOWN") Duration.ZERO else backoff()
        failures++
        return maxOf(own, problem.retryDelay ?: Duration.ZERO)
    }

    private fun isTransient(problem: PassbridgeException) = when (problem) {
        is PassbridgeException.Unavailable, is PassbridgeException.Unreachable -> true
        // After a restart all watches resume at once, and may exceed a limit.
        is PassbridgeException.LimitReached -> problem.retryDelay != null
        // An error without a reason is from a proxy that ended the stream; a defect of the server has a reason.
        is PassbridgeException.Other ->
            problem.reason == null && problem.code in setOf(Status.Code.INTERNAL, Status.Code.UNKNOWN)
        else -> false
    }

    /** Between half and all of a duration that doubles. The jitter spreads the watches of a server. */
    private fun backoff(): Duration {
        val whole = FIRST_PAUSE.multipliedBy(1L shl failures.coerceAtMost(MAX_DOUBLINGS)).coerceAtMost(LONGEST_PAUSE)
        return Duration.ofNanos((whole.toNanos() * (1 + random()) / 2).toLong())
    }

    private companion object {
        val FIRST_PAUSE: Duration = Duration.ofMillis(100)
        val LONGEST_PAUSE: Duration = Duration.ofSeconds(10)
        const val MAX_DOUBLINGS = 10
    }
}
