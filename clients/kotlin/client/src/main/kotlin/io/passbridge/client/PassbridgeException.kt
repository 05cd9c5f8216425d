package io.passbridge.client

import io.grpc.Status
import io.passbridge.v1.BatchResetTempPassRequest
import java.time.Duration

/**
 * The error of a call. The class is the kind of failure; the properties have the details that the server sent.
 *
 * Reasons are those of the enum [io.passbridge.v1.ErrorReason], without its prefix. A newer server may send others: act on
 * the class if a reason is unknown.
 */
public sealed class PassbridgeException private constructor(message: String, internal val failure: Failure) :
    RuntimeException(message, failure.cause) {
    /** The gRPC code. */
    public val code: Status.Code get() = failure.status.code

    /** The reason, for programs, such as `INVALID_FIELD`. Null if the error is not from a passbridge server. */
    public val reason: String? get() = failure.details.reason

    /** Values that belong to the reason, such as `permission` for `PERMISSION_MISSING`. */
    public val metadata: Map<String, String> get() = failure.details.metadata

    /** The invalid fields, except those that the server omitted for lack of space. */
    public val violations: List<Violation> get() = failure.details.violations

    /** The number of violations that the server omitted from [violations]. */
    public val violationsLeftOut: Int get() = failure.details.violationsLeftOut

    /** The delay after which to retry; null if the server sent none. */
    public val retryDelay: Duration? get() = failure.details.retryDelay

    /** The probable causes, most likely first. */
    public val probableCauses: List<ProbableCause> get() = failure.details.probableCauses

    /** The provider's response, if it caused the error. */
    public val upstream: UpstreamAnswer? get() = failure.details.upstream

    /** Whether some of these details were cut because they did not fit. */
    public val detailsCut: Boolean get() = failure.details.wereCut

    /** The request is invalid; a retry fails again. [violations] has the fields. */
    public class InvalidRequest internal constructor(failure: Failure) : PassbridgeException(failure.text(), failure)

    /** The code, TempPass or login does not exist. */
    public class NotFound internal constructor(failure: Failure) : PassbridgeException(failure.text(), failure)

    /** The caller is authenticated but lacks the permission: see `permission` in [metadata]. */
    public class PermissionDenied internal constructor(failure: Failure) : PassbridgeException(failure.text(), failure)

    /** The server requires a caller, but the call had no token and the connection no accepted client certificate. */
    public class CredentialsMissing internal constructor(failure: Failure) :
        PassbridgeException("no token was sent: ${failure.text()}", failure)

    /** The server does not accept the token: it has expired, or belongs to no configured caller. */
    public class TokenRefused internal constructor(failure: Failure) :
        PassbridgeException("the server does not accept the token: ${failure.text()}", failure)

    /** No token was sent, because the [TokenSource] has none or the connection does not use TLS. */
    public class TokenUnusable internal constructor(failure: Failure) : PassbridgeException(failure.text(), failure)

    /**
     * No passbridge server is reachable at [target], or the connection to it was lost.
     *
     * @property target the target of the client.
     */
    public class Unreachable internal constructor(public val target: String, failure: Failure) :
        PassbridgeException("$target cannot be reached: ${failure.text()}", failure)

    /**
     * The connection to [target] failed because of a certificate.
     *
     * @property target the target of the client.
     * @property problem the problem of the certificate.
     */
    public class CertificateRefused internal constructor(
        public val target: String,
        public val problem: CertificateProblem,
        failure: Failure,
    ) : PassbridgeException("$target cannot be reached: ${problem.description}: ${failure.text()}", failure)

    /**
     * The server does not have the method: it is older than this client.
     *
     * @property target the target of the client.
     */
    public class ServerTooOld internal constructor(public val target: String, failure: Failure) :
        PassbridgeException("the server at $target is older than this client: ${failure.text()}", failure)

    /** The server has the method, but the backend of this requestor and environment does not support the operation. */
    public class UnsupportedByBackend internal constructor(failure: Failure) :
        PassbridgeException(failure.text(), failure)

    /** A precondition of the call is not met; see [reason]. */
    public class PreconditionFailed internal constructor(failure: Failure) : PassbridgeException(failure.text(), failure)

    /** A quota or a rate limit is exceeded. Retry after [retryDelay]. */
    public class LimitReached internal constructor(failure: Failure) : PassbridgeException(failure.text(), failure)

    /** The server responded that it, its store or the provider is unavailable. */
    public class Unavailable internal constructor(failure: Failure) : PassbridgeException(failure.text(), failure)

    /** The deadline passed before the response. A write may have been applied. */
    public class DeadlineExceeded internal constructor(failure: Failure) : PassbridgeException(failure.text(), failure)

    /**
     * A batch of resets was interrupted; see its cause. The [unanswered] items may or may not have been reset; it is safe to
     * send them again. Items that the batch had not yet read are not among them.
     *
     * @property unanswered the items that were sent but not answered.
     */
    public class BatchInterrupted internal constructor(
        public val unanswered: List<BatchResetTempPassRequest>,
        failure: Failure,
        why: PassbridgeException?,
    ) : PassbridgeException("batch interrupted, ${unanswered.size} items unanswered: ${failure.text()}", failure.causedBy(why))

    /** Any other error: a defect of the server or of an intermediary. */
    public class Other internal constructor(failure: Failure) : PassbridgeException(failure.text(), failure)
}
