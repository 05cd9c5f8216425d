package passbridge_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/health"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/peer"
	"google.golang.org/grpc/stats"

	"github.com/passbridge/passbridge/clients/go/internal/servertest"
	"github.com/passbridge/passbridge/clients/go/passbridge"
	passbridgev1 "github.com/passbridge/passbridge/clients/go/passbridge/v1"
)

func defaultDeadlineApplies(t *testing.T) {
	proxy := servertest.StartProxy(t, servertest.Start(t, "").Address, servertest.Passing)
	client := dial(t, proxy.Address, passbridge.WithDefaultDeadline(500_000_000))
	if err := client.Ready(patience(t)); err != nil {
		t.Fatal(err)
	}
	proxy.Set(servertest.Silent)
	_, err := client.RegistrationCodes().CreateRegistrationCode(t.Context(), aCreate())
	if failure(t, err).Code != codes.DeadlineExceeded || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v, want DEADLINE_EXCEEDED", err)
	}
}

// attempts is a stats handler that reports the end of each attempt of a create.
type attempts struct {
	ended chan error
}

type attemptOf struct{}

func (attempts) TagRPC(ctx context.Context, info *stats.RPCTagInfo) context.Context {
	return context.WithValue(ctx, attemptOf{}, info.FullMethodName)
}

func (a attempts) HandleRPC(ctx context.Context, event stats.RPCStats) {
	end, isEnd := event.(*stats.End)
	if isEnd && ctx.Value(attemptOf{}) == passbridgev1.RegistrationCodeService_CreateRegistrationCode_FullMethodName {
		a.ended <- end.Error
	}
}

func (attempts) TagConn(ctx context.Context, _ *stats.ConnTagInfo) context.Context { return ctx }
func (attempts) HandleConn(context.Context, stats.ConnStats)                       {}

func createIsRetried(t *testing.T) {
	server := servertest.Start(t, "[codes]\nmax_live_codes = 2")
	proxy := servertest.StartProxy(t, server.Address, servertest.Passing)
	observed := attempts{make(chan error, 100)}
	client := dial(t, proxy.Address, passbridge.WithDialOptions(grpc.WithStatsHandler(observed)))
	// The server fails before it receives the request, then after it has created the code.
	for _, mode := range []servertest.Mode{servertest.Refusing, servertest.LosingResponses} {
		if err := client.Ready(patience(t)); err != nil {
			t.Fatal(err)
		}
		proxy.Set(mode)
		result := make(chan error, 1)
		go func() {
			_, err := client.RegistrationCodes().CreateRegistrationCode(patience(t), aCreate())
			result <- err
		}()
		if err := <-observed.ended; err == nil {
			t.Error("the first attempt succeeded")
		}
		proxy.Set(servertest.Passing)
		if err := <-result; err != nil {
			t.Fatal(err)
		}
		for succeeded := false; !succeeded; {
			succeeded = <-observed.ended == nil
		}
	}
	_, err := client.RegistrationCodes().CreateRegistrationCode(patience(t), aCreate())
	isRefused(t, err, codes.ResourceExhausted, passbridgev1.ErrorReason_ERROR_REASON_LIVE_CODES_EXHAUSTED)
}

func rollingRestartFailsNoCreate(t *testing.T) {
	servers := []*servertest.Server{servertest.Start(t, ""), servertest.Start(t, "")}
	client := dial(t, servers[0].Address+","+servers[1].Address)
	ctx, stop := context.WithCancel(patience(t))
	served := make(chan string)
	var load sync.WaitGroup
	for range 4 {
		load.Go(func() {
			for ctx.Err() == nil {
				var from peer.Peer
				_, err := client.RegistrationCodes().CreateRegistrationCode(patience(t), aCreate(), grpc.Peer(&from))
				if err != nil {
					t.Errorf("create: %v", err)
					return
				}
				select {
				case served <- from.Addr.String():
				default:
				}
			}
		})
	}
	for range 2 {
		for _, server := range servers {
			server.Stop(t)
			server.Restart(t)
			waitForResponseFrom(t, served, server.Address)
		}
	}
	stop()
	load.Wait()
}

