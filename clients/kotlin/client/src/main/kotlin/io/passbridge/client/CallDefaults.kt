package io.passbridge.client

import io.grpc.CallCredentials
import io.grpc.CallOptions
import io.grpc.Channel
import io.grpc.ClientCall
import io.grpc.ClientInterceptor
import io.grpc.Context
import io.grpc.ForwardingClientCall.SimpleForwardingClientCall
import io.grpc.MethodDescriptor
import io.passbridge.v1.CreateRegistrationCodeRequest
import java.time.Duration
import java.util.UUID
import java.util.concurrent.TimeUnit

/** Sets what a call lacks: the deadline, the token, and the `request_id` of a create. */
internal class CallDefaults(
    private val deadline: Duration,
    private val credentials: CallCredentials?,
) : ClientInterceptor {
    override fun <Q, R> interceptCall(
        method: MethodDescriptor<Q, R>,
        options: CallOptions,
        next: Channel,
    ): ClientCall<Q, R> = WithRequestId(next.newCall(method, withDefaults(method, options)))

    private fun withDefaults(method: MethodDescriptor<*, *>, options: CallOptions): CallOptions {
        val authorized = if (options.credentials == null) options.withCallCredentials(credentials) else options
        val hasDeadline = options.deadline != null || Context.current().deadline != null
        return when {
            hasDeadline || method.type != MethodDescriptor.MethodType.UNARY -> authorized
            else -> authorized.withDeadlineAfter(deadline.toNanos(), TimeUnit.NANOSECONDS)
        }
    }
}

private class WithRequestId<Q, R>(call: ClientCall<Q, R>) : SimpleForwardingClientCall<Q, R>(call) {
    override fun sendMessage(message: Q) {
        if (message !is CreateRegistrationCodeRequest || message.requestId.isNotEmpty()) {
            return super.sendMessage(message)
        }
        @Suppress("UNCHECKED_CAST") // Q is the type of the message.
        super.sendMessage(message.toBuilder().setRequestId(UUID.randomUUID().toString()).build() as Q)
    }
}
