package io.passbridge.client

import java.time.Duration

/**
 * The options of a [PassbridgeClient]. Each function states its default.
 *
 * A client reads the options once, when it is created.
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
     * The timeout of calls that have no deadline of their own, retries included. The default is 10 s. It does not apply to
     * watches and batches.
     */
    public fun deadline(deadline: Duration): PassbridgeOptions = apply {
        this.deadline = deadline.also { positive("deadline", it) }
    }

    /**
     * The maximum number of attempts of a call if the server is unavailable and a repeat is safe, and the backoff between
     * them. The default is 7 attempts with a backoff that doubles from 0.1 s to 2 s, about 5 s in total. With 1 attempt there
     * are no retries.
     *
     * A watch that has started is always resumed.
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

    /** The source of the bearer token, which is sent with every call. There is none by default. */
    public fun token(source: TokenSource): PassbridgeOptions = apply { token = source }

    /**
     * Sends the token over connections without TLS too, where it can be read by anyone who can read the traffic. Use it for a
     * server or a proxy on the same machine. By default such a call fails with [PassbridgeException.TokenUnusable].
     */
    public fun tokenOverPlaintext(): PassbridgeOptions = apply { sendsTokenOverPlaintext = true }

    /**
     * The time without data on a connection with open calls after which the client sends an HTTP/2 keepalive ping: at least
     * 10 s; the default is 30 s. Without a response within 10 s the connection is closed, and its watches are resumed on
     * another one.
     */
    public fun keepAlive(interval: Duration): PassbridgeOptions = apply {
        require(interval >= SHORTEST_KEEP_ALIVE) { "keepAlive must be 10 s or more, not $interval" }
        keepAlive = interval
    }

    /** Sends calls to every address, even if its server does not report SERVING (`grpc.health.v1`). */
    public fun withoutHealthChecks(): PassbridgeOptions = apply { checksHealth = false }

    private fun positive(name: String, duration: Duration) =
        require(!duration.isNegative && !duration.isZero) { "$name must be more than 0, not $duration" }

    private companion object {
        val DEADLINE: Duration = Duration.ofSeconds(10)
        val KEEP_ALIVE: Duration = Duration.ofSeconds(30)

        /** gRPC silently raises shorter intervals to this one. */
        val SHORTEST_KEEP_ALIVE: Duration = Duration.ofSeconds(10)
    }
}
