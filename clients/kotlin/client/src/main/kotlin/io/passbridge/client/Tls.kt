package io.passbridge.client

import io.grpc.ChannelCredentials
import io.grpc.TlsChannelCredentials
import java.io.File
import java.io.IOException

/** TLS credentials, which every transport accepts in `forTarget(target, credentials)`. */
public object Tls {
    /**
     * Trusts the CAs in the PEM file [authorities], or if it is null those of this machine. Sends no client certificate.
     *
     * @throws IOException if the file cannot be read.
     */
    @JvmStatic
    @JvmOverloads
    @Throws(IOException::class)
    public fun of(authorities: File? = null): ChannelCredentials = builder(authorities).build()

    /**
     * Mutual TLS: trusts the CAs in the PEM file [authorities], or if it is null those of this machine, and sends
     * [certificate] (PEM, followed by its intermediate CAs). Its [key] is in PKCS#8 without a password.
     *
     * The files are read once. If the certificate is renewed while the program runs, use gRPC's `TlsChannelCredentials` with
     * a key manager that reads it again, such as `AdvancedTlsX509KeyManager` of grpc-util.
     *
     * @throws IOException if a file cannot be read.
     */
    @JvmStatic
    @Throws(IOException::class)
    public fun mutual(authorities: File?, certificate: File, key: File): ChannelCredentials =
        builder(authorities).keyManager(certificate, key).build()

    private fun builder(authorities: File?): TlsChannelCredentials.Builder {
        val builder = TlsChannelCredentials.newBuilder()
        return if (authorities == null) builder else builder.trustManager(authorities)
    }
}
