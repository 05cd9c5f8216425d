package activate

import com.sun.net.httpserver.HttpServer
import io.grpc.netty.shaded.io.grpc.netty.NettyChannelBuilder
import io.passbridge.client.PassbridgeClient
import io.passbridge.testing.PassbridgeServer
import io.passbridge.v1.deleteRegistrationCodeRequest
import kotlinx.coroutines.runBlocking
import org.junit.jupiter.api.AfterEach
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test
import java.net.URI
import java.net.http.HttpClient
import java.net.http.HttpRequest
import java.net.http.HttpResponse.BodyHandlers
import java.util.UUID

/** The sample service, over real sockets. */
class ActivateTest {
    private val server = PassbridgeServer().start()
    private val client = PassbridgeClient.connect(NettyChannelBuilder.forTarget(server.address).usePlaintext())
    private val web: HttpServer = serve(client, 0)
    private val browser = HttpClient.newHttpClient()

    @AfterEach
    fun stop() {
        web.stop(0)
        client.close()
        server.close()
    }

    @Test
    fun `a page shows a code and its release`() {
        val created = post("/codes?model=AppleTV&os=tvOS").body()
        val (code, id) = Regex("""\{"code":"(.*)","id":"(.*)"}""").matchEntire(created)!!.destructured
        val events = browser.send(request("/states?code=$code&id=$id").build(), BodyHandlers.ofLines())
        assertEquals("text/event-stream", events.headers().firstValue("content-type").get())
        val seen = mutableListOf<String>()
        events.body().filter(String::isNotEmpty).forEach {
            seen += it
            if (it == "data: PENDING") release(code)
        }
        assertEquals(listOf("data: PENDING", "data: RELEASED"), seen)
    }

    @Test
    fun `a page receives errors`() {
        val response = post("/codes?model=AppleTV")
        assertEquals(400, response.statusCode())
        assertTrue("device_info.os_name" in response.body(), response.body())
        assertEquals(404, get("/states?code=NONE&id=${UUID.randomUUID()}").statusCode())
        assertTrue("EventSource" in get("/").body())
    }

    private fun release(code: String): Unit = runBlocking {
        client.deleteRegistrationCode(
            deleteRegistrationCodeRequest {
                requestorId = "REF"
                this.code = code
            },
        )
    }

    private fun get(path: String) = browser.send(request(path).build(), BodyHandlers.ofString())

    private fun post(path: String) =
        browser.send(request(path).POST(HttpRequest.BodyPublishers.noBody()).build(), BodyHandlers.ofString())

    private fun request(path: String) = HttpRequest.newBuilder(URI("http://127.0.0.1:${web.address.port}$path"))
}
