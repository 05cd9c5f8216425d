package io.passbridge.client

import io.grpc.Channel
import io.grpc.ClientInterceptors
import io.grpc.ManagedChannel
import io.grpc.ManagedChannelBuilder
import io.grpc.StatusException
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
import io.passbridge.v1.DeviceInfoServiceGrpcKt.DeviceInfoServiceCoroutineStub
import io.passbridge.v1.EncodeDeviceInfoRequest
import io.passbridge.v1.EncodeDeviceInfoResponse
import io.passbridge.v1.EntitlementServiceGrpcKt.EntitlementServiceCoroutineStub
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
import io.passbridge.v1.RegistrationCodeServiceGrpcKt.RegistrationCodeServiceCoroutineStub
import io.passbridge.v1.ResetFlexibleTempPassRequest
import io.passbridge.v1.ResetFlexibleTempPassResponse
import io.passbridge.v1.ResetTempPassRequest
import io.passbridge.v1.ResetTempPassResponse
import io.passbridge.v1.StartLoginRequest
import io.passbridge.v1.StartLoginResponse
import io.passbridge.v1.TempPassServiceGrpcKt.TempPassServiceCoroutineStub
import io.passbridge.v1.WatchRegistrationCodeRequest
import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.SupervisorJob
import kotlinx.coroutines.cancel
import kotlinx.coroutines.flow.Flow
import java.time.Duration
import java.util.concurrent.TimeUnit

/**
 * Calls passbridge. Every function fails with a [PassbridgeException], and with nothing else unless it is cancelled.
 *
 * One client is enough for a program: it keeps its connections open and may be used from everywhere at once. Java callers
 * use [blocking].
 */
public class PassbridgeClient private constructor(private val shared: Shared, deadline: Duration) : AutoCloseable {
    /**
     * The channel that all calls go through, for stubs of another kind: what they send has the deadline, the token and the
     * repeats of this client too. [asError] reads what they fail with.
     */
    public val channel: Channel = ClientInterceptors.intercept(shared.channel, shared.defaults(deadline))

    private val codes = RegistrationCodeServiceCoroutineStub(channel)
    private val devices = DeviceInfoServiceCoroutineStub(channel)
    private val trials = TempPassServiceCoroutineStub(channel)
    private val entitlements = EntitlementServiceCoroutineStub(channel)

    /** Makes a code for a device. It can be sent again safely, since the client fills an empty `request_id`. */
    public suspend fun createRegistrationCode(request: CreateRegistrationCodeRequest): CreateRegistrationCodeResponse =
        call { codes.createRegistrationCode(request) }

    /** Reads a code that is pending. */
    public suspend fun getRegistrationCode(request: GetRegistrationCodeRequest): GetRegistrationCodeResponse =
        call { codes.getRegistrationCode(request) }

    /** Releases a code before its time. It is not sent again by itself, since its second answer would be NOT_FOUND. */
    public suspend fun deleteRegistrationCode(request: DeleteRegistrationCodeRequest): DeleteRegistrationCodeResponse =
        call { codes.deleteRegistrationCode(request) }

    /**
     * Follows a code until it ends: its state at once, then each change, then the flow ends after `STATE_RELEASED` or
     * `STATE_EXPIRED`.
     *
     * When the connection is lost the watch goes on over another, with growing pauses, for as long as it is collected. It
     * then brings the `id` of the code, so that a release in between is seen. The same state is not told twice.
     */
    public fun watchRegistrationCode(request: WatchRegistrationCodeRequest): Flow<RegistrationCode> =
        watch(request, shared.failures, shared.channel::isShutdown, codes::watchRegistrationCode)

    /** Follows this [code], and no later one that has the same letters. */
    public fun watchRegistrationCode(code: RegistrationCode): Flow<RegistrationCode> = watchRegistrationCode(
        WatchRegistrationCodeRequest.newBuilder()
            .setRequestorId(code.requestorId).setEnvironment(code.environment).setCode(code.code).setId(code.id)
            .build(),
    )

    /** Shows what a code would keep of this device. */
    public suspend fun normalizeDeviceInfo(request: NormalizeDeviceInfoRequest): NormalizeDeviceInfoResponse =
        call { devices.normalizeDeviceInfo(request) }

    /** Writes device information as devices send it over REST. */
    public suspend fun encodeDeviceInfo(request: EncodeDeviceInfoRequest): EncodeDeviceInfoResponse =
        call { devices.encodeDeviceInfo(request) }

    /** Reads device information as devices send it over REST. */
    public suspend fun decodeDeviceInfo(request: DecodeDeviceInfoRequest): DecodeDeviceInfoResponse =
        call { devices.decodeDeviceInfo(request) }

    /** Hashes the identifier of a person into the generic key of a promotional TempPass. */
    public suspend fun hashIdentifier(request: HashIdentifierRequest): HashIdentifierResponse =
        call { devices.hashIdentifier(request) }

    /** Asks whether a resource may be watched by a trial, and starts the trial where there is none. */
    public suspend fun authorizeTempPass(request: AuthorizeTempPassRequest): AuthorizeTempPassResponse =
        call { trials.authorizeTempPass(request) }

    /** Shows a trial, and starts none. */
    public suspend fun getTempPass(request: GetTempPassRequest): GetTempPassResponse =
        call { trials.getTempPass(request) }

