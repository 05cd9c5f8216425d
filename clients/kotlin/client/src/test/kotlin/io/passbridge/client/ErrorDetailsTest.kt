package io.passbridge.client

import com.google.protobuf.Any
import com.google.rpc.BadRequest
import com.google.rpc.ErrorInfo
import io.grpc.Status
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertFalse
import org.junit.jupiter.api.Assertions.assertNull
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test
import com.google.rpc.Status as RpcStatus

/** The details of errors. */
class ErrorDetailsTest {
    @Test
    fun `the provider's response is read from the metadata`() {
        val info = ErrorInfo.newBuilder().setReason("UPSTREAM_REJECTED")
            .putMetadata("upstream_status", "400").putMetadata("upstream_code", "invalid_parameter_mvpd")
        val error = error(Any.pack(info.build()))
        assertEquals(UpstreamAnswer("400", "invalid_parameter_mvpd", null), error.upstream)
        assertEquals("INVALID_ARGUMENT (UPSTREAM_REJECTED): no", error.message)
        assertFalse(error.detailsCut)
    }

    @Test
    fun `omitted violations are counted`() {
        val info = ErrorInfo.newBuilder().setReason("INVALID_FIELD")
            .putMetadata("details_cut", "true").putMetadata("violations_omitted", "12")
        val request = BadRequest.newBuilder()
        request.addFieldViolationsBuilder().setField("code").description = "is required"
        val error = error(Any.pack(info.build()), Any.pack(request.build()))
        assertEquals(listOf(Violation("code", "is required")), error.violations)
        assertEquals(12, error.violationsLeftOut)
        assertTrue(error.detailsCut)
    }

    @Test
    fun `truncated details are reported as cut, unknown ones are not`() {
        val whole = Any.pack(ErrorInfo.newBuilder().setReason("INVALID_FIELD").build())
        val half = whole.toBuilder().setValue(whole.value.substring(0, whole.value.size() - 1)).build()
        assertTrue(error(half).detailsCut)
        assertNull(error(half).reason)
        val later = Any.newBuilder().setTypeUrl("type.googleapis.com/a.later.Detail").setValue(half.value).build()
        assertFalse(error(whole, later).detailsCut)
    }

    private fun error(vararg details: Any) = ErrorConverter("a target", sendsToken = false).of(
        RpcStatus.newBuilder()
            .setCode(Status.Code.INVALID_ARGUMENT.value()).setMessage("no").addAllDetails(details.toList())
            .build(),
    )
}
