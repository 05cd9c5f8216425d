package io.passbridge.client

import java.time.Duration

/**
 * How a [PassbridgeClient] calls. What is not set here keeps the default that its function names.
 *
 * A client reads the options once, when it connects.
 */
public class PassbridgeOptions {
    internal var deadline: Duration = DEADLINE
        private set
    internal var retries: Retries = Retries()
        private set
    internal var token: TokenSource? = null
        private set
    internal var sendsTokenOverPlaintext: Boolean = false
        private set
    internal var keepAlive: Duration = KEEP_ALIVE
        private set
    internal var checksHealth: Boolean = true
        private set

    /**
     * How long a call may take that has no deadline of its own, repeats included; 10 s by default. Watches and batches
     * have none.
     */
    public fun deadline(deadline: Duration): PassbridgeOptions = apply {
        this.deadline = deadline.also { positive("deadline", it) }
    }

    /**
     * How often a call is sent at most where the server is unavailable and a repeat is safe, and what pauses lie between;
     * by default 7 times with pauses that double from 0.1 s to 2 s, about 5 s in all. With 1 nothing is repeated.
     *
     * A watch that has begun is resumed whatever this says.
     */
    @JvmOverloads
    public fun retries(
        attempts: Int,
        firstPause: Duration = Retries.FIRST_PAUSE,
        longestPause: Duration = Retries.LONGEST_PAUSE,
    ): PassbridgeOptions = apply {
        require(attempts >= 1) { "attempts must be 1 or more, not $attempts" }
        positive("firstPause", firstPause)
        require(longestPause >= firstPause) { "longestPause must not be less than firstPause" }
        retries = Retries(attempts, firstPause, longestPause)
    }

    /** What every call sends as its bearer token; by default none. */
    public fun token(source: TokenSource): PassbridgeOptions = apply { token = source }

    /**
     * Sends the token over a connection without TLS too, which everybody on the way can read. For a server on the same
     * machine, or behind a proxy there; by default such a call ends with [PassbridgeException.TokenUnusable].
     */
    public fun tokenOverPlaintext(): PassbridgeOptions = apply { sendsTokenOverPlaintext = true }

    /**
     * How long a connection with open calls may be silent before the server is asked for a sign of life, at least 10 s;
     * 30 s by default. One that gives none within 10 s is closed, and watches over it go on over another.
     */
    public fun keepAlive(interval: Duration): PassbridgeOptions = apply {
        require(interval >= SHORTEST_KEEP_ALIVE) { "keepAlive must be 10 s or more, not $interval" }
        keepAlive = interval
    }

    /** Sends calls to every address, also to those whose server says by `grpc.health.v1` that it does not serve. */
    public fun withoutHealthChecks(): PassbridgeOptions = apply { checksHealth = false }

    private fun positive(name: String, duration: Duration) =
        require(!duration.isNegative && !duration.isZero) { "$name must be more than 0, not $duration" }

    private companion object {
        val DEADLINE: Duration = Duration.ofSeconds(10)
        val KEEP_ALIVE: Duration = Duration.ofSeconds(30)

        /** grpc raises less to it without a word. */
        val SHORTEST_KEEP_ALIVE: Duration = Duration.ofSeconds(10)
    }
}