    /** Resets the trial of a device, or of all devices. */
    public suspend fun resetTempPass(request: ResetTempPassRequest): ResetTempPassResponse =
        call { trials.resetTempPass(request) }

    /** Resets the trial of a user, or of all users, in a promotional TempPass. */
    public suspend fun resetFlexibleTempPass(request: ResetFlexibleTempPassRequest): ResetFlexibleTempPassResponse =
        call { trials.resetFlexibleTempPass(request) }

    /**
     * Resets many trials over one stream, and tells of each answer as it comes, in any order. At most 256 items are in
     * work at a time, and no more are taken from [items] until one of them is answered and the answers are collected.
     *
     * An item that fails ends nothing: its answer has the error. Where the stream breaks the flow fails with
     * [PassbridgeException.BatchInterrupted], which has the items without an answer.
     */
    public fun batchResetTempPass(items: Flow<BatchResetTempPassRequest>): Flow<BatchAnswer> =
        batchReset(items, shared.failures, trials::batchResetTempPass)

    /** Lists the operators that viewers of a requestor can log in with, and its TempPasses. */
    public suspend fun listMvpds(request: ListMvpdsRequest): ListMvpdsResponse =
        call { entitlements.listMvpds(request) }

    /** Begins a viewer's login with a code: says where to send the browser. */
    public suspend fun startLogin(request: StartLoginRequest): StartLoginResponse =
        call { entitlements.startLogin(request) }

    /** Shows the login of a device. */
    public suspend fun getProfile(request: GetProfileRequest): GetProfileResponse =
        call { entitlements.getProfile(request) }

    /** Asks whether a resource may be watched by the login of a device, and for the proof that a player shows. */
    public suspend fun authorize(request: AuthorizeRequest): AuthorizeResponse =
        call { entitlements.authorize(request) }

    /** Asks which of several resources could be watched. */
    public suspend fun preauthorize(request: PreauthorizeRequest): PreauthorizeResponse =
        call { entitlements.preauthorize(request) }

    /** Shows what the operator tells of the viewer. */
    public suspend fun getUserMetadata(request: GetUserMetadataRequest): GetUserMetadataResponse =
        call { entitlements.getUserMetadata(request) }

    /** Ends all logins of a device. */
    public suspend fun logout(request: LogoutRequest): LogoutResponse =
        call { entitlements.logout(request) }

    /** The same client with this default [deadline]; it shares the connections, and closing one closes both. */
    public fun withDeadline(deadline: Duration): PassbridgeClient = PassbridgeClient(shared, deadline)

    /** The same client for callers that cannot suspend, such as those in Java. */
    public fun blocking(): BlockingPassbridgeClient = BlockingPassbridgeClient(this)

    /** What a stub on [channel] failed with, as an error of this client; null where [problem] is no failure of a call. */
    public fun asError(problem: Throwable): PassbridgeException? = shared.failures.of(problem)

    /** Ends the connections, and with them the calls that are under way. */
    override fun close() {
        shared.close()
    }

    private suspend inline fun <T> call(call: () -> T): T = try {
        call()
    } catch (problem: StatusException) {
        throw asError(problem) ?: problem
    }

    /** Makes clients. */
    public companion object {
        /**
         * A client over the channel of [builder], whose transport, target and TLS are the caller's choice:
         *
         *     PassbridgeClient.connect(NettyChannelBuilder.forTarget("dns:///passbridge.example.com:443", Tls.of()))
         *
         * It sets the service config, keepalive, the idle timeout and repeats of the builder, and leaves everything else
         * as it is. Nothing is sent yet: a server that cannot be reached fails the first call.
         */
        @JvmStatic
        @JvmOverloads
        public fun connect(
            builder: ManagedChannelBuilder<*>,
            options: PassbridgeOptions = PassbridgeOptions(),
        ): PassbridgeClient = PassbridgeClient(Shared(open(builder, options), options), options.deadline)

        private fun open(builder: ManagedChannelBuilder<*>, options: PassbridgeOptions): ManagedChannel = builder
            .defaultServiceConfig(serviceConfig(options))
            // What a TXT record says would take the place of the service config.
            .disableServiceConfigLookUp()
            .enableRetry()
            .maxRetryAttempts(options.retries.attempts.coerceAtLeast(2))
            .keepAliveTime(options.keepAlive.toNanos(), TimeUnit.NANOSECONDS)
            .keepAliveTimeout(KEEP_ALIVE_TIMEOUT_SECONDS, TimeUnit.SECONDS)
            // The server closes connections without a call after 5 minutes; this comes before it.
            .idleTimeout(IDLE_TIMEOUT_MINUTES, TimeUnit.MINUTES)
            .build()

        private const val KEEP_ALIVE_TIMEOUT_SECONDS = 10L
        private const val IDLE_TIMEOUT_MINUTES = 4L
    }
}

/** What clients with several deadlines have in common. */
private class Shared(val channel: ManagedChannel, options: PassbridgeOptions) {
    private val credentials = options.token?.let { TokenCredentials(it, options.sendsTokenOverPlaintext) }
    private val background = CoroutineScope(SupervisorJob() + Dispatchers.Default)
    val failures = Failures(channel.authority(), sendsToken = credentials != null)

    init {
        background.reconnect(channel)
    }

    fun defaults(deadline: Duration) = CallDefaults(deadline, credentials)

    fun close() {
        channel.shutdownNow()
        background.cancel()
    }
}
