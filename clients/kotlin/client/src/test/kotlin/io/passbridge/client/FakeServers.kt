package io.passbridge.client

import io.grpc.CallOptions
import io.grpc.HandlerRegistry
import io.grpc.ManagedChannel
import io.grpc.Metadata
import io.grpc.MethodDescriptor
import io.grpc.Server
import io.grpc.ServerBuilder
import io.grpc.ServerCall
import io.grpc.ServerCallHandler
import io.grpc.ServerMethodDefinition
import io.grpc.Status
import io.grpc.netty.shaded.io.grpc.netty.NettyServerBuilder
import io.grpc.stub.ClientCalls
import io.grpc.stub.ServerCalls
import java.io.ByteArrayInputStream
import java.io.InputStream
import java.net.InetAddress
import java.net.InetSocketAddress
import java.util.concurrent.TimeUnit
import java.util.concurrent.atomic.AtomicInteger

/** A gRPC server other than passbridge, to simulate failures. */
class FakeServer(configure: ServerBuilder<*>.() -> Unit) : AutoCloseable {
    private val server: Server = NettyServerBuilder
        .forAddress(InetSocketAddress(InetAddress.getLoopbackAddress(), 0)).apply(configure).build().start()

    val address: String get() = "127.0.0.1:${server.port}"

    override fun close() {
        server.shutdownNow().awaitTermination(PATIENCE.inWholeSeconds, TimeUnit.SECONDS)
    }
}

/** Forwards unary calls to a server, and fails the first one after the server has processed it. */
class ResponseLosingProxy(target: String) : AutoCloseable {
    val calls = AtomicInteger()
    private val channel: ManagedChannel = plaintext(target).build()
    private val server = FakeServer { fallbackHandlerRegistry(ForwardAll()) }

    val address: String get() = server.address

    override fun close() {
        server.close()
        channel.shutdownNow()
    }

    private inner class ForwardAll : HandlerRegistry() {
        override fun lookupMethod(name: String, authority: String?): ServerMethodDefinition<*, *>? {
            // Health checks are streams, which the proxy does not forward. The client then calls without them.
            if (name.startsWith("grpc.health")) return null
            val method = MethodDescriptor.newBuilder(Bytes, Bytes)
                .setFullMethodName(name).setType(MethodDescriptor.MethodType.UNARY).build()
            return ServerMethodDefinition.create(
                method,
                ServerCalls.asyncUnaryCall { request, observer ->
                    val response = ClientCalls.blockingUnaryCall(channel, method, CallOptions.DEFAULT, request)
                    if (calls.incrementAndGet() == 1) {
                        observer.onError(Status.UNAVAILABLE.withDescription("the response was lost").asException())
                    } else {
                        observer.onNext(response)
                        observer.onCompleted()
                    }
                }
            )
        }
    }

    private object Bytes : MethodDescriptor.Marshaller<ByteArray> {
        override fun stream(value: ByteArray): InputStream = ByteArrayInputStream(value)

        override fun parse(stream: InputStream): ByteArray = stream.readBytes()
    }
}

/** Ends every call with [status]. */
fun refusing(status: Status) = object : HandlerRegistry() {
    override fun lookupMethod(name: String, authority: String?): ServerMethodDefinition<*, *> {
        val method = MethodDescriptor.newBuilder(Ignored, Ignored)
            .setFullMethodName(name).setType(MethodDescriptor.MethodType.UNKNOWN).build()
        return ServerMethodDefinition.create(
            method,
            object : ServerCallHandler<Unit, Unit> {
                override fun startCall(call: ServerCall<Unit, Unit>, headers: Metadata): ServerCall.Listener<Unit> {
                    call.close(status, Metadata())
                    return object : ServerCall.Listener<Unit>() {}
                }
            }
        )
    }
}

private object Ignored : MethodDescriptor.Marshaller<Unit> {
    override fun stream(value: Unit): InputStream = ByteArrayInputStream(ByteArray(0))

    override fun parse(stream: InputStream) = Unit
}
