package io.passbridge.client

import io.passbridge.testing.Behaviour
import io.passbridge.testing.PassbridgeServer
import io.passbridge.v1.Decision
import io.passbridge.v1.RegistrationCode.State
import io.passbridge.v1.TempPass
import io.passbridge.v1.batchResetTempPassRequest
import io.passbridge.v1.copy
import io.passbridge.v1.createRegistrationCodeRequest
import io.passbridge.v1.deviceInfo
import io.passbridge.v1.getTempPassRequest
import kotlinx.coroutines.flow.asFlow
import kotlinx.coroutines.flow.map
import kotlinx.coroutines.flow.toList
import org.junit.jupiter.api.AfterAll
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertFalse
import org.junit.jupiter.api.Assertions.assertNotEquals
import org.junit.jupiter.api.Assertions.assertNull
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.BeforeAll
import org.junit.jupiter.api.Test
import java.util.UUID

/** Calls that succeed, and calls that fail with an error of the server. */
class CallTest {
    @Test
    @Behaviour("create")
    fun `create returns normalized device information`() = test {
        val code = client.createRegistrationCode(newCode()).registrationCode
        assertEquals(State.STATE_PENDING, code.state)
        assertTrue(code.deviceIdAssigned)
        assertEquals("tvOS", code.deviceInfo.operatingSystem.name)
        assertEquals(listOf(17, 4, 1), code.deviceInfo.operatingSystem.version.run { listOf(major, minor, patch) })
    }

    @Test
    @Behaviour("violation")
    fun `an invalid field is named, with what is allowed`() {
        val error = failure<PassbridgeException.InvalidRequest> {
            client.createRegistrationCode(newCode().copy { deviceInfo = deviceInfo { osName = "tvOS" } })
        }
        assertEquals("INVALID_FIELD", error.reason)
        assertEquals("device_info.model", error.violations.single().field)
        assertTrue("required" in error.violations.single().description, error.toString())
        assertFalse(error.detailsCut)
    }

    @Test
    @Behaviour("read")
    fun `a code is read, and an unknown code is not found`() = test {
        val code = client.createRegistrationCode(newCode()).registrationCode
        assertEquals(code, client.getRegistrationCode(read(code)).registrationCode)
        val error = failure<PassbridgeException.NotFound> {
            client.getRegistrationCode(read(code).copy { this.code = "ZZZZZZZ" })
        }
        assertEquals("REGISTRATION_CODE_NOT_FOUND", error.reason)
        assertTrue(error.probableCauses.isNotEmpty())
    }

    @Test
    @Behaviour("watch_released")
    fun `a watch shows a pending code and ends when the code is released`() = test {
        val code = client.createRegistrationCode(newCode()).registrationCode
        val states = client.watchRegistrationCode(code).map {
            if (it.state == State.STATE_PENDING) client.deleteRegistrationCode(deletion(it))
            it.state
        }.toList()
        assertEquals(listOf(State.STATE_PENDING, State.STATE_RELEASED), states)
    }

    @Test
    @Behaviour("idempotent_repeat")
    fun `a repeated create returns the stored response`() = test {
        val request = newCode(requestId = UUID.randomUUID().toString())
        val first = client.createRegistrationCode(request)
        assertEquals(first, client.createRegistrationCode(request))
        assertNotEquals(first, client.createRegistrationCode(newCode()))
    }

    @Test
    @Behaviour("trial_authorize")
    fun `a trial starts, permits a resource and shows what remains of it`() = test {
        val response = client.authorizeTempPass(
            authorization("a-device").copy {
                mvpdId = "TempPassREF"
                userIdentifier = "viewer@example.com"
            }
        )
        assertEquals(Decision.DECISION_PERMIT, response.decision)
        assertEquals(TempPass.State.STATE_ACTIVE, response.tempPass.state)
        assertEquals(4, response.tempPass.remainingResources)
        assertEquals(listOf("channel-1"), response.tempPass.usedResourcesList)
    }

    @Test
    @Behaviour("trial_reset")
    fun `a trial that was reset starts again`() = test {
        client.authorizeTempPass(authorization("to-be-reset"))
        assertEquals(1, client.resetTempPass(reset("to-be-reset")).resetCount)
        val trial = client.getTempPass(
            getTempPassRequest {
                requestorId = "REF"
                mvpdId = "TempPass"
                deviceId = "to-be-reset"
            }
        ).tempPass
        assertEquals(TempPass.State.STATE_NOT_STARTED, trial.state)
    }

    @Test
    @Behaviour("batch_reset")
    fun `a batch reports its progress and each failed item, and continues`() = test {
        client.authorizeTempPass(authorization("batch-7"))
        val items = (0 until 1000).map { number ->
            batchResetTempPassRequest {
                itemId = "item $number"
                // Every hundredth item has no target, which is an error and does not mean all devices.
                tempPass = reset("batch-$number").let { if (number % 100 == 99) it.copy { clearTarget() } else it }
            }
        }
        val answers = client.batchResetTempPass(items.asFlow()).toList()
        assertEquals(items.toSet(), answers.map { it.item }.toSet())
        assertEquals((1L..1000L).toList(), answers.map { it.answered })
        assertEquals(10L, answers.last().failed)
        val (failed, succeeded) = answers.partition { it.error != null }
        assertTrue(failed.all { it.error is PassbridgeException.InvalidRequest && it.resetCount == null })
        assertEquals(setOf(99), failed.map { it.item.itemId.substringAfter(' ').toInt() % 100 }.toSet())
        assertEquals(1L, succeeded.single { it.item.itemId == "item 7" }.resetCount)
        assertNull(succeeded.first().error)
    }

    @Test
    @Behaviour("cut_details")
    fun `cut error details are reported as incomplete`() {
        val error = failure<PassbridgeException.InvalidRequest> {
            client.createRegistrationCode(
                createRegistrationCodeRequest {
                    requestorId = "not a requestor"
                    deviceInfo = tooLong()
                    userAgent = "a".repeat(3_000)
                    deviceIp = "nowhere"
                    devicePort = 70_000
                    mvpdId = "not an mvpd"
                    requestId = "not a UUID"
                    domainName = "a".repeat(300)
                    redirectUrl = "a".repeat(3_000)
                }
            )
        }
        assertTrue(error.detailsCut, error.toString())
        assertTrue(error.violationsLeftOut > 0, error.violations.toString())
        assertTrue(error.violations.none { it.field.isEmpty() })
    }

    /** Every text exceeds its limit. */
    private fun tooLong() = deviceInfo {
        val text = "a".repeat(1_025)
        primaryHardwareType = text
        model = text
        version = text
        manufacturer = text
        vendor = text
        osName = text
        osFamily = text
        osVendor = text
        osVersion = text
        browserName = text
        browserVendor = text
        browserVersion = text
        userAgent = text
        displayWidth = text
        displayHeight = text
        displayPpi = text
        diagonalScreenSize = text
        connectionIp = text
        connectionPort = text
        connectionType = text
        applicationId = text
    }

    private companion object {
        lateinit var server: PassbridgeServer
        lateinit var client: PassbridgeClient

        @JvmStatic
        @BeforeAll
        fun start() {
            server = PassbridgeServer().start()
            client = server.client()
        }

        @JvmStatic
        @AfterAll
        fun stop() {
            client.close()
            server.close()
        }
    }
}
