package passbridge_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/passbridge/passbridge/clients/go/internal/servertest"
	passbridgev1 "github.com/passbridge/passbridge/clients/go/passbridge/v1"
)

// create returns a code for the examples. It is already released.
func create() *passbridgev1.RegistrationCode {
	response, err := client.RegistrationCodes().CreateRegistrationCode(ctx, aCreate())
	if err != nil {
		panic(err)
	}
	code := response.GetRegistrationCode()
	request := &passbridgev1.DeleteRegistrationCodeRequest{RequestorId: code.GetRequestorId(), Code: code.GetCode()}
	if _, err := client.RegistrationCodes().DeleteRegistrationCode(ctx, request); err != nil {
		panic(err)
	}
	return code
}

// Every Go snippet of the README is part of a compiled file.
func TestReadmeSnippetsAreInExamples(t *testing.T) {
	root := servertest.Root()
	var compiled string
	for _, file := range []string{"passbridge/example_test.go", "examples/opentelemetry/main.go"} {
		content, err := os.ReadFile(filepath.Join(root, file))
		if err != nil {
			t.Fatal(err)
		}
		compiled += withoutIndents(string(content))
	}
	readme, err := os.ReadFile(filepath.Join(root, "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	snippets := regexp.MustCompile("(?s)```go\n(.*?)```").FindAllStringSubmatch(string(readme), -1)
	if len(snippets) < 6 {
		t.Errorf("found only %d Go snippets", len(snippets))
	}
	for _, snippet := range snippets {
		if !strings.Contains(compiled, withoutIndents(snippet[1])) {
			t.Errorf("not in any example:\n%s", snippet[1])
		}
	}
}

func withoutIndents(code string) string {
	var lines strings.Builder
	for line := range strings.Lines(code) {
		lines.WriteString(strings.TrimLeft(line, "\t "))
	}
	return lines.String()
}

func TestExamplesPrintExpectedOutput(t *testing.T) {
	client = dial(t, servertest.Start(t, "").Address)
	for name, test := range map[string]struct {
		example func()
		prints  string
	}{
		"AsError":    {ExampleAsError, "There is no such code; type it again.\n"},
		"Watch":      {ExampleClient_Watch, "STATE_RELEASED\n"},
		"BatchReset": {ExampleClient_BatchReset, "0 of 3 failed\n"},
	} {
		if got := printed(t, test.example); got != test.prints {
			t.Errorf("%s prints %q", name, got)
		}
	}
}

// printed returns what an example prints. It redirects os.Stdout, so no other test may run at the same time.
func printed(t *testing.T, example func()) string {
	t.Helper()
	file, err := os.CreateTemp(t.TempDir(), "")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = file.Close() }()
	stdout := os.Stdout
	os.Stdout = file
	defer func() { os.Stdout = stdout }()
	example()
	output, err := os.ReadFile(file.Name())
	if err != nil {
		t.Fatal(err)
	}
	return string(output)
}
