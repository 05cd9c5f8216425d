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
 * A client of passbridge. Every function fails only with a [PassbridgeException], unless it is canceled.
 *
 * Create one client per program: it keeps its connections open and is safe for concurrent use. Java callers use [blocking].
 */
public class PassbridgeClient private constructor(private val shared: Shared, deadline: Duration) : AutoCloseable {
    /**
     * The channel of this client, for other kinds of stubs. Their calls have the deadline, the token and the retries of this
     * client too. [asError] converts their errors.
     */
    public val channel: Channel = ClientInterceptors.intercept(shared.channel, shared.defaults(deadline))

    private val codes = RegistrationCodeServiceCoroutineStub(channel)
    private val devices = DeviceInfoServiceCoroutineStub(channel)
    private val trials = TempPassServiceCoroutineStub(channel)
    private val entitlements = EntitlementServiceCoroutineStub(channel)

    /** Creates a code for a device. It is safe to retry, because the client sets a `request_id` if there is none. */
    public suspend fun createRegistrationCode(request: CreateRegistrationCodeRequest): CreateRegistrationCodeResponse =
        call { codes.createRegistrationCode(request) }

    /** Returns a pending code. */
    public suspend fun getRegistrationCode(request: GetRegistrationCodeRequest): GetRegistrationCodeResponse =
        call { codes.getRegistrationCode(request) }

    /** Releases a code before its expiry. It is not retried, because the repeat would be NOT_FOUND. */
    public suspend fun deleteRegistrationCode(request: DeleteRegistrationCodeRequest): DeleteRegistrationCodeResponse =
        call { codes.deleteRegistrationCode(request) }

    /**
     * Watches a code until it ends. The flow emits the current state at once, then each change. It ends after
     * `STATE_RELEASED` or `STATE_EXPIRED`.
     *
     * If the connection is lost, the watch is resumed on another one, with backoff, for as long as it is collected. It sends
     * the `id` of the code, so that it detects a release in between. A state is not repeated.
     */
    public fun watchRegistrationCode(request: WatchRegistrationCodeRequest): Flow<RegistrationCode> =
        watch(request, shared.errors, shared.channel::isShutdown, codes::watchRegistrationCode)

    /** Watches this record, and no later one with the same [code]. */
    public fun watchRegistrationCode(code: RegistrationCode): Flow<RegistrationCode> = watchRegistrationCode(
        WatchRegistrationCodeRequest.newBuilder()
            .setRequestorId(code.requestorId).setEnvironment(code.environment).setCode(code.code).setId(code.id)
            .build(),
    )

    /** Normalizes device information, as it is stored with a code. */
    public suspend fun normalizeDeviceInfo(request: NormalizeDeviceInfoRequest): NormalizeDeviceInfoResponse =
        call { devices.normalizeDeviceInfo(request) }

    /** Encodes device information in the form that devices send over REST. */
    public suspend fun encodeDeviceInfo(request: EncodeDeviceInfoRequest): EncodeDeviceInfoResponse =
        call { devices.encodeDeviceInfo(request) }

    /** Decodes device information in the form that devices send over REST. */
    public suspend fun decodeDeviceInfo(request: DecodeDeviceInfoRequest): DecodeDeviceInfoResponse =
        call { devices.decodeDeviceInfo(request) }

    /** Hashes the identifier of a person into the generic key of a promotional TempPass. */
    public suspend fun hashIdentifier(request: HashIdentifierRequest): HashIdentifierResponse =
        call { devices.hashIdentifier(request) }

    /** Decides whether a resource may be watched with a trial, and starts the trial if there is none. */
    public suspend fun authorizeTempPass(request: AuthorizeTempPassRequest): AuthorizeTempPassResponse =
        call { trials.authorizeTempPass(request) }

    /** Returns a trial, without starting it. */
    public suspend fun getTempPass(request: GetTempPassRequest): GetTempPassResponse =
        call { trials.getTempPass(request) }

    /** Resets the trial of a device, or of all devices. */
    public suspend fun resetTempPass(request: ResetTempPassRequest): ResetTempPassResponse =
        call { trials.resetTempPass(request) }

    /** Resets the trial of a user, or of all users, in a promotional TempPass. */
    public suspend fun resetFlexibleTempPass(request: ResetFlexibleTempPassRequest): ResetFlexibleTempPassResponse =
        call { trials.resetFlexibleTempPass(request) }

    /**
     * Resets many trials over one stream, and emits each result as it arrives, in any order. At most 256 items are in
     * flight; the next item is collected from [items] when one of them is answered and the results are collected.
     *
     * An item that fails does not end the batch: its result has the error. If the stream is interrupted, the flow fails with
     * [PassbridgeException.BatchInterrupted], which has the unanswered items.
     */
    public fun batchResetTempPass(items: Flow<BatchResetTempPassRequest>): Flow<BatchAnswer> =
        batchReset(items, shared.errors, trials::batchResetTempPass)

