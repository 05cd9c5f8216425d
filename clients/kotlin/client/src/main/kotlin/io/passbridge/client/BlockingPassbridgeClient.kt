package io.passbridge.client

import io.passbridge.v1.AuthorizeRequest
import io.passbridge.v1.AuthorizeResponse
import io.passbridge.v1.AuthorizeTempPassRequest
import io.passbridge.v1.AuthorizeTempPassResponse
import io.passbridge.v1.BatchResetTempPassRequest
import io.passbridge.v1.CreateRegistrationCodeRequest
import io.passbridge.v1.CreateRegistrationCodeResponse
import io.passbridge.v1.DecodeDeviceInfoRequest
import io.passbridge.v1.DecodeDeviceInfoResponse
import io.passbridge.v1.DeleteRegistrationCodeRequest
import io.passbridge.v1.DeleteRegistrationCodeResponse
import io.passbridge.v1.EncodeDeviceInfoRequest
import io.passbridge.v1.EncodeDeviceInfoResponse
import io.passbridge.v1.GetProfileRequest
import io.passbridge.v1.GetProfileResponse
import io.passbridge.v1.GetRegistrationCodeRequest
import io.passbridge.v1.GetRegistrationCodeResponse
import io.passbridge.v1.GetTempPassRequest
import io.passbridge.v1.GetTempPassResponse
import io.passbridge.v1.GetUserMetadataRequest
import io.passbridge.v1.GetUserMetadataResponse
import io.passbridge.v1.HashIdentifierRequest
import io.passbridge.v1.HashIdentifierResponse
import io.passbridge.v1.ListMvpdsRequest
import io.passbridge.v1.ListMvpdsResponse
import io.passbridge.v1.LogoutRequest
import io.passbridge.v1.LogoutResponse
import io.passbridge.v1.NormalizeDeviceInfoRequest
import io.passbridge.v1.NormalizeDeviceInfoResponse
import io.passbridge.v1.PreauthorizeRequest
import io.passbridge.v1.PreauthorizeResponse
import io.passbridge.v1.RegistrationCode
import io.passbridge.v1.ResetFlexibleTempPassRequest
import io.passbridge.v1.ResetFlexibleTempPassResponse
import io.passbridge.v1.ResetTempPassRequest
import io.passbridge.v1.ResetTempPassResponse
import io.passbridge.v1.StartLoginRequest
import io.passbridge.v1.StartLoginResponse
import io.passbridge.v1.WatchRegistrationCodeRequest
import kotlinx.coroutines.flow.asFlow
import kotlinx.coroutines.runBlocking
import java.util.function.Consumer

/**
 * The functions of [PassbridgeClient] for callers that cannot suspend. Each blocks its thread until the call has ended.
 * Interrupting the thread cancels the call, with an [InterruptedException].
 */
public class BlockingPassbridgeClient internal constructor(private val client: PassbridgeClient) {
    /** See [PassbridgeClient.createRegistrationCode]. */
    public fun createRegistrationCode(request: CreateRegistrationCodeRequest): CreateRegistrationCodeResponse =
        runBlocking { client.createRegistrationCode(request) }

    /** See [PassbridgeClient.getRegistrationCode]. */
    public fun getRegistrationCode(request: GetRegistrationCodeRequest): GetRegistrationCodeResponse =
        runBlocking { client.getRegistrationCode(request) }

    /** See [PassbridgeClient.deleteRegistrationCode]. */
    public fun deleteRegistrationCode(request: DeleteRegistrationCodeRequest): DeleteRegistrationCodeResponse =
        runBlocking { client.deleteRegistrationCode(request) }

    /**
     * See [PassbridgeClient.watchRegistrationCode]. Calls [onState] with each state, and returns when the code has ended.
     */
    public fun watchRegistrationCode(request: WatchRegistrationCodeRequest, onState: Consumer<RegistrationCode>): Unit =
        runBlocking { client.watchRegistrationCode(request).collect(onState::accept) }

