package io.passbridge.client

import com.google.protobuf.Any
import com.google.rpc.ErrorInfo
import com.google.rpc.RetryInfo
import io.grpc.Status
import io.passbridge.v1.RegistrationCode.State
import io.passbridge.v1.registrationCode
import io.passbridge.v1.watchRegistrationCodeRequest
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertNull
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test
import java.time.Duration
import com.google.protobuf.Duration as ProtoDuration
import com.google.rpc.Status as RpcStatus

/** When a watch is resumed, and after what delay. */
class WatchProgressTest {
    private val errors = ErrorConverter("a target", sendsToken = false)
    private val lost = errors.of(Status.UNAVAILABLE.asException())!!
    private val pending = registrationCode {
        id = "an-id"
        state = State.STATE_PENDING
    }

    @Test
    fun `a watch that has not started is not resumed`() {
        assertNull(watch().pauseAfter(lost))
    }

    @Test
    fun `the backoff doubles up to ten seconds with jitter, and starts again after each state`() {
        for ((random, share) in listOf(0.0 to 50, 1.0 to 100)) {
            val watch = watch(random).apply { received(pending) }
            val pauses = List(12) { watch.pauseAfter(lost)!!.toMillis() }
            assertEquals(listOf(100L, 200, 400, 800, 1600, 3200, 6400, 10_000).map { it * share / 100 }, pauses.take(8))
            assertEquals(10_000L * share / 100, pauses.last())
            watch.received(pending)
            assertEquals(100L * share / 100, watch.pauseAfter(lost)!!.toMillis())
        }
    }

    @Test
    fun `a watch resumes at once after a shutdown, and after the retry delay if there is one`() {
        val watch = watch().apply { received(pending) }
        assertEquals(Duration.ZERO, watch.pauseAfter(answer(Status.Code.UNAVAILABLE, "SHUTTING_DOWN")))
        val wait = RetryInfo.newBuilder().setRetryDelay(ProtoDuration.newBuilder().setSeconds(30)).build()
        val exhausted = answer(Status.Code.RESOURCE_EXHAUSTED, "WATCHES_EXHAUSTED", Any.pack(wait))
        assertEquals(Duration.ofSeconds(30), watch.pauseAfter(exhausted))
    }

    @Test
    fun `a watch ends after a permanent error`() {
        val watch = watch().apply { received(pending) }
        for (code in listOf(Status.Code.NOT_FOUND, Status.Code.UNAUTHENTICATED, Status.Code.INTERNAL)) {
            assertNull(watch.pauseAfter(answer(code, "A_REASON")))
        }
    }

    @Test
    fun `the next stream has the id of the record`() {
        val watch = watch().apply { received(pending) }
        assertEquals("an-id", watch.request.id)
        assertTrue(!watch.hasEnded)
        watch.received(registrationCode { state = State.STATE_EXPIRED })
        assertTrue(watch.hasEnded)
    }

    private fun watch(random: Double = 0.0) = WatchProgress(watchRegistrationCodeRequest { code = "ABCDEFG" }) { random }

    private fun answer(code: Status.Code, reason: String, vararg further: Any) = errors.of(
        RpcStatus.newBuilder().setCode(code.value())
            .addDetails(Any.pack(ErrorInfo.newBuilder().setReason(reason).setDomain("passbridge").build()))
            .addAllDetails(further.toList())
            .build(),
    )
}