// waitForResponseFrom waits until this server has served a call.
func waitForResponseFrom(t *testing.T, served <-chan string, address string) {
	t.Helper()
	ctx := patience(t)
	for {
		select {
		case from := <-served:
			if from == address {
				return
			}
		case <-ctx.Done():
			t.Fatalf("no response from %s", address)
		}
	}
}

// failing is a server that accepts connections, but implements no method.
type failing struct {
	passbridgev1.UnimplementedRegistrationCodeServiceServer
}

func onlyServingServersAreCalled(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server, status := grpc.NewServer(), health.NewServer()
	healthpb.RegisterHealthServer(server, status)
	passbridgev1.RegisterRegistrationCodeServiceServer(server, failing{})
	status.SetServingStatus("", healthpb.HealthCheckResponse_NOT_SERVING)
	go func() { _ = server.Serve(listener) }()
	t.Cleanup(server.Stop)

	good := servertest.Start(t, "").Address
	client := dial(t, listener.Addr().String()+","+good)
	for range 20 {
		created(t, client)
	}
	// It gets calls as soon as it reports SERVING.
	status.SetServingStatus("", healthpb.HealthCheckResponse_SERVING)
	for ctx := patience(t); ; {
		_, err := client.RegistrationCodes().CreateRegistrationCode(ctx, aCreate())
		if err != nil {
			isOfKind(t, failure(t, err), passbridge.KindServerOlder, good)
			return
		}
	}
}

func wrongTargetIsNamed(t *testing.T) {
	server := servertest.Start(t, "")
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	unused := listener.Addr().String()
	_ = listener.Close()
	for _, target := range []string{unused, server.REST, "passbridge.invalid:50051"} {
		isOfKind(t, refusal(t, dial(t, target)), passbridge.KindUnreachable, target)
	}
	// TLS to a server without TLS.
	isOfKind(t, refusal(t, dialTLS(t, server.Address)), passbridge.KindUnreachable, server.Address)
	for _, target := range []string{"", "passbridge", "a:1,b", "127.0.0.1:1,"} {
		if client, err := passbridge.Dial(t.Context(), target, passbridge.WithPlaintext()); err == nil {
			t.Errorf("target %q was accepted", target)
			_ = client.Close()
		}
	}
}

func olderServerIsReported(t *testing.T) {
	statement := filepath.Join(t.TempDir(), "statement")
	if err := os.WriteFile(statement, []byte("a statement"), 0o600); err != nil {
		t.Fatal(err)
	}
	server := servertest.Start(t, fmt.Sprintf(`
[environments.default]
[environments.legacy]
backend = "v1"
url = "http://127.0.0.1:1"
software_statement_file = %q
`, statement))
	client := dial(t, server.Address)
	request, response := &passbridgev1.GetRegistrationCodeRequest{}, &passbridgev1.GetRegistrationCodeResponse{}
	err := client.Conn().Invoke(patience(t), "/passbridge.v1.RegistrationCodeService/ExtendRegistrationCode", request, response)
	isOfKind(t, failure(t, err), passbridge.KindServerOlder, server.Address)

	_, err = client.TempPasses().AuthorizeTempPass(patience(t), &passbridgev1.AuthorizeTempPassRequest{
		Environment: "legacy", RequestorId: "REF", MvpdId: "TempPass", DeviceId: "a-device", ResourceId: "a-channel",
		DeviceIp: "192.0.2.1",
	})
	isOfKind(t, failure(t, err), passbridge.KindUnsupported, server.Address)

	_, err = client.Entitlements().ListMvpds(patience(t), &passbridgev1.ListMvpdsRequest{RequestorId: "REF"})
	isOfKind(t, failure(t, err), passbridge.KindUnsupported, server.Address)
}

func TestReadyReportsUnreachableTarget(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(patience(t), 300_000_000)
	defer cancel()
	_, err := passbridge.Dial(ctx, "127.0.0.1:1", passbridge.WithPlaintext(), passbridge.WithReady())
	isOfKind(t, failure(t, err), passbridge.KindUnreachable, "127.0.0.1:1")
}
