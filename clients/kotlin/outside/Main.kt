import io.grpc.netty.shaded.io.grpc.netty.NettyChannelBuilder
import io.passbridge.client.PassbridgeClient
import io.passbridge.v1.createRegistrationCodeRequest
import io.passbridge.v1.deviceInfo

suspend fun main(arguments: Array<String>) {
    val client = PassbridgeClient.connect(NettyChannelBuilder.forTarget(arguments.single()).usePlaintext())
    val request = createRegistrationCodeRequest {
        requestorId = "REF"
        deviceInfo = deviceInfo {
            model = "AppleTV"
            osName = "tvOS"
        }
    }
    println("a program outside the repository created the code ${client.createRegistrationCode(request).registrationCode.code}")
    client.close()
}
