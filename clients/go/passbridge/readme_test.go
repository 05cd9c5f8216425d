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

// create makes a code for the examples, which somebody releases at once.
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

// Every piece of Go in the README is a part of a file that is compiled.
func TestTheCodeOfTheReadmeIsThatOfTheExamples(t *testing.T) {
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
	pieces := regexp.MustCompile("(?s)```go\n(.*?)```").FindAllStringSubmatch(string(readme), -1)
	if len(pieces) < 6 {
		t.Errorf("only %d pieces of Go are found", len(pieces))
	}
	for _, piece := range pieces {
		if !strings.Contains(compiled, withoutIndents(piece[1])) {
			t.Errorf("is in no example:\n%s", piece[1])
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

func TestTheExamplesDoWhatTheySay(t *testing.T) {
	client = dial(t, servertest.Start(t, "").Address)
	for name, test := range map[string]struct {
		example func()
		says    string
	}{
		"AsError":    {ExampleAsError, "There is no such code; type it again.\n"},
		"Watch":      {ExampleClient_Watch, "STATE_RELEASED\n"},
		"BatchReset": {ExampleClient_BatchReset, "0 of 3 failed\n"},
	} {
		if said := printed(t, test.example); said != test.says {
			t.Errorf("%s says %q", name, said)
		}
	}
}

// printed is what an example prints. Nothing else runs meanwhile.
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
	said, err := os.ReadFile(file.Name())
	if err != nil {
		t.Fatal(err)
	}
	return string(said)
}
