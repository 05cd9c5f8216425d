package io.passbridge.client;

import io.grpc.netty.shaded.io.grpc.netty.NettyChannelBuilder;
import java.io.IOException;
import java.time.Duration;

/** The Java code of README.md. */
final class ReadmeExample {
    static BlockingPassbridgeClient java() throws IOException {
        PassbridgeClient client = PassbridgeClient.connect(
            NettyChannelBuilder.forTarget("passbridge.example.com:443", Tls.of()),
            new PassbridgeOptions().deadline(Duration.ofSeconds(5)));
        BlockingPassbridgeClient passbridge = client.blocking();
        return passbridge;
    }

    private ReadmeExample() {}
}
