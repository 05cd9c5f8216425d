package passbridge_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/passbridge/passbridge/clients/go/internal/servertest"
)

const outsider = `package main

import (
	"context"
	"fmt"
	"log"
	"os"

	"github.com/passbridge/passbridge/clients/go/passbridge"
	passbridgev1 "github.com/passbridge/passbridge/clients/go/passbridge/v1"
)

func main() {
	client, err := passbridge.Dial(context.Background(), os.Args[1], passbridge.WithPlaintext())
	if err != nil {
		log.Fatal(err)
	}
	request := &passbridgev1.HashIdentifierRequest{Value: "viewer@example.com"}
	response, err := client.DeviceInfo().HashIdentifier(context.Background(), request)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(len(response.GetDigest()))
}
`

func TestModuleIsUsableOutsideTheRepository(t *testing.T) {
	t.Parallel()
	folder, root := t.TempDir(), servertest.Root()
	sums, err := os.ReadFile(filepath.Join(root, "go.sum"))
	if err != nil {
		t.Fatal(err)
	}
	const module = "github.com/passbridge/passbridge/clients/go"
	for name, content := range map[string]string{
		"main.go": outsider,
		"go.mod":  fmt.Sprintf("module outsider\n\ngo 1.26.0\n\nrequire %s v0.0.0\n\nreplace %s => %s\n", module, module, root),
		"go.sum":  string(sums),
	} {
		if err := os.WriteFile(filepath.Join(folder, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	run := exec.CommandContext(patience(t), "go", "run", "-mod=mod", ".", servertest.Start(t, "").Address)
	run.Dir = folder
	// The module's own dependencies are already downloaded. The program must need no others.
	run.Env = append(os.Environ(), "GOPROXY=off", "GOWORK=off")
	if output, err := run.CombinedOutput(); err != nil || strings.TrimSpace(string(output)) != "64" {
		t.Fatalf("go run: %v\n%s", err, output)
	}
}
