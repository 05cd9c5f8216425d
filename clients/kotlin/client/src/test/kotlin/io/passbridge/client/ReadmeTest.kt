package io.passbridge.client

import io.opentelemetry.api.OpenTelemetry
import io.passbridge.testing.PassbridgeServer
import io.passbridge.v1.RegistrationCode.State
import io.passbridge.v1.batchResetTempPassRequest
import io.passbridge.v1.createRegistrationCodeRequest
import kotlinx.coroutines.flow.flowOf
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test
import java.io.File

/** The code and the versions in README.md are up to date. */
class ReadmeTest {
    private val readme = File("../README.md").readText()

    @Test
    fun `its code is compiled`() {
        val compiled = mapOf(
            "kotlin" to "src/test/kotlin/io/passbridge/client/ReadmeExamples.kt",
            "java" to "src/test/java/io/passbridge/client/ReadmeExample.java",
        ).mapValues { (_, file) -> unindented(File(file).readText()) }
        val blocks = Regex("```(kotlin|java)\n(.*?)```", RegexOption.DOT_MATCHES_ALL).findAll(readme).toList()
        assertTrue(blocks.size >= 10, "${blocks.size}")
        for (block in blocks) {
            val (language, code) = block.destructured
            assertTrue(unindented(code) in compiled.getValue(language), code)
        }
    }

    @Test
    fun `its versions are those of the build`() {
        val pom = File("../pom.xml").readText()
        val version = Regex("<version>(.*?)</version>").find(pom)!!.groupValues[1]
        val grpc = Regex("<grpc.version>(.*?)</grpc.version>").find(pom)!!.groupValues[1]
        val shown = Regex("<version>(.*?)</version>").findAll(readme).map { it.groupValues[1] }.toList()
        assertEquals(listOf(version, grpc), shown)
    }

    @Test
    fun `its examples print the expected output`() = test {
        PassbridgeServer().start().use { server ->
            server.client().use { client ->
                val printed = mutableListOf<String>()
                errors(client, createRegistrationCodeRequest { requestorId = "REF" }, printed::add)
                assertTrue(printed.single().startsWith("device: "), "$printed")
                printed.clear()
                batch(
                    client,
                    flowOf(
                        batchResetTempPassRequest {
                            itemId = "7"
                            tempPass = reset("all")
                        }
                    ),
                    printed::add
                )
                assertEquals("1 answered, 1 failed", printed.first())
                assertTrue(printed.last().startsWith("7: INVALID_ARGUMENT"), "$printed")
                val states = mutableListOf<State>()
                val code = client.createRegistrationCode(newCode()).registrationCode
                client.deleteRegistrationCode(deletion(code))
                watch(client, code, states::add)
                assertEquals(listOf(State.STATE_RELEASED), states)
            }
        }
        android().close()
        openTelemetry(OpenTelemetry.noop()).close()
        assertEquals("passbridge:///10.0.0.1:50051,10.0.0.2:50051", target())
    }

    private fun unindented(code: String) = code.lines().joinToString("\n") { it.trim() }.trim()
}
