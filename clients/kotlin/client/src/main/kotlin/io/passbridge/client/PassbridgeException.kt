package io.passbridge.client

import io.grpc.Status
import io.passbridge.v1.BatchResetTempPassRequest
import java.time.Duration

/**
 * Why a call failed: the class says what kind of failure it was, the properties say what the server told.
 *
 * Reasons are those of the enum [io.passbridge.v1.ErrorReason], without its prefix. A later server may give others, so act
 * on the class where a reason is unknown.
 */
public sealed class PassbridgeException private constructor(message: String, internal val failure: Failure) :
    RuntimeException(message, failure.cause) {
    /** The code of gRPC. */
    public val code: Status.Code get() = failure.status.code

    /** Why, for programs: `INVALID_FIELD`, for one. Null where no passbridge answered. */
    public val reason: String? get() = failure.details.reason

    /** What belongs to the reason, such as `permission` to `PERMISSION_MISSING`. */
    public val metadata: Map<String, String> get() = failure.details.metadata

    /** Every field that is not as it must be, but for those that did not fit. */
    public val violations: List<Violation> get() = failure.details.violations

    /** How many more violations there are than [violations] has, where the server says so. */
    public val violationsLeftOut: Int get() = failure.details.violationsLeftOut

    /** After what time the same call may succeed, where the server knows. */
    public val retryDelay: Duration? get() = failure.details.retryDelay

    /** What has most often led to such an error, likeliest first. */
    public val probableCauses: List<ProbableCause> get() = failure.details.probableCauses

    /** What the provider answered, where the server asked it. */
    public val upstream: UpstreamAnswer? get() = failure.details.upstream

    /** Whether something of the above was cut because it did not fit. */
    public val detailsCut: Boolean get() = failure.details.wereCut

    /** The request is not as it must be; a repeat fails again. [violations] name the fields. */
    public class InvalidRequest internal constructor(failure: Failure) : PassbridgeException(failure.text(), failure)

    /** There is no such code or TempPass. */
    public class NotFound internal constructor(failure: Failure) : PassbridgeException(failure.text(), failure)

    /** The caller is known and may not do this: [metadata] has the `permission`. */
    public class PermissionDenied internal constructor(failure: Failure) : PassbridgeException(failure.text(), failure)

    /** The server asks who calls, and the call had no token, nor its connection a certificate that the server knows. */
    public class CredentialsMissing internal constructor(failure: Failure) :
        PassbridgeException("no token was sent: ${failure.text()}", failure)

    /** A token was sent, and the server does not take it: it has expired, or is of nobody that the server knows. */
    public class TokenRefused internal constructor(failure: Failure) :
        PassbridgeException("the token was refused: ${failure.text()}", failure)

    /** No token was sent, because the [TokenSource] gave none or the connection has no TLS. */
    public class TokenUnusable internal constructor(failure: Failure) : PassbridgeException(failure.text(), failure)

    /**
     * No passbridge was reached at [target], or the connection to it was lost.
     *
     * @property target the target of the client.
     */
    public class Unreachable internal constructor(public val target: String, failure: Failure) :
        PassbridgeException("$target cannot be reached: ${failure.text()}", failure)

    /**
     * There is no connection to [target] because of a certificate.
     *
     * @property target the target of the client.
     * @property problem what is wrong with it.
     */
    public class CertificateRefused internal constructor(
        public val target: String,
        public val problem: CertificateProblem,
        failure: Failure,
    ) : PassbridgeException("$target cannot be reached, ${problem.words}: ${failure.text()}", failure)

    /**
     * The server does not know the method: it is older than this client.
     *
     * @property target the target of the client.
     */
    public class ServerTooOld internal constructor(public val target: String, failure: Failure) :
        PassbridgeException("the server at $target is older than this client: ${failure.text()}", failure)

    /** The server knows the method, and the backend of this requestor and environment cannot do what was asked. */
    public class UnsupportedByBackend internal constructor(failure: Failure) :
        PassbridgeException(failure.text(), failure)

    /** Something else has to be done first; the [reason] says what. */
    public class PreconditionFailed internal constructor(failure: Failure) : PassbridgeException(failure.text(), failure)

    /** As much is used as may be, or was in a short time: try again after [retryDelay]. */
    public class LimitReached internal constructor(failure: Failure) : PassbridgeException(failure.text(), failure)

    /** The server answered that it, its store or the provider is not available at the moment. */
    public class Unavailable internal constructor(failure: Failure) : PassbridgeException(failure.text(), failure)

    /** The time for the call was over before its answer came. A write may have happened all the same. */
    public class DeadlineExceeded internal constructor(failure: Failure) : PassbridgeException(failure.text(), failure)

    /**
     * A batch of resets broke off; its cause says why. The [unanswered] items may have been done or not: send them again.
     * Items that the batch has not taken yet are not among them.
     *
     * @property unanswered the items that were sent and whose answer did not come.
     */
    public class BatchInterrupted internal constructor(
        public val unanswered: List<BatchResetTempPassRequest>,
        failure: Failure,
        why: PassbridgeException?,
    ) : PassbridgeException("${unanswered.size} resets were not answered: ${failure.text()}", failure.causedBy(why))

    /** Anything else: a defect of the server or of something on the way. */
    public class Other internal constructor(failure: Failure) : PassbridgeException(failure.text(), failure)
}
