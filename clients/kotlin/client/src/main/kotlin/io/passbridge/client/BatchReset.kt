package io.passbridge.client

import io.grpc.Status
import io.passbridge.v1.BatchResetTempPassRequest
import io.passbridge.v1.BatchResetTempPassResponse
import kotlinx.coroutines.flow.Flow
import kotlinx.coroutines.flow.catch
import kotlinx.coroutines.flow.emitAll
import kotlinx.coroutines.flow.flow
import kotlinx.coroutines.flow.map
import kotlinx.coroutines.sync.Semaphore
import java.util.concurrent.ConcurrentSkipListMap

/** The number of items that the server processes at a time. */
private const val IN_FLIGHT = 256

/** Resets [items] over one stream, which [open] starts. */
internal fun batchReset(
    items: Flow<BatchResetTempPassRequest>,
    errors: ErrorConverter,
    open: (Flow<BatchResetTempPassRequest>) -> Flow<BatchResetTempPassResponse>,
): Flow<BatchAnswer> = flow {
    val batch = Batch(errors)
    val answers = flow {
        emitAll(open(items.map(batch::sent)))
        if (batch.unanswered.isNotEmpty()) {
            throw Status.UNAVAILABLE.withDescription("the stream ended before all items were answered").asException()
        }
    }
    emitAll(answers.map(batch::answer).catch { throw batch.interrupted(it) })
}

private class Batch(private val errors: ErrorConverter) {
    private val slots = Semaphore(IN_FLIGHT)

    /** By the number that is sent as `item_id`, because the caller's own need not be unique. */
    private val waiting = ConcurrentSkipListMap<Long, BatchResetTempPassRequest>()
    private var sent = 0L
    private var answered = 0L
    private var failed = 0L

    /** In the order in which they were sent. */
    val unanswered get() = waiting.values.toList()

    /** Waits for a free slot, and returns the item in the form to send. */
    suspend fun sent(item: BatchResetTempPassRequest): BatchResetTempPassRequest {
        slots.acquire()
        val number = sent++
        waiting[number] = item
        return item.toBuilder().setItemId(number.toString()).build()
    }

    fun answer(response: BatchResetTempPassResponse): BatchAnswer {
        val item = checkNotNull(response.itemId.toLongOrNull()?.let(waiting::remove)) {
            "the server answered the item ${response.itemId}, which is not in flight"
        }
        slots.release()
        val error = response.status.takeIf { it.code != Status.Code.OK.value() }?.let(errors::of)
        answered++
        if (error != null) failed++
        return BatchAnswer(item, error, response.resetCount.takeIf { response.hasResetCount() }, answered, failed)
    }

    fun interrupted(problem: Throwable): Throwable = when (val error = errors.of(problem)) {
        null -> problem
        else -> PassbridgeException.BatchInterrupted(unanswered, error.failure, error)
    }
}
