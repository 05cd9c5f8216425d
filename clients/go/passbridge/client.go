package passbridge

import (
	"context"
	"fmt"

	"google.golang.org/grpc"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"

	// The health checks of the service config have no effect without this import.
	_ "google.golang.org/grpc/health"

	passbridgev1 "github.com/passbridge/passbridge/clients/go/passbridge/v1"
)

// A Client calls one passbridge server, or several replicas. It is safe for concurrent use; create one per process with
// [Dial].
type Client struct {
	conn *grpc.ClientConn
}

// Dial creates a client for target, which is one of:
//
//   - host:port. All addresses that DNS returns for the host are used. DNS is queried again when an address fails.
//   - host:port,host:port,…: the listed servers.
//   - any name that gRPC resolves, such as unix:///run/passbridge.sock.
//
// By default the connection uses TLS, and the server's certificate must be from a CA that this machine trusts.
//
// Dial checks its arguments and reads the files that they name. It does not wait for the server, which may start later than its
// callers, unless [WithReady] is given; see [Client.Ready]. The client does not use ctx after Dial has returned.
func Dial(ctx context.Context, target string, options ...Option) (*Client, error) {
	settings := newSettings()
	for _, option := range options {
		option(settings)
	}
	address, err := grpcTarget(target)
	if err != nil {
		return nil, err
	}
	dialOptions, err := settings.dialOptions(target)
	if err != nil {
		return nil, fmt.Errorf("passbridge: dial %s: %w", target, err)
	}
	conn, err := grpc.NewClient(address, dialOptions...)
	if err != nil {
		return nil, fmt.Errorf("passbridge: dial %s: %w", target, err)
	}
	client := &Client{conn}
	if settings.ready {
		if err := client.Ready(ctx); err != nil {
			_ = conn.Close()
			return nil, err
		}
	}
	return client, nil
}

// Ready waits until a server of the target is ready. If ctx ends first, or the client's default deadline passes and ctx has
// none, the error has the last problem, such as a wrong target or an expired certificate. The health check requires no token, so
// Ready does not detect a token that the server refuses.
func (c *Client) Ready(ctx context.Context) error {
	health := healthpb.NewHealthClient(c.conn)
	_, err := health.Check(ctx, &healthpb.HealthCheckRequest{}, grpc.WaitForReady(true))
	return err
}

// RegistrationCodes returns the service that creates, reads, releases and watches registration codes.
func (c *Client) RegistrationCodes() passbridgev1.RegistrationCodeServiceClient {
	return passbridgev1.NewRegistrationCodeServiceClient(c.conn)
}

// DeviceInfo returns the service that decodes, encodes and normalizes device information.
func (c *Client) DeviceInfo() passbridgev1.DeviceInfoServiceClient {
	return passbridgev1.NewDeviceInfoServiceClient(c.conn)
}

// TempPasses returns the service that authorizes with TempPass trials and resets them.
func (c *Client) TempPasses() passbridgev1.TempPassServiceClient {
	return passbridgev1.NewTempPassServiceClient(c.conn)
}

// Entitlements returns the service that logs viewers in with their pay-TV operators and authorizes what they may watch.
func (c *Client) Entitlements() passbridgev1.EntitlementServiceClient {
	return passbridgev1.NewEntitlementServiceClient(c.conn)
}

// Conn returns the connection, for other services of the same server, such as reflection.
func (c *Client) Conn() grpc.ClientConnInterface {
	return c.conn
}

// Close closes the connection and cancels running calls.
func (c *Client) Close() error {
	return c.conn.Close()
}
