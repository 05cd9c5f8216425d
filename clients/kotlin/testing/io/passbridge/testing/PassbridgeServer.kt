package io.passbridge.testing

import java.io.File
import java.net.HttpURLConnection
import java.net.URI
import java.nio.file.Files
import java.nio.file.Path
import java.util.concurrent.LinkedBlockingQueue
import java.util.concurrent.TimeUnit
import kotlin.concurrent.thread

/** How long to wait for what must come; only a failing test ever waits so long. */
private const val PATIENCE_SECONDS = 60L

/**
 * The real server, with a data folder of its own. It listens on free ports at its first start and on the same ones after a
 * restart.
 *
 * @param configuration what is appended to its configuration (TOML).
 */
class PassbridgeServer(private val configuration: String = "", data: Path = newFolder()) : AutoCloseable {
    val data: Path = data
    private val listeners = mutableMapOf("grpc" to FREE, "rest" to FREE, "operations" to FREE)
    private var process: Process? = null
    private val log = LinkedBlockingQueue<String>()

    /** Host and port of gRPC. */
    val address: String get() = listeners.getValue("grpc")

    fun start() = apply {
        begin()
        awaitServing()
    }

    /** Starts the program without waiting until it serves. */
    fun begin() = apply {
        log.clear()
        val file = Files.writeString(data.resolve("passbridge.toml"), configuration)
        val builder = ProcessBuilder(binary(), "serve", "--config", file.toString()).redirectOutput(ProcessBuilder.Redirect.DISCARD)
        builder.environment().apply {
            keys.removeIf { it.startsWith("PASSBRIDGE_") }
            listeners.forEach { (name, address) -> put("PASSBRIDGE_${name.uppercase()}__LISTEN", address) }
            put("PASSBRIDGE_STORE__PATH", data.resolve("store").toString())
            put("PASSBRIDGE_STORE__FREE_SPACE_RESERVE", "0")
            put("PASSBRIDGE_LOG__FORMAT", "json")
        }
        process = builder.start().also { started ->
            thread(isDaemon = true) { started.errorReader().forEachLine(log::add) }
        }
    }

    fun awaitServing() {
        val line = awaitLine("\"serving\"")
        listeners.replaceAll { name, _ ->
            checkNotNull(Regex("\"$name\":\"([^\"]+)\"").find(line)) { "no address of $name in $line" }.groupValues[1]
        }
    }

    /** The next line of the log with this [text]. */
    fun awaitLine(text: String): String {
        val seen = mutableListOf<String>()
        while (true) {
            val line = log.poll(PATIENCE_SECONDS, TimeUnit.SECONDS) ?: error("the server never said $text, but: $seen")
            if (text in line) return line
            seen += line
        }
    }

    /** Ends it as an operator does, and waits until it has ended. */
    fun stop() = apply {
        signal("TERM")
        check(running().waitFor(PATIENCE_SECONDS, TimeUnit.SECONDS)) { "the server does not stop" }
    }

    fun signal(name: String) {
        check(ProcessBuilder("kill", "-$name", running().pid().toString()).start().waitFor() == 0) { "cannot send SIG$name" }
    }

    /** The value of a metric without labels, or with [labels] as they are written. */
    fun metric(name: String, labels: String = ""): Long {
        val connection = URI("http://${listeners.getValue("operations")}/metrics").toURL().openConnection() as HttpURLConnection
        val page = connection.inputStream.bufferedReader().readText()
        val values = page.lines().filter { it.startsWith(name + labels) && !it.startsWith("#") }
        return values.sumOf { it.substringAfterLast(' ').toDouble() }.toLong()
    }

    override fun close() {
        process?.destroyForcibly()?.waitFor()
        data.toFile().deleteRecursively()
    }

    private fun running() = checkNotNull(process) { "the server was not started" }

    private companion object {
        const val FREE = "127.0.0.1:0"

        fun newFolder(): Path = Files.createTempDirectory("passbridge")

        /** The program under test; by default the one that cargo builds. */
        fun binary(): String = System.getenv("PASSBRIDGE_BINARY")
            ?: generateSequence(File("").absoluteFile) { it.parentFile }
                .map { it.resolve("target/debug/passbridge") }.firstOrNull { it.canExecute() }?.path
            ?: error("build passbridge first, or name it in PASSBRIDGE_BINARY")
    }
}
