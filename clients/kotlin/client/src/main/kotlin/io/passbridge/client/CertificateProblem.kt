package io.passbridge.client

import java.security.cert.CertPathBuilderException
import java.security.cert.CertPathValidatorException
import java.security.cert.CertPathValidatorException.BasicReason
import java.security.cert.CertificateException
import java.security.cert.CertificateExpiredException
import java.security.cert.CertificateNotYetValidException
import java.security.cert.PKIXReason
import javax.net.ssl.SSLPeerUnverifiedException

/** What is wrong with a certificate. */
public enum class CertificateProblem(internal val words: String) {
    /** The server's certificate has expired, by this machine's clock. */
    EXPIRED("the server's certificate has expired"),

    /** The server's certificate is not valid yet, by this machine's clock. */
    NOT_YET_VALID("the server's certificate is not valid yet"),

    /** No authority that this client believes has issued the server's certificate. */
    UNKNOWN_AUTHORITY("the server's certificate is from an authority that this client does not know"),

    /** The server's certificate is for another name. */
    WRONG_NAME("the server's certificate is for another name"),

    /** The server does not take this client's certificate, or asks for one and was shown none. */
    REFUSED_BY_SERVER("the server does not take the client's certificate, or was shown none"),

    /** Anything else about the server's certificate. */
    OTHER("the server's certificate is not valid"),
}

// Exceptions could be each other's causes.
private const val DEEPEST = 20

/** The causes of [problem], itself first. */
internal fun causes(problem: Throwable?): List<Throwable> = generateSequence(problem) {
    it.cause
}.take(DEEPEST).toList()

/** What is wrong with a certificate where that is why a connection failed. The innermost cause says it best. */
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

/** The platforms have no class of exception for these. */
private fun ofText(text: String) = when {
    WRONG_NAME.containsMatchIn(text) -> CertificateProblem.WRONG_NAME
    else -> CertificateProblem.OTHER
}

private val WRONG_NAME = Regex("subject alternative|no name matching", RegexOption.IGNORE_CASE)

/** The alerts of TLS by which a server refuses a certificate, as the JDK and OpenSSL name them. */
private val REFUSAL = Regex("alert.*(certificate|unknown_ca)", RegexOption.IGNORE_CASE)
