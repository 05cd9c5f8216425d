// Command opentelemetry shows how to add OpenTelemetry to the client: with a stats handler, as for any gRPC client. It is a separate
// module, so that the client itself does not depend on OpenTelemetry.
package main

import (
	"context"
	"log"

	"go.opentelemetry.io/contrib/instrumentation/google.golang.org/grpc/otelgrpc"
	"google.golang.org/grpc"

	"github.com/passbridge/passbridge/clients/go/passbridge"
)

func main() {
	ctx := context.Background()
	client, err := passbridge.Dial(ctx, "127.0.0.1:50051", passbridge.WithPlaintext(),
		passbridge.WithDialOptions(grpc.WithStatsHandler(otelgrpc.NewClientHandler())),
	)
	if err != nil {
		log.Fatal(err)
	}
	defer func() { _ = client.Close() }()
	if err := client.Ready(ctx); err != nil {
		log.Print(err)
	}
}
