package io.passbridge.client

import io.grpc.CallCredentials
import io.grpc.Metadata
import io.grpc.SecurityLevel
import io.grpc.Status
import java.io.File
import java.io.IOException
import java.util.concurrent.Executor

/** A source of tokens. It is called for each call, on a thread that may block. */
public fun interface TokenSource {
    /**
     * The token to send, without `Bearer`.
     *
     * @throws IOException if no token is available. The call then fails with [PassbridgeException.TokenUnusable].
     */
    @Throws(IOException::class)
    public fun token(): String

    /** The usual sources. */
    public companion object {
        /** A fixed [token], such as one printed by `passbridge caller new`. */
        @JvmStatic
        public fun fixed(token: String): TokenSource {
            checked(token) { "the token" }
            return TokenSource { token }
        }

        /**
         * The content of [file], without surrounding white space. It is read for each call, for tokens that are replaced,
         * such as the projected token of a Kubernetes service account.
         */
        @JvmStatic
        public fun file(file: File): TokenSource = TokenSource { checked(file.readText().trim()) { "the token in $file" } }

        /** The message never contains the token. */
        private fun checked(token: String, name: () -> String): String {
            require(token.isNotEmpty()) { "${name()} is empty" }
            require(token.all { it in '!'..'~' }) { "${name()} contains a space or a character that is not printable ASCII" }
            return token
        }
    }
}

/** Sends the token of [source] with each call; without TLS only if [overPlaintext] is set. */
internal class TokenCredentials(private val source: TokenSource, private val overPlaintext: Boolean) : CallCredentials() {
    override fun applyRequestMetadata(info: RequestInfo, executor: Executor, applier: MetadataApplier) {
        if (info.securityLevel != SecurityLevel.PRIVACY_AND_INTEGRITY && !overPlaintext) {
            return applier.fail(unusable("is not sent without TLS; use TLS, or set tokenOverPlaintext", null))
        }
        executor.execute { apply(applier) }
    }

    // Any exception of the source must end the call. Otherwise the call would wait for its deadline.
    @Suppress("TooGenericExceptionCaught")
    private fun apply(applier: MetadataApplier) {
        val token = try {
            source.token()
        } catch (problem: Exception) {
            return applier.fail(unusable("cannot be read", problem))
        }
        applier.apply(Metadata().apply { put(AUTHORIZATION, "Bearer $token") })
    }

    private fun unusable(problem: String, cause: Exception?): Status {
        val reason = cause?.let { ": ${it.message ?: it.javaClass.simpleName}" }.orEmpty()
        return Status.UNAUTHENTICATED
            .withDescription("the token $problem$reason")
            .withCause(TokenProblem(cause))
    }

    private companion object {
        val AUTHORIZATION: Metadata.Key<String> = Metadata.Key.of("authorization", Metadata.ASCII_STRING_MARSHALLER)
    }
}

/** Marks a call that failed locally because there was no token to send. */
internal class TokenProblem(cause: Throwable?) : Exception(cause)
