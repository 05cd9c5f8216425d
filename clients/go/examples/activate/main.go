// Command activate is a service to copy from: it makes a code for a device, and tells the page that shows it when the viewer
// has logged in.
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
	listen := flag.String("listen", "127.0.0.1:8090", "where to serve")
	target := flag.String("passbridge", "127.0.0.1:50051", "passbridge's address, or several with commas")
	requestor := flag.String("requestor", "REF", "whose codes these are")
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
