package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

const header = `{"history":{"version":1,"max_resources":2}}
`

const right = header + `{"event":{"at":5,"what":"server 0 killed"}}
{"client":0,"op":"create_code","call":1,"return":2,"outcome":"ok","in":{},"out":{"code":"A","id":"i","expire":9000000000}}
{"client":1,"op":"delete_code","call":3,"return":null,"outcome":"unknown","reason":"UNAVAILABLE","in":{"code":"A"},"out":{}}
`

const wrong = right + `{"client":2,"op":"get_code","call":7,"return":8,"outcome":"refused","reason":"REGISTRATION_CODE_NOT_FOUND","in":{"code":"A"},"out":{}}
{"client":2,"op":"get_code","call":9,"return":10,"outcome":"ok","in":{"code":"A"},"out":{"id":"i"}}
`

// runOn runs the program on a history with this text.
func runOn(t *testing.T, text string, options ...string) (status int, out, errors string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "history.jsonl")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	var stdout, stderr strings.Builder
	status = run(append(options, path), &stdout, &stderr)
	return status, stdout.String(), stderr.String()
}

func TestExitStatusAndOutput(t *testing.T) {
	for name, test := range map[string]struct {
		text    string
		options []string
		status  int
		output  string
	}{
		"linearizable":      {right, nil, linearizable, "2 calls: 1 ok, 0 refused, 1 may have happened\ncode: 1\nlinearizable\n"},
		"not linearizable":  {wrong, nil, notLinearizable, "code A: NOT LINEARIZABLE (4 calls)"},
		"anomalies":         {wrong, []string{"-anomalies"}, linearizable, "stale reads: 1"},
		"every object":      {right, []string{"-v"}, linearizable, "code A: linearizable (2 calls)"},
		"no header":         {strings.TrimPrefix(right, header), nil, unreadable, "line 1: the first line must be the header"},
		"empty":             {"", nil, unreadable, "the history is empty"},
		"not JSON":          {header + "create\n", nil, unreadable, "line 2: invalid character"},
		"another version":   {`{"history":{"version":2,"max_resources":2}}`, nil, unreadable, "line 1: "},
		"unknown field":     {header + `{"op":"get_code","cod":"A"}`, nil, unreadable, `unknown field "cod"`},
		"unknown operation": {header + `{"op":"watch","outcome":"ok"}`, nil, unreadable, `line 2: operation "watch" is unknown`},
		"unknown outcome":   {header + `{"op":"get_code","outcome":"maybe"}`, nil, unreadable, `line 2: outcome "maybe" is not one of`},
		"impossible refusal": {header + `{"op":"get_code","outcome":"refused","reason":"LOOKUP_BUDGET_EXHAUSTED"}`, nil, unreadable,
			`line 2: get_code is never refused with "LOOKUP_BUDGET_EXHAUSTED"`},
		"missing input":       {header + `{"op":"get_code","outcome":"unknown"}`, nil, unreadable, "line 2: get_code lacks a required input"},
		"return before start": {header + `{"op":"get_code","call":2,"return":1,"outcome":"ok","in":{"code":"A"}}`, nil, unreadable, "line 2: the call returns at 1"},
		"unknown option":      {right, []string{"-no"}, unreadable, "usage: check"},
	} {
		t.Run(name, func(t *testing.T) {
			status, out, errors := runOn(t, test.text, test.options...)
			if status != test.status || !strings.Contains(out+errors, test.output) {
				t.Errorf("got status %d, want %d and %q:\n%s%s", status, test.status, test.output, out, errors)
			}
		})
	}
}

func TestTimeoutIsUndecided(t *testing.T) {
	calls := []*call{}
	for number := range 40 {
		resource := strconv.Itoa(number)
		calls = append(calls, permitted("a", "k", resource, 7, resource).lost(0))
	}
	calls = append(calls, shown("a", "k", 7, "another").from(10, 11))
	text := header
	for _, c := range by(calls...).Calls {
		encoded, err := json.Marshal(c)
		if err != nil {
			t.Fatal(err)
		}
		text += string(encoded) + "\n"
	}
	status, out, _ := runOn(t, text, "-timeout", "50ms")
	if status != undecided || !strings.Contains(out, "temp_pass T: undecided after 50ms (41 calls)") {
		t.Errorf("status %d:\n%s", status, out)
	}
}

func TestDiagramIsWritten(t *testing.T) {
	pictures := t.TempDir()
	_, out, _ := runOn(t, wrong, "-pictures", pictures)
	path := filepath.Join(pictures, "code-A.html")
	diagram, err := os.ReadFile(path)
	if err != nil || !strings.Contains(out, "diagram: "+path) {
		t.Fatalf("%v\n%s", err, out)
	}
	if !strings.Contains(string(diagram), "server 0 killed") {
		t.Error("the diagram does not show the fault")
	}
}