    /** See [PassbridgeClient.watchRegistrationCode]. Watches this record, and no later one with the same [code]. */
    public fun watchRegistrationCode(code: RegistrationCode, onState: Consumer<RegistrationCode>): Unit =
        runBlocking { client.watchRegistrationCode(code).collect(onState::accept) }

    /** See [PassbridgeClient.normalizeDeviceInfo]. */
    public fun normalizeDeviceInfo(request: NormalizeDeviceInfoRequest): NormalizeDeviceInfoResponse =
        runBlocking { client.normalizeDeviceInfo(request) }

    /** See [PassbridgeClient.encodeDeviceInfo]. */
    public fun encodeDeviceInfo(request: EncodeDeviceInfoRequest): EncodeDeviceInfoResponse =
        runBlocking { client.encodeDeviceInfo(request) }

    /** See [PassbridgeClient.decodeDeviceInfo]. */
    public fun decodeDeviceInfo(request: DecodeDeviceInfoRequest): DecodeDeviceInfoResponse =
        runBlocking { client.decodeDeviceInfo(request) }

    /** See [PassbridgeClient.hashIdentifier]. */
    public fun hashIdentifier(request: HashIdentifierRequest): HashIdentifierResponse =
        runBlocking { client.hashIdentifier(request) }

    /** See [PassbridgeClient.authorizeTempPass]. */
    public fun authorizeTempPass(request: AuthorizeTempPassRequest): AuthorizeTempPassResponse =
        runBlocking { client.authorizeTempPass(request) }

    /** See [PassbridgeClient.getTempPass]. */
    public fun getTempPass(request: GetTempPassRequest): GetTempPassResponse =
        runBlocking { client.getTempPass(request) }

    /** See [PassbridgeClient.resetTempPass]. */
    public fun resetTempPass(request: ResetTempPassRequest): ResetTempPassResponse =
        runBlocking { client.resetTempPass(request) }

    /** See [PassbridgeClient.resetFlexibleTempPass]. */
    public fun resetFlexibleTempPass(request: ResetFlexibleTempPassRequest): ResetFlexibleTempPassResponse =
        runBlocking { client.resetFlexibleTempPass(request) }

    /**
     * See [PassbridgeClient.batchResetTempPass]. Calls [onAnswer] with each result, and returns when all [items] are
     * answered.
     */
    public fun batchResetTempPass(items: Iterable<BatchResetTempPassRequest>, onAnswer: Consumer<BatchAnswer>): Unit =
        runBlocking { client.batchResetTempPass(items.asFlow()).collect(onAnswer::accept) }

    /** See [PassbridgeClient.listMvpds]. */
    public fun listMvpds(request: ListMvpdsRequest): ListMvpdsResponse =
        runBlocking { client.listMvpds(request) }

    /** See [PassbridgeClient.startLogin]. */
    public fun startLogin(request: StartLoginRequest): StartLoginResponse =
        runBlocking { client.startLogin(request) }

    /** See [PassbridgeClient.getProfile]. */
    public fun getProfile(request: GetProfileRequest): GetProfileResponse =
        runBlocking { client.getProfile(request) }

    /** See [PassbridgeClient.authorize]. */
    public fun authorize(request: AuthorizeRequest): AuthorizeResponse =
        runBlocking { client.authorize(request) }

    /** See [PassbridgeClient.preauthorize]. */
    public fun preauthorize(request: PreauthorizeRequest): PreauthorizeResponse =
        runBlocking { client.preauthorize(request) }

    /** See [PassbridgeClient.getUserMetadata]. */
    public fun getUserMetadata(request: GetUserMetadataRequest): GetUserMetadataResponse =
        runBlocking { client.getUserMetadata(request) }

    /** See [PassbridgeClient.logout]. */
    public fun logout(request: LogoutRequest): LogoutResponse =
        runBlocking { client.logout(request) }
}
