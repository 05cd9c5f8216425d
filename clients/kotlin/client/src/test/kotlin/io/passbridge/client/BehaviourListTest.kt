package io.passbridge.client

import io.passbridge.testing.Behaviour
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Test
import java.io.File

/** The list of behaviors that all clients share. */
class BehaviourListTest {
    @Test
    fun `each listed behavior has exactly one test`() {
        val listed = File("../../behaviours.txt").readLines().filter { it.isNotBlank() }.map { it.substringBefore(':') }
        val classes = File(javaClass.protectionDomain.codeSource.location.toURI()).walk()
            .filter { it.name.endsWith("Test.class") }
            .map { Class.forName("io.passbridge.client.${it.nameWithoutExtension}") }
        val tested = classes.flatMap { it.declaredMethods.asSequence() }
            .mapNotNull { it.getAnnotation(Behaviour::class.java) }
            .filter { it.language == "kotlin" }.map { it.id }
        assertEquals(listed.sorted(), tested.toList().sorted())
    }
}
