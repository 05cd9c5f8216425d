package io.passbridge.client

import io.grpc.ChannelCredentials
import io.grpc.TlsChannelCredentials
import java.io.File
import java.io.IOException

/** TLS in the form that every transport's `forTarget(target, credentials)` takes. */
public object Tls {
    /**
     * Believes the authorities in the PEM file [authorities], or those of this machine, and shows nothing.
     *
     * @throws IOException where the file cannot be read.
     */
    @JvmStatic
    @JvmOverloads
    @Throws(IOException::class)
    public fun of(authorities: File? = null): ChannelCredentials = builder(authorities).build()

    /**
     * Mutual TLS: believes the authorities in the PEM file [authorities], or where it is null those of this machine, and
     * shows [certificate] (PEM, followed by those of intermediate authorities), whose [key] is in PKCS#8 without a
     * password.
     *
     * The files are read now. A certificate that is renewed while the program runs needs a key manager that reads it
     * again, such as `AdvancedTlsX509KeyManager` of grpc-util, with grpc's own `TlsChannelCredentials`.
     *
     * @throws IOException where a file cannot be read.
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
