// Command activate is a sample service to copy from. It creates a code for a device, and notifies the page that shows the code when
// the viewer has logged in.
package main

import (
	"context"
	"flag"
	"log"
	"net/http"
	"os/signal"
	"syscall"
	"time"

	"github.com/passbridge/passbridge/clients/go/passbridge"
)

func main() {
	listen := flag.String("listen", "127.0.0.1:8090", "address on which to serve")
	target := flag.String("passbridge", "127.0.0.1:50051", "address of passbridge, or several separated by commas")
	requestor := flag.String("requestor", "REF", "requestor of the codes")
	flag.Parse()

	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	client, err := passbridge.Dial(ctx, *target, passbridge.WithPlaintext())
	if err != nil {
		log.Fatal(err)
	}
	defer func() { _ = client.Close() }()
	server := &http.Server{
		Addr:              *listen,
		Handler:           newHandler(ctx, client, *requestor),
		ReadHeaderTimeout: 10 * time.Second,
	}
	go func() {
		<-ctx.Done()
		_ = server.Shutdown(context.Background())
	}()
	if err := server.ListenAndServe(); err != http.ErrServerClosed {
		log.Print(err)
	}
}
