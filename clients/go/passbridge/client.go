package passbridge

import (
	"context"
	"fmt"

	"google.golang.org/grpc"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"

	// Client-side health checks, which the service config asks for, do nothing without it.
	_ "google.golang.org/grpc/health"

	passbridgev1 "github.com/passbridge/passbridge/clients/go/passbridge/v1"
)

// A Client calls one passbridge server, or several that serve the same. It is safe for concurrent use, and one is enough
// for a process. Make it with [Dial].
type Client struct {
	conn *grpc.ClientConn
}

// Dial makes a client for target, which is one of:
//
//   - host:port. All addresses that DNS has for the host are used, and DNS is asked again when one fails.
//   - host:port,host:port,…: these servers.
//   - any name that gRPC resolves, such as unix:///run/passbridge.sock.
//
// Without options the connection is over TLS, and the server's certificate must be from an authority that this machine
// trusts.
//
// Dial checks its arguments and reads the files that they name; it doesn't wait for the server, which may start later
// than its callers. With [WithReady] it does, as [Client.Ready] says. After Dial has returned ctx means nothing to the
// client.
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

// Ready waits until one of the target's servers serves. Where ctx ends before that, or the client's default deadline passes
// in the place of one that ctx doesn't have, the error says what was wrong last, such as a wrong target or an expired
// certificate. Health needs no token, so that a token that is refused isn't noticed.
func (c *Client) Ready(ctx context.Context) error {
	health := healthpb.NewHealthClient(c.conn)
	_, err := health.Check(ctx, &healthpb.HealthCheckRequest{}, grpc.WaitForReady(true))
	return err
}

// RegistrationCodes is the service that makes, reads, releases and follows registration codes.
func (c *Client) RegistrationCodes() passbridgev1.RegistrationCodeServiceClient {
	return passbridgev1.NewRegistrationCodeServiceClient(c.conn)
}

// DeviceInfo is the service that reads, writes and normalizes device information.
func (c *Client) DeviceInfo() passbridgev1.DeviceInfoServiceClient {
	return passbridgev1.NewDeviceInfoServiceClient(c.conn)
}

// TempPasses is the service that authorizes by TempPasses and resets them.
func (c *Client) TempPasses() passbridgev1.TempPassServiceClient {
	return passbridgev1.NewTempPassServiceClient(c.conn)
}

// Entitlements is the service that logs viewers in with their pay-TV operators, and asks what they may watch.
func (c *Client) Entitlements() passbridgev1.EntitlementServiceClient {
	return passbridgev1.NewEntitlementServiceClient(c.conn)
}

// Conn is the connection, for other services of the same server such as reflection.
func (c *Client) Conn() grpc.ClientConnInterface {
	return c.conn
}

// Close ends the connection, and with it the calls that are under way.
func (c *Client) Close() error {
	return c.conn.Close()
}
