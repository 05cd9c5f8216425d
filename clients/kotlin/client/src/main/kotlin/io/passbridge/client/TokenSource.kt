package io.passbridge.client

import io.grpc.CallCredentials
import io.grpc.Metadata
import io.grpc.SecurityLevel
import io.grpc.Status
import java.io.File
import java.io.IOException
import java.util.concurrent.Executor

/** Where the token of a call comes from. It is asked for each call, on a thread that may wait. */
public fun interface TokenSource {
    /**
     * The token to send, without `Bearer`.
     *
     * @throws IOException where there is none to be had: the call ends with [PassbridgeException.TokenUnusable].
     */
    @Throws(IOException::class)
    public fun token(): String

    /** The usual sources. */
    public companion object {
        /** Always this [token], as `passbridge caller new` prints it. */
        @JvmStatic
        public fun fixed(token: String): TokenSource {
            checked(token) { "the token" }
            return TokenSource { token }
        }

        /**
         * What [file] holds at the moment of the call, less white space around it: the projected token of a Kubernetes
         * service account, say, which is replaced from time to time.
         */
        @JvmStatic
        public fun file(file: File): TokenSource = TokenSource { checked(file.readText().trim()) { "the token in $file" } }

        /** The message says what is wrong and never what the token is. */
        private fun checked(token: String, name: () -> String): String {
            require(token.isNotEmpty()) { "${name()} is empty" }
            require(token.all { it in '!'..'~' }) { "${name()} holds a character that no token has" }
            return token
        }
    }
}

/** Sends the token of [source] with each call, if need be without TLS. */
internal class TokenCredentials(private val source: TokenSource, private val overPlaintext: Boolean) : CallCredentials() {
    override fun applyRequestMetadata(info: RequestInfo, executor: Executor, applier: MetadataApplier) {
        if (info.securityLevel != SecurityLevel.PRIVACY_AND_INTEGRITY && !overPlaintext) {
            return applier.fail(unusable("is not sent over a connection without TLS", null))
        }
        executor.execute { apply(applier) }
    }

    // Whatever the source throws must end the call, or else it would wait for its deadline.
    @Suppress("TooGenericExceptionCaught")
    private fun apply(applier: MetadataApplier) {
        val token = try {
            source.token()
        } catch (problem: Exception) {
            return applier.fail(unusable("cannot be read", problem))
        }
        applier.apply(Metadata().apply { put(AUTHORIZATION, "Bearer $token") })
    }

    private fun unusable(why: String, problem: Exception?): Status {
        val reason = problem?.let { ": ${it.message ?: it.javaClass.simpleName}" }.orEmpty()
        return Status.UNAUTHENTICATED
            .withDescription("the token $why$reason")
            .withCause(TokenProblem(problem))
    }

    private companion object {
        val AUTHORIZATION: Metadata.Key<String> = Metadata.Key.of("authorization", Metadata.ASCII_STRING_MARSHALLER)
    }
}

/** Marks a call that was ended on this side because there was no token to send. */
internal class TokenProblem(cause: Throwable?) : Exception(cause)
