package main

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/passbridge/passbridge/clients/go/internal/servertest"
	"github.com/passbridge/passbridge/clients/go/passbridge"
	passbridgev1 "github.com/passbridge/passbridge/clients/go/passbridge/v1"
)

func TestPageShowsCodeAndItsRelease(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), servertest.Patience)
	defer cancel()
	client, err := passbridge.Dial(ctx, servertest.Start(t, "").Address, passbridge.WithPlaintext())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = client.Close() }()
	service := httptest.NewServer(newHandler(ctx, client, "REF"))
	defer service.Close()

	if status, body := call(t, ctx, http.MethodGet, service.URL+"/", ""); status != http.StatusOK || !strings.Contains(body, "EventSource") {
		t.Errorf("page: %d %s", status, body)
	}
	if status, body := call(t, ctx, http.MethodPost, service.URL+"/codes", `{"model":"AFTMM"}`); status != http.StatusBadRequest ||
		!strings.Contains(body, "os_name") {
		t.Errorf("device without os_name: %d %s", status, body)
	}
	if status, _ := call(t, ctx, http.MethodPost, service.URL+"/codes", `{`); status != http.StatusBadRequest {
		t.Errorf("body that is not JSON: %d", status)
	}
	status, body := call(t, ctx, http.MethodPost, service.URL+"/codes", `{"model":"AFTMM","osName":"Android"}`)
	var created struct{ Code, ID string }
	if err := json.Unmarshal([]byte(body), &created); status != http.StatusOK || err != nil || created.Code == "" {
		t.Fatalf("create: %d %s", status, body)
	}

	states := service.URL + "/codes/" + created.Code + "/" + created.ID + "/states"
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, states, nil)
	if err != nil {
		t.Fatal(err)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	events := bufio.NewScanner(response.Body)
	expectEvent(t, events, "data: STATE_PENDING")
	_, err = client.RegistrationCodes().DeleteRegistrationCode(ctx, &passbridgev1.DeleteRegistrationCodeRequest{
		RequestorId: "REF", Code: created.Code,
	})
	if err != nil {
		t.Fatal(err)
	}
	expectEvent(t, events, "data: STATE_RELEASED")
	if events.Scan() {
		t.Errorf("unexpected line after the release: %s", events.Text())
	}
	unknown := service.URL + "/codes/2222222/0b8f9a52-6d4e-4c39-9b57-1f0e5a1f3c11/states"
	if status, _ := call(t, ctx, http.MethodGet, unknown, ""); status != http.StatusNotFound {
		t.Errorf("unknown code: %d", status)
	}
}

func call(t *testing.T, ctx context.Context, method, url, body string) (int, string) {
	t.Helper()
	request, err := http.NewRequestWithContext(ctx, method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	content, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, string(content)
}

// expectEvent reads the next event and the empty line after it.
func expectEvent(t *testing.T, events *bufio.Scanner, expected string) {
	t.Helper()
	if !events.Scan() || events.Text() != expected {
		t.Fatalf("got event %q, want %q: %v", events.Text(), expected, events.Err())
	}
	if !events.Scan() || events.Text() != "" {
		t.Fatalf("got line %q, want an empty line", events.Text())
	}
}
