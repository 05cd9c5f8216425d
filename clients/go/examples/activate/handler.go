package main

import (
	"context"
	_ "embed"
	"encoding/json"
	"fmt"
	"log"
	"net"
	"net/http"

	"google.golang.org/grpc/codes"

	"github.com/passbridge/passbridge/clients/go/passbridge"
	passbridgev1 "github.com/passbridge/passbridge/clients/go/passbridge/v1"
)

//go:embed page.html
var page []byte

// activation serves the pages and calls passbridge for them.
type activation struct {
	// ctx ends when the service shuts down, which ends the open streams.
	ctx       context.Context
	client    *passbridge.Client
	requestor string
}

func newHandler(ctx context.Context, client *passbridge.Client, requestor string) http.Handler {
	a := activation{ctx, client, requestor}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(page) })
	mux.HandleFunc("POST /codes", a.create)
	mux.HandleFunc("GET /codes/{code}/{id}/states", a.states)
	return mux
}

// create creates a code for the device in the body, such as {"model": "AFTMM", "osName": "Android"}.
func (a activation) create(w http.ResponseWriter, r *http.Request) {
	var device struct{ Model, OSName *string }
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, 64<<10)).Decode(&device); err != nil {
		http.Error(w, "the body is not a JSON object: "+err.Error(), http.StatusBadRequest)
		return
	}
	// Behind a reverse proxy, read the device's address from the header that the proxy sets.
	address, _, _ := net.SplitHostPort(r.RemoteAddr)
	response, err := a.client.RegistrationCodes().CreateRegistrationCode(r.Context(), &passbridgev1.CreateRegistrationCodeRequest{
		RequestorId: a.requestor,
		UserAgent:   r.UserAgent(),
		DeviceIp:    address,
		Device: &passbridgev1.CreateRegistrationCodeRequest_DeviceInfo{
			DeviceInfo: &passbridgev1.DeviceInfo{Model: device.Model, OsName: device.OSName},
		},
	})
	if err != nil {
		refuse(w, err)
		return
	}
	code := response.GetRegistrationCode()
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(map[string]string{"code": code.GetCode(), "id": code.GetId()})
}

// states streams the states of a code to the page as server-sent events, until the code ends.
func (a activation) states(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithCancel(r.Context())
	defer cancel()
	defer context.AfterFunc(a.ctx, cancel)()

	id := r.PathValue("id")
	request := &passbridgev1.WatchRegistrationCodeRequest{RequestorId: a.requestor, Code: r.PathValue("code"), Id: &id}
	hasStarted := false
	for code, err := range a.client.Watch(ctx, request) {
		if err != nil {
			if !hasStarted {
				refuse(w, err)
			}
			return
		}
		if !hasStarted {
			w.Header().Set("Content-Type", "text/event-stream")
			w.Header().Set("Cache-Control", "no-store")
			hasStarted = true
		}
		_, _ = fmt.Fprintf(w, "data: %s\n\n", code.GetState())
		_ = http.NewResponseController(w).Flush()
	}
}

// refuse responds with the errors that the page can act on. It logs all others.
func refuse(w http.ResponseWriter, err error) {
	failure, _ := passbridge.AsError(err)
	switch {
	case failure == nil:
		http.Error(w, "the request was canceled", http.StatusServiceUnavailable)
	case failure.Code == codes.InvalidArgument:
		http.Error(w, failure.Message, http.StatusBadRequest)
	case failure.Code == codes.NotFound:
		http.Error(w, "no such code", http.StatusNotFound)
	default:
		log.Print(err)
		http.Error(w, "try again later", http.StatusServiceUnavailable)
	}
}
