package io.passbridge.client;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import io.grpc.netty.shaded.io.grpc.netty.NettyChannelBuilder;
import io.passbridge.testing.Behaviour;
import io.passbridge.testing.PassbridgeServer;
import io.passbridge.v1.AuthorizeTempPassRequest;
import io.passbridge.v1.BatchResetTempPassRequest;
import io.passbridge.v1.CreateRegistrationCodeRequest;
import io.passbridge.v1.Decision;
import io.passbridge.v1.DeleteRegistrationCodeRequest;
import io.passbridge.v1.DeviceInfo;
import io.passbridge.v1.GetRegistrationCodeRequest;
import io.passbridge.v1.RegistrationCode;
import io.passbridge.v1.RegistrationCode.State;
import io.passbridge.v1.ResetTempPassRequest;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/** Calls from Java. */
class JavaCallerTest {
    private static PassbridgeServer server;
    private static PassbridgeClient client;
    private static BlockingPassbridgeClient passbridge;

    @BeforeAll
    static void start() {
        server = new PassbridgeServer().start();
        client = PassbridgeClient.connect(
            NettyChannelBuilder.forTarget(server.getAddress()).usePlaintext(),
            new PassbridgeOptions().deadline(Duration.ofSeconds(30)));
        passbridge = client.blocking();
    }

    @AfterAll
    static void stop() {
        client.close();
        server.close();
    }

    @Test
    @Behaviour(id = "create", language = "java")
    void createReturnsNormalizedDeviceInfo() {
        RegistrationCode code = create();
        assertEquals("tvOS", code.getDeviceInfo().getOperatingSystem().getName());
    }

    @Test
    @Behaviour(id = "read", language = "java")
    void readsCodeAndReportsUnknownCode() {
        RegistrationCode code = create();
        GetRegistrationCodeRequest.Builder request =
            GetRegistrationCodeRequest.newBuilder().setRequestorId("REF").setCode(code.getCode());
        assertEquals(code, passbridge.getRegistrationCode(request.build()).getRegistrationCode());
        assertThrows(
            PassbridgeException.NotFound.class,
            () -> passbridge.getRegistrationCode(request.setCode("ZZZZZZZ").build()));
    }

    @Test
    @Behaviour(id = "violation", language = "java")
    void invalidFieldIsNamed() {
        PassbridgeException.InvalidRequest error = assertThrows(
            PassbridgeException.InvalidRequest.class,
            () -> passbridge.createRegistrationCode(
                CreateRegistrationCodeRequest.newBuilder().setRequestorId("REF").build()));
        assertEquals("INVALID_FIELD", error.getReason());
        assertEquals("device", error.getViolations().get(0).getField());
    }

    @Test
    @Behaviour(id = "watch_released", language = "java")
    void watchEndsWithRelease() {
        RegistrationCode code = create();
        List<State> states = new ArrayList<>();
        passbridge.watchRegistrationCode(code, now -> {
            states.add(now.getState());
            if (now.getState() == State.STATE_PENDING) {
                passbridge.deleteRegistrationCode(DeleteRegistrationCodeRequest.newBuilder()
                    .setRequestorId("REF").setCode(now.getCode()).build());
            }
        });
        assertEquals(List.of(State.STATE_PENDING, State.STATE_RELEASED), states);
    }

    @Test
    @Behaviour(id = "trial_authorize", language = "java")
    void trialPermitsResource() {
        AuthorizeTempPassRequest request = AuthorizeTempPassRequest.newBuilder()
            .setRequestorId("REF").setMvpdId("TempPass").setDeviceId("java-device").setResourceId("channel-1").build();
        assertEquals(Decision.DECISION_PERMIT, passbridge.authorizeTempPass(request).getDecision());
    }

    @Test
    @Behaviour(id = "batch_reset", language = "java")
    void batchContinuesAfterFailedItem() {
        List<BatchResetTempPassRequest> items = new ArrayList<>();
        for (String device : List.of("java-1", "all", "java-2")) {
            items.add(BatchResetTempPassRequest.newBuilder().setItemId(device)
                .setTempPass(ResetTempPassRequest.newBuilder()
                    .setRequestorId("REF").setMvpdId("TempPass").setDeviceId(device))
                .build());
        }
        List<BatchAnswer> answers = new ArrayList<>();
        passbridge.batchResetTempPass(items, answers::add);
        assertEquals(3, answers.get(2).getAnswered());
        assertEquals(1, answers.get(2).getFailed());
        for (BatchAnswer answer : answers) {
            assertEquals(answer.getItem().getItemId().equals("all"), answer.getError() != null);
        }
    }

    private static RegistrationCode create() {
        return passbridge.createRegistrationCode(CreateRegistrationCodeRequest.newBuilder()
            .setRequestorId("REF")
            .setDeviceInfo(DeviceInfo.newBuilder().setModel("AppleTV").setOsName("tvOS"))
            .build()).getRegistrationCode();
    }
}
