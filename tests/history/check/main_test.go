package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

const head = `{"history":{"version":1,"max_resources":2}}
`

const right = head + `{"event":{"at":5,"what":"server 0 killed"}}
{"client":0,"op":"create_code","call":1,"return":2,"outcome":"ok","in":{},"out":{"code":"A","id":"i","expire":9000000000}}
{"client":1,"op":"delete_code","call":3,"return":null,"outcome":"unknown","reason":"UNAVAILABLE","in":{"code":"A"},"out":{}}
`

const wrong = right + `{"client":2,"op":"get_code","call":7,"return":8,"outcome":"refused","reason":"REGISTRATION_CODE_NOT_FOUND","in":{"code":"A"},"out":{}}
{"client":2,"op":"get_code","call":9,"return":10,"outcome":"ok","in":{"code":"A"},"out":{"id":"i"}}
`

// runOn runs the program over a history with this text.
func runOn(t *testing.T, text string, options ...string) (status int, out, errors string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "history.jsonl")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	var said, failed strings.Builder
	status = run(append(options, path), &said, &failed)
	return status, said.String(), failed.String()
}

func TestTheStatusTellsWhatCameOfIt(t *testing.T) {
	for name, test := range map[string]struct {
		text    string
		options []string
		status  int
		says    string
	}{
		"linearizable":     {right, nil, linearizable, "2 calls: 1 ok, 0 refused, 1 may have happened\ncode: 1\nlinearizable\n"},
		"not linearizable": {wrong, nil, notLinearizable, "code A: NOT LINEARIZABLE (4 calls)"},
		"anomalies":        {wrong, []string{"-anomalies"}, linearizable, "stale reads: 1"},
		"every object":     {right, []string{"-v"}, linearizable, "code A: linearizable (2 calls)"},
		"no head":          {strings.TrimPrefix(right, head), nil, unreadable, "line 1: the first line has to be the head"},
		"nothing":          {"", nil, unreadable, "it is empty"},
		"not JSON":         {head + "create\n", nil, unreadable, "line 2: invalid character"},
		"another version":  {`{"history":{"version":2,"max_resources":2}}`, nil, unreadable, "line 1: "},
		"a field too many": {head + `{"op":"get_code","cod":"A"}`, nil, unreadable, `unknown field "cod"`},
		"a new operation":  {head + `{"op":"watch","outcome":"ok"}`, nil, unreadable, `line 2: operation "watch" is unknown`},
		"a new outcome":    {head + `{"op":"get_code","outcome":"maybe"}`, nil, unreadable, `line 2: outcome "maybe" is none of`},
		"a new refusal": {head + `{"op":"get_code","outcome":"refused","reason":"LOOKUP_BUDGET_EXHAUSTED"}`, nil, unreadable,
			`line 2: get_code is never refused with "LOOKUP_BUDGET_EXHAUSTED"`},
		"about nothing":     {head + `{"op":"get_code","outcome":"unknown"}`, nil, unreadable, "line 2: get_code does not say what it is about"},
		"back in time":      {head + `{"op":"get_code","call":2,"return":1,"outcome":"ok","in":{"code":"A"}}`, nil, unreadable, "line 2: it returns at 1"},
		"an unknown option": {right, []string{"-no"}, unreadable, "usage: check"},
	} {
		t.Run(name, func(t *testing.T) {
			status, out, errors := runOn(t, test.text, test.options...)
			if status != test.status || !strings.Contains(out+errors, test.says) {
				t.Errorf("status %d, wanted %d and %q:\n%s%s", status, test.status, test.says, out, errors)
			}
		})
	}
}

func TestWhatTakesTooLongIsUndecided(t *testing.T) {
	calls := []*call{}
	for number := range 40 {
		resource := strconv.Itoa(number)
		calls = append(calls, permitted("a", "k", resource, 7, resource).lost(0))
	}
	calls = append(calls, shown("a", "k", 7, "another").from(10, 11))
	text := head
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

func TestWhatIsWrongIsDrawn(t *testing.T) {
	pictures := t.TempDir()
	_, out, _ := runOn(t, wrong, "-pictures", pictures)
	path := filepath.Join(pictures, "code-A.html")
	picture, err := os.ReadFile(path)
	if err != nil || !strings.Contains(out, "picture: "+path) {
		t.Fatalf("%v\n%s", err, out)
	}
	if !strings.Contains(string(picture), "server 0 killed") {
		t.Error("the picture has no fault")
	}
}
