package io.passbridge.client

import org.bouncycastle.asn1.x500.X500Name
import org.bouncycastle.asn1.x509.BasicConstraints
import org.bouncycastle.asn1.x509.Extension
import org.bouncycastle.asn1.x509.GeneralName
import org.bouncycastle.asn1.x509.GeneralNames
import org.bouncycastle.cert.jcajce.JcaX509v3CertificateBuilder
import org.bouncycastle.operator.jcajce.JcaContentSignerBuilder
import java.io.File
import java.math.BigInteger
import java.nio.file.Path
import java.security.KeyPair
import java.security.KeyPairGenerator
import java.security.SecureRandom
import java.security.cert.X509Certificate
import java.security.spec.ECGenParameterSpec
import java.time.Duration
import java.time.Instant
import java.util.Base64
import java.util.Date

/** A CA for tests, whose files are in [folder]. */
class Authority(private val folder: Path, name: String = "a test") {
    private val keys = newKeys()
    private val subject = X500Name("CN=$name")

    /** The file with its own certificate. */
    val file: File = pem("$name.ca", "CERTIFICATE", sign(subject, keys, YEAR, null).encoded)

    /** Issues a certificate for [name], by default 127.0.0.1. */
    fun identity(name: GeneralName = LOCALHOST, lifetime: Duration = YEAR): Identity {
        val own = newKeys()
        val certificate = sign(X500Name("CN=subject"), own, lifetime, name)
        val file = "${certificate.serialNumber}"
        return Identity(
            pem("$file.crt", "CERTIFICATE", certificate.encoded),
            pem("$file.key", "PRIVATE KEY", own.private.encoded)
        )
    }

    private fun sign(to: X500Name, own: KeyPair, lifetime: Duration, name: GeneralName?): X509Certificate {
        val end = Instant.now() + lifetime
        val builder = JcaX509v3CertificateBuilder(
            subject,
            BigInteger(64, SecureRandom()),
            Date.from(end - Duration.ofDays(800)),
            Date.from(end),
            to,
            own.public,
        )
        if (name == null) {
            builder.addExtension(Extension.basicConstraints, true, BasicConstraints(true))
        } else {
            builder.addExtension(Extension.subjectAlternativeName, false, GeneralNames(name))
        }
        val signed = builder.build(JcaContentSignerBuilder("SHA256withECDSA").build(keys.private))
        return signed.encoded.inputStream().use {
            java.security.cert.CertificateFactory.getInstance("X.509").generateCertificate(it) as X509Certificate
        }
    }

    private fun pem(name: String, type: String, content: ByteArray): File {
        val text = Base64.getMimeEncoder(64, "\n".toByteArray()).encodeToString(content)
        return folder.resolve(name.replace(' ', '-')).toFile().apply {
            writeText("-----BEGIN $type-----\n$text\n-----END $type-----\n")
        }
    }

    companion object {
        val YEAR: Duration = Duration.ofDays(365)
        val LOCALHOST = GeneralName(GeneralName.iPAddress, "127.0.0.1")

        private fun newKeys(): KeyPair =
            KeyPairGenerator.getInstance("EC").apply { initialize(ECGenParameterSpec("secp256r1")) }.generateKeyPair()
    }
}

/** A certificate and its private key, as PEM files. */
class Identity(val certificate: File, val key: File) {
    /** The TLS section of the configuration of a server with this certificate, and [further] keys. */
    fun configured(further: String = "") = "[grpc.tls]\ncertificate = \"$certificate\"\nkey = \"$key\"\n$further\n"
}
