package io.passbridge.client

import io.grpc.Attributes
import io.grpc.EquivalentAddressGroup
import io.grpc.NameResolver
import io.grpc.NameResolverProvider
import io.grpc.NameResolverRegistry
import io.grpc.Status
import io.grpc.StatusOr
import java.net.InetAddress
import java.net.InetSocketAddress
import java.net.SocketAddress
import java.net.URI
import java.net.UnknownHostException
import java.util.concurrent.Executor

/** Targets that list the addresses of several servers, for servers without a common DNS name. */
public object AddressList {
    init {
        // Not by META-INF/services, which gRPC does not read on Android.
        NameResolverRegistry.getDefaultRegistry().register(AddressListProvider)
    }

    /**
     * Returns a target for all [addresses], each a host and a port such as `10.0.0.1:50051` or `[::1]:50051`. Each server
     * must have a certificate for its own host.
     */
    @JvmStatic
    public fun target(vararg addresses: String): String {
        require(addresses.isNotEmpty()) { "a target requires at least one address" }
        addresses.forEach(HostAndPort::parse)
        return URI(AddressListProvider.defaultScheme, "", "/" + addresses.joinToString(","), null).toASCIIString()
    }
}

private class HostAndPort(val text: String, val host: String, val port: Int) {
    companion object {
        private val PORTS = 1..65_535

        fun parse(text: String): HostAndPort {
            val (host, port) = text.substringBeforeLast(':', "") to text.substringAfterLast(':').toIntOrNull()
            val isBare = ':' in host && !(host.startsWith('[') && host.endsWith(']'))
            require(host.isNotEmpty() && !isBare && port != null && port in PORTS && '/' !in host && ',' !in host) {
                "an address must be a host and a port such as 10.0.0.1:50051 or [::1]:50051, not $text"
            }
            return HostAndPort(text, host.removeSurrounding("[", "]"), port)
        }
    }
}

private object AddressListProvider : NameResolverProvider() {
    override fun isAvailable() = true

    // The same as that of the DNS resolver. No other resolver has our scheme.
    @Suppress("MagicNumber")
    override fun priority() = 5

    override fun getDefaultScheme() = "passbridge"

    override fun getProducedSocketAddressTypes(): Collection<Class<out SocketAddress>> =
        setOf(InetSocketAddress::class.java)

    override fun newNameResolver(target: URI, args: NameResolver.Args): NameResolver? {
        if (target.scheme != defaultScheme) return null
        val addresses = target.path.removePrefix("/").split(',').map(HostAndPort::parse)
        return AddressListResolver(addresses, requireNotNull(args.offloadExecutor) { "gRPC always sets an offload executor" })
    }
}

private class AddressListResolver(
    private val addresses: List<HostAndPort>,
    private val executor: Executor,
) : NameResolver() {
    private lateinit var listener: Listener2

    override fun getServiceAuthority() = addresses.joinToString(",") { it.text }

    override fun start(listener: Listener2) {
        this.listener = listener
        refresh()
    }

    override fun refresh() = executor.execute { resolve() }

    override fun shutdown() = Unit

    private fun resolve() {
        val found = addresses.map { runCatching { group(it) } }
        val groups = found.mapNotNull { it.getOrNull() }
        val problem = found.firstNotNullOfOrNull { it.exceptionOrNull() }
        val result = when {
            groups.isNotEmpty() -> StatusOr.fromValue(groups)
            else -> StatusOr.fromStatus(unknown(problem))
        }
        listener.onResult(ResolutionResult.newBuilder().setAddressesOrError(result).build())
    }

    @Throws(UnknownHostException::class)
    private fun group(address: HostAndPort): EquivalentAddressGroup {
        val all = InetAddress.getAllByName(address.host).map { InetSocketAddress(it, address.port) }
        // The name for which the certificate must be valid.
        val authority = Attributes.newBuilder().set(EquivalentAddressGroup.ATTR_AUTHORITY_OVERRIDE, address.text).build()
        return EquivalentAddressGroup(all, authority)
    }

    private fun unknown(problem: Throwable?) =
        Status.UNAVAILABLE.withDescription("no host of $serviceAuthority can be resolved").withCause(problem)
}
