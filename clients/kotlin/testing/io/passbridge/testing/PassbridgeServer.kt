package io.passbridge.testing

import java.io.File
import java.net.HttpURLConnection
import java.net.URI
import java.nio.file.Files
import java.nio.file.Path
import java.util.concurrent.LinkedBlockingQueue
import java.util.concurrent.TimeUnit
import kotlin.concurrent.thread

/** The timeout of tests. Only a failing test waits so long. */
private const val PATIENCE_SECONDS = 60L

/**
 * A real server with its own data folder. It listens on free ports at its first start, and on the same ports after a restart.
 *
 * @param configuration the content of its configuration file (TOML).
 */
class PassbridgeServer(private val configuration: String = "", data: Path = newFolder()) : AutoCloseable {
    val data: Path = data
    private val listeners = mutableMapOf("grpc" to FREE, "rest" to FREE, "operations" to FREE)
    private var process: Process? = null
    private val log = LinkedBlockingQueue<String>()

    /** The host and port of gRPC. */
    val address: String get() = listeners.getValue("grpc")

    fun start() = apply {
        begin()
        awaitServing()
    }

    /** Starts the server without waiting until it is serving. */
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

    /** Waits for the next log line that contains [text]. */
    fun awaitLine(text: String): String {
        val seen = mutableListOf<String>()
        while (true) {
            val line = log.poll(PATIENCE_SECONDS, TimeUnit.SECONDS) ?: error("the server did not log $text: $seen")
            if (text in line) return line
            seen += line
        }
    }

    /** Sends SIGTERM and waits until the server has exited. */
    fun stop() = apply {
        signal("TERM")
        check(running().waitFor(PATIENCE_SECONDS, TimeUnit.SECONDS)) { "the server did not exit" }
    }

    fun signal(name: String) {
        check(ProcessBuilder("kill", "-$name", running().pid().toString()).start().waitFor() == 0) { "cannot send SIG$name" }
    }

    /** The value of a metric without labels, or with [labels] in the text format. */
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

        /** The server binary under test; the debug build by default. */
        fun binary(): String = System.getenv("PASSBRIDGE_BINARY")
            ?: generateSequence(File("").absoluteFile) { it.parentFile }
                .map { it.resolve("target/debug/passbridge") }.firstOrNull { it.canExecute() }?.path
            ?: error("no server binary: run cargo build, or set PASSBRIDGE_BINARY")
    }
}
