package io.passbridge.testing

import org.junit.jupiter.api.extension.AfterTestExecutionCallback
import org.junit.jupiter.api.extension.ExtendWith
import org.junit.jupiter.api.extension.ExtensionContext
import java.nio.file.Files
import java.nio.file.Path
import java.nio.file.StandardOpenOption.APPEND
import java.nio.file.StandardOpenOption.CREATE

/**
 * Marks a test of the behavior with this [id] in `clients/behaviours.txt`, for callers in [language]. If `PASSBRIDGE_BEHAVIOURS`
 * names a folder, a passed test is recorded there.
 */
@Target(AnnotationTarget.FUNCTION)
@Retention(AnnotationRetention.RUNTIME)
@ExtendWith(BehaviourRecorder::class)
annotation class Behaviour(val id: String, val language: String = "kotlin")

private class BehaviourRecorder : AfterTestExecutionCallback {
    override fun afterTestExecution(context: ExtensionContext) {
        val folder = System.getenv("PASSBRIDGE_BEHAVIOURS") ?: return
        if (context.executionException.isPresent) return
        val behaviour = context.requiredTestMethod.getAnnotation(Behaviour::class.java)
        synchronized(BehaviourRecorder::class) {
            Files.writeString(Path.of(folder, "${behaviour.language}.txt"), "${behaviour.id}\n", CREATE, APPEND)
        }
    }
}
