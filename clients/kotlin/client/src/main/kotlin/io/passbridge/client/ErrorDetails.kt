package io.passbridge.client

import com.google.protobuf.Any
import com.google.protobuf.InvalidProtocolBufferException
import com.google.protobuf.Message
import com.google.rpc.BadRequest
import com.google.rpc.ErrorInfo
import com.google.rpc.RetryInfo
import io.grpc.Metadata
import io.grpc.Status
import io.grpc.protobuf.StatusProto
import io.passbridge.v1.ProbableCauses
import java.time.Duration

/**
 * An invalid field of the request.
 *
 * @property field its path, such as `device_info.model`.
 * @property description what is wrong with it and what is allowed.
 */
public data class Violation(val field: String, val description: String) {
    override fun toString(): String = "$field: $description"
}

/**
 * A probable cause of an error, for the person who reads the log.
 *
 * @property cause the cause.
 * @property remedy how to confirm the cause and how to fix it.
 */
public data class ProbableCause(val cause: String, val remedy: String)

/**
 * The provider's response that caused an error.
 *
 * @property status the HTTP status.
 * @property code the provider's own error code.
 * @property trace the provider's trace id of the call, for its support.
 */
public data class UpstreamAnswer(val status: String?, val code: String?, val trace: String?)

/** The details of an error status. */
internal class ErrorDetails(packed: List<Any>) {
    private var unreadable = false
    private val info: ErrorInfo? = packed.read(ErrorInfo::class.java)

    val reason: String? = info?.reason
    val metadata: Map<String, String> = info?.metadataMap.orEmpty()
    val violations: List<Violation> =
        packed.read(BadRequest::class.java)?.fieldViolationsList.orEmpty().map { Violation(it.field, it.description) }
    val violationsLeftOut: Int = metadata["violations_omitted"]?.toIntOrNull() ?: 0

    val retryDelay: Duration? = packed.read(RetryInfo::class.java)?.takeIf { it.hasRetryDelay() }?.retryDelay
        ?.let { Duration.ofSeconds(it.seconds, it.nanos.toLong()) }
    val probableCauses: List<ProbableCause> =
        packed.read(ProbableCauses::class.java)?.causesList.orEmpty().map { ProbableCause(it.cause, it.remedy) }

    val wereCut: Boolean = unreadable || metadata["details_cut"] == "true"

    val upstream: UpstreamAnswer? = listOf("status", "code", "trace").map { metadata["upstream_$it"] }
        .takeIf { answer -> answer.any { it != null } }
        ?.let { (status, code, trace) -> UpstreamAnswer(status, code, trace) }

    private fun <T : Message> List<Any>.read(type: Class<T>): T? =
        firstOrNull { it.`is`(type) }?.let {
            try {
                it.unpack(type)
            } catch (_: InvalidProtocolBufferException) {
                unreadable = true
                null
            }
        }

    companion object {
        fun of(status: Status, trailers: Metadata?): ErrorDetails =
            ErrorDetails(StatusProto.fromStatusAndTrailers(status, trailers).detailsList)
    }
}