    /** Lists the pay-TV operators (MVPDs) with which viewers of a requestor can log in, and its TempPasses. */
    public suspend fun listMvpds(request: ListMvpdsRequest): ListMvpdsResponse =
        call { entitlements.listMvpds(request) }

    /** Starts a viewer's login with a code, and returns the URL to open in the browser. */
    public suspend fun startLogin(request: StartLoginRequest): StartLoginResponse =
        call { entitlements.startLogin(request) }

    /** Returns the login of a device. */
    public suspend fun getProfile(request: GetProfileRequest): GetProfileResponse =
        call { entitlements.getProfile(request) }

    /** Decides whether a resource may be watched with the login of a device, and returns the proof for the player. */
    public suspend fun authorize(request: AuthorizeRequest): AuthorizeResponse =
        call { entitlements.authorize(request) }

    /** Returns which of several resources may be watched. */
    public suspend fun preauthorize(request: PreauthorizeRequest): PreauthorizeResponse =
        call { entitlements.preauthorize(request) }

    /** Returns the MVPD's metadata about the viewer. */
    public suspend fun getUserMetadata(request: GetUserMetadataRequest): GetUserMetadataResponse =
        call { entitlements.getUserMetadata(request) }

    /** Ends all logins of a device. */
    public suspend fun logout(request: LogoutRequest): LogoutResponse =
        call { entitlements.logout(request) }

    /** Returns a client with this default [deadline]. It shares the connections; closing one client closes both. */
    public fun withDeadline(deadline: Duration): PassbridgeClient = PassbridgeClient(shared, deadline)

    /** Returns this client for callers that cannot suspend, such as those in Java. */
    public fun blocking(): BlockingPassbridgeClient = BlockingPassbridgeClient(this)

    /** Converts the error of a stub on [channel]. Returns null if [problem] is not the failure of a call. */
    public fun asError(problem: Throwable): PassbridgeException? = shared.errors.of(problem)

    /** Closes the connections and cancels running calls. */
    override fun close() {
        shared.close()
    }

    private suspend inline fun <T> call(call: () -> T): T = try {
        call()
    } catch (problem: StatusException) {
        throw asError(problem) ?: problem
    }

    /** Creates clients. */
    public companion object {
        /**
         * Creates a client over the channel of [builder], which determines the transport, the target and TLS:
         *
         *     PassbridgeClient.connect(NettyChannelBuilder.forTarget("dns:///passbridge.example.com:443", Tls.of()))
         *
         * It sets the service config, keepalive, idle timeout and retries of the builder, and changes nothing else. It does
         * not connect: if the server is unreachable, the first call fails.
         */
        @JvmStatic
        @JvmOverloads
        public fun connect(
            builder: ManagedChannelBuilder<*>,
            options: PassbridgeOptions = PassbridgeOptions(),
        ): PassbridgeClient = PassbridgeClient(Shared(open(builder, options), options), options.deadline)

        private fun open(builder: ManagedChannelBuilder<*>, options: PassbridgeOptions): ManagedChannel = builder
            .defaultServiceConfig(serviceConfig(options))
            // A service config in a DNS TXT record would replace ours.
            .disableServiceConfigLookUp()
            .enableRetry()
            .maxRetryAttempts(options.retries.attempts.coerceAtLeast(2))
            .keepAliveTime(options.keepAlive.toNanos(), TimeUnit.NANOSECONDS)
            .keepAliveTimeout(KEEP_ALIVE_TIMEOUT_SECONDS, TimeUnit.SECONDS)
            // Shorter than the 5 minutes after which the server closes connections without calls.
            .idleTimeout(IDLE_TIMEOUT_MINUTES, TimeUnit.MINUTES)
            .build()

        private const val KEEP_ALIVE_TIMEOUT_SECONDS = 10L
        private const val IDLE_TIMEOUT_MINUTES = 4L
    }
}

/** The state that clients with different deadlines share. */
private class Shared(val channel: ManagedChannel, options: PassbridgeOptions) {
    private val credentials = options.token?.let { TokenCredentials(it, options.sendsTokenOverPlaintext) }
    private val background = CoroutineScope(SupervisorJob() + Dispatchers.Default)
    val errors = ErrorConverter(channel.authority(), sendsToken = credentials != null)

    init {
        background.reconnect(channel)
    }

    fun defaults(deadline: Duration) = CallDefaults(deadline, credentials)

    fun close() {
        channel.shutdownNow()
        background.cancel()
    }
}
