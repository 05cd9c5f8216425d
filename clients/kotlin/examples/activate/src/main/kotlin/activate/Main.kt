package activate

import com.sun.net.httpserver.HttpExchange
import com.sun.net.httpserver.HttpServer
import io.grpc.netty.shaded.io.grpc.netty.NettyChannelBuilder
import io.passbridge.client.PassbridgeClient
import io.passbridge.client.PassbridgeException
import io.passbridge.v1.RegistrationCode
import io.passbridge.v1.createRegistrationCodeRequest
import io.passbridge.v1.deviceInfo
import io.passbridge.v1.watchRegistrationCodeRequest
import kotlinx.coroutines.delay
import kotlinx.coroutines.flow.collectLatest
import kotlinx.coroutines.runBlocking
import java.net.InetSocketAddress
import java.util.concurrent.Executors
import kotlin.time.Duration.Companion.seconds

private const val REQUESTOR = "REF"
private const val PORT = 8081
private val HEARTBEAT = 15.seconds

/**
 * Serves the page that shows a code. The environment variable `PASSBRIDGE` has the address of the server; the default is one on
 * this machine. In production, add TLS and a token: see the README of the client.
 */
fun main() {
    val target = System.getenv("PASSBRIDGE") ?: "127.0.0.1:50051"
    val client = PassbridgeClient.connect(NettyChannelBuilder.forTarget(target).usePlaintext())
    println("http://127.0.0.1:${serve(client, PORT).address.port}")
}

/** Starts a web server on this [port] of this machine; 0 means any free port. */
fun serve(client: PassbridgeClient, port: Int): HttpServer =
    HttpServer.create(InetSocketAddress("127.0.0.1", port), 0).apply {
        // Each watching page occupies a thread.
        executor = Executors.newCachedThreadPool { Thread(it).apply { isDaemon = true } }
        createContext("/") { it.respond(OK, "text/html", page) }
        createContext("/codes") { it.reportingErrors { createCode(client, it) } }
        createContext("/states") { it.reportingErrors { streamStates(client, it) } }
        start()
    }

/** Creates a code for a device: `POST /codes?model=AppleTV&os=tvOS`. */
private fun createCode(client: PassbridgeClient, exchange: HttpExchange) = runBlocking {
    val created = client.createRegistrationCode(
        createRegistrationCodeRequest {
            requestorId = REQUESTOR
            deviceInfo = deviceInfo {
                model = exchange.parameter("model")
                osName = exchange.parameter("os")
            }
        },
    )
    val code = created.registrationCode
    exchange.respond(OK, "application/json", """{"code":"${code.code}","id":"${code.id}"}""")
}

/** Streams the states of a code as server-sent events: `GET /states?code=…&id=…`. */
private fun streamStates(client: PassbridgeClient, exchange: HttpExchange) = runBlocking {
    val request = watchRegistrationCodeRequest {
        requestorId = REQUESTOR
        code = exchange.parameter("code")
        id = exchange.parameter("id")
    }
    client.watchRegistrationCode(request).collectLatest { now ->
        exchange.send("data: ${now.state.name.removePrefix("STATE_")}")
        // A write fails after the page was closed, which ends the watch.
        while (now.state == RegistrationCode.State.STATE_PENDING) {
            delay(HEARTBEAT)
            exchange.send(": heartbeat")
        }
    }
    exchange.close()
}

private fun HttpExchange.send(event: String) {
    if (responseCode == UNSENT) {
        responseHeaders["Content-Type"] = "text/event-stream"
        sendResponseHeaders(OK, 0)
    }
    responseBody.write("$event\n\n".toByteArray())
    responseBody.flush()
}

/** Runs [action], and responds with its error. */
private fun HttpExchange.reportingErrors(action: () -> Unit) = try {
    action()
} catch (error: PassbridgeException) {
    if (responseCode == UNSENT) respond(status(error), "text/plain", error.message.orEmpty()) else close()
}

private fun status(error: PassbridgeException) = when (error) {
    is PassbridgeException.InvalidRequest -> BAD_REQUEST
    is PassbridgeException.NotFound -> NOT_FOUND
    else -> BAD_GATEWAY
}

private fun HttpExchange.respond(status: Int, type: String, text: String) = use {
    responseHeaders["Content-Type"] = "$type; charset=utf-8"
    val body = text.toByteArray()
    sendResponseHeaders(status, body.size.toLong())
    responseBody.write(body)
}

private fun HttpExchange.parameter(name: String): String =
    requestURI.query.orEmpty().split('&').firstOrNull { it.startsWith("$name=") }.orEmpty().substringAfter('=')

private fun HttpExchange.use(block: () -> Unit) = try {
    block()
} finally {
    close()
}

private val page = object {}.javaClass.getResource("/page.html")!!.readText()

private const val OK = 200
private const val BAD_REQUEST = 400
private const val NOT_FOUND = 404
private const val BAD_GATEWAY = 502
private const val UNSENT = -1
