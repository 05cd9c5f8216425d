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
 * A field of the request that is not as it must be.
 *
 * @property field its path, such as `device_info.model`.
 * @property description what is wrong with it and what would be right.
 */
public data class Violation(val field: String, val description: String) {
    override fun toString(): String = "$field: $description"
}

/**
 * What has most often led to such an error, for the person who reads the log.
 *
 * @property cause what may be the case.
 * @property remedy how to find out and how to mend it.
 */
public data class ProbableCause(val cause: String, val remedy: String)

/**
 * What the provider behind the server answered.
 *
 * @property status its HTTP status.
 * @property code its own code of the error.
 * @property trace its own name of the call, for its support.
 */
public data class UpstreamAnswer(val status: String?, val code: String?, val trace: String?)

/** What an error says beside its code and its message. */
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
