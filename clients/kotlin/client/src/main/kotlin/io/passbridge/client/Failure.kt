package io.passbridge.client

import com.google.protobuf.InvalidProtocolBufferException
import io.grpc.Metadata
import io.grpc.Status
import io.grpc.StatusException
import io.grpc.StatusRuntimeException
import io.grpc.protobuf.StatusProto
import com.google.rpc.Status as RpcStatus

/** A status and its details. */
internal class Failure(val status: Status, val details: ErrorDetails, val cause: Throwable?) {
    fun causedBy(cause: Throwable?) = Failure(status, details, cause ?: this.cause)

    /** The code, the reason, and the message of the server or of the local failure. */
    fun text(): String {
        val root = causes(status.cause).lastOrNull()?.let { it.message ?: it.javaClass.simpleName }
        val message = listOfNotNull(status.description, root).distinct().joinToString(": ")
        return "${status.code}${details.reason?.let { " ($it)" }.orEmpty()}${if (message.isEmpty()) "" else ": $message"}"
    }
}

/** Converts statuses to exceptions, for a client of this [target]. */
internal class ErrorConverter(private val target: String, private val sendsToken: Boolean) {
    /** Null if [problem] is not the failure of a call. */
    fun of(problem: Throwable): PassbridgeException? = when (problem) {
        is PassbridgeException -> problem
        is StatusException -> of(problem.status, problem.trailers, problem)
        is StatusRuntimeException -> of(problem.status, problem.trailers, problem)
        else -> null
    }

    /** The error of one item of a batch. */
    fun of(status: RpcStatus): PassbridgeException = StatusProto.toStatusException(status).let {
        of(it.status, it.trailers, it)
    }

    private fun of(status: Status, trailers: Metadata?, problem: Throwable): PassbridgeException =
        kind(Failure(status, ErrorDetails.of(status, trailers), problem))

    private fun kind(failure: Failure): PassbridgeException = when (failure.status.code) {
        Status.Code.INVALID_ARGUMENT -> PassbridgeException.InvalidRequest(failure)
        Status.Code.NOT_FOUND -> PassbridgeException.NotFound(failure)
        Status.Code.PERMISSION_DENIED -> PassbridgeException.PermissionDenied(failure)
        Status.Code.UNAUTHENTICATED -> unauthenticated(failure)
        Status.Code.UNIMPLEMENTED -> unimplemented(failure)
        Status.Code.FAILED_PRECONDITION -> PassbridgeException.PreconditionFailed(failure)
        Status.Code.RESOURCE_EXHAUSTED -> PassbridgeException.LimitReached(failure)
        Status.Code.UNAVAILABLE -> unavailable(failure)
        Status.Code.DEADLINE_EXCEEDED -> PassbridgeException.DeadlineExceeded(failure)
        else -> other(failure)
    }

    private fun unauthenticated(failure: Failure) = when {
        causes(failure.status.cause).any { it is TokenProblem } -> PassbridgeException.TokenUnusable(failure)
        sendsToken -> PassbridgeException.TokenRefused(failure)
        else -> PassbridgeException.CredentialsMissing(failure)
    }

    private fun unimplemented(failure: Failure) = when {
        failure.details.metadata["unknown"] == "method" -> PassbridgeException.ServerTooOld(target, failure)
        failure.details.reason != null -> PassbridgeException.UnsupportedByBackend(failure)
        // gRPC's text for a response that is not gRPC: a web server without this path.
        failure.status.description.orEmpty().startsWith("HTTP status code") ->
            PassbridgeException.Unreachable(target, failure)
        else -> PassbridgeException.ServerTooOld(target, failure)
    }

    private fun unavailable(failure: Failure): PassbridgeException {
        if (failure.details.reason != null) return PassbridgeException.Unavailable(failure)
        val problem = certificateProblem(failure.status.cause)
        return when (problem) {
            null -> PassbridgeException.Unreachable(target, failure)
            else -> PassbridgeException.CertificateRefused(target, problem, failure)
        }
    }

    /** If the server does not use HTTP/2, the local failure of the connection has the code INTERNAL. */
    private fun other(failure: Failure) = when (failure.status.cause) {
        null, is InvalidProtocolBufferException -> PassbridgeException.Other(failure)
        else -> PassbridgeException.Unreachable(target, failure)
    }
}
