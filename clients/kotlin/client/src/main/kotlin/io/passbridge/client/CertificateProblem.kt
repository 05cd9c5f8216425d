package io.passbridge.client

import java.security.cert.CertPathBuilderException
import java.security.cert.CertPathValidatorException
import java.security.cert.CertPathValidatorException.BasicReason
import java.security.cert.CertificateException
import java.security.cert.CertificateExpiredException
import java.security.cert.CertificateNotYetValidException
import java.security.cert.PKIXReason
import javax.net.ssl.SSLPeerUnverifiedException

/** The problem of a certificate. */
public enum class CertificateProblem(internal val description: String) {
    /** The server's certificate has expired, by this machine's clock. */
    EXPIRED("the server's certificate has expired"),

    /** The server's certificate is not yet valid, by this machine's clock. */
    NOT_YET_VALID("the server's certificate is not yet valid"),

    /** The server's certificate is not from a CA that this client trusts. */
    UNKNOWN_AUTHORITY("the server's certificate is from an unknown CA"),

    /** The server's certificate is for another name. */
    WRONG_NAME("the server's certificate is for another name"),

    /** The server refuses this client's certificate, or requires one and the client sent none. */
    REFUSED_BY_SERVER("the server refuses the client's certificate, or requires one"),

    /** Any other problem of the server's certificate. */
    OTHER("the server's certificate is not valid"),
}

// A limit, because the causes of exceptions can form a cycle.
private const val MAX_DEPTH = 20

/** [problem] and its causes, outermost first. */
internal fun causes(problem: Throwable?): List<Throwable> = generateSequence(problem) {
    it.cause
}.take(MAX_DEPTH).toList()

/** The certificate problem that made a connection fail, if any. The innermost cause is the most specific. */
internal fun certificateProblem(problem: Throwable?): CertificateProblem? =
    causes(problem).asReversed().firstNotNullOfOrNull(::ofOne)

private fun ofOne(problem: Throwable): CertificateProblem? = when (problem) {
    is CertificateExpiredException -> CertificateProblem.EXPIRED
    is CertificateNotYetValidException -> CertificateProblem.NOT_YET_VALID
    is CertPathBuilderException -> CertificateProblem.UNKNOWN_AUTHORITY
    is CertPathValidatorException -> ofPath(problem.reason)
    is SSLPeerUnverifiedException -> CertificateProblem.WRONG_NAME
    is CertificateException -> ofText(problem.message.orEmpty())
    else -> CertificateProblem.REFUSED_BY_SERVER.takeIf { REFUSAL.containsMatchIn(problem.message.orEmpty()) }
}

private fun ofPath(reason: CertPathValidatorException.Reason) = when (reason) {
    BasicReason.EXPIRED -> CertificateProblem.EXPIRED
    BasicReason.NOT_YET_VALID -> CertificateProblem.NOT_YET_VALID
    PKIXReason.NO_TRUST_ANCHOR -> CertificateProblem.UNKNOWN_AUTHORITY
    // Android gives no reason.
    else -> CertificateProblem.OTHER
}

/** The platforms have no exception class for these problems. */
private fun ofText(text: String) = when {
    WRONG_NAME.containsMatchIn(text) -> CertificateProblem.WRONG_NAME
    else -> CertificateProblem.OTHER
}

private val WRONG_NAME = Regex("subject alternative|no name matching", RegexOption.IGNORE_CASE)

/** The TLS alerts with which a server refuses a certificate, by their names in the JDK and OpenSSL. */
private val REFUSAL = Regex("alert.*(certificate|unknown_ca)", RegexOption.IGNORE_CASE)
