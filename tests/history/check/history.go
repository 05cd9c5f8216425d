package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
)

// The operations in a history.
const (
	createCode  = "create_code"
	getCode     = "get_code"
	deleteCode  = "delete_code"
	authorize   = "authorize"
	getTrial    = "get_trial"
	resetDevice = "reset_device"
	resetKey    = "reset_key"
	resetAll    = "reset_all"
)

// The outcomes of a call.
const (
	// The call succeeded.
	ok = "ok"
	// The call was refused with a reason and changed nothing.
	refused = "refused"
	// There was no response, or one that does not tell whether the call took effect. It may do so at any time after its start.
	unknown = "unknown"
)

// The reasons of refusals.
const (
	notFound        = "REGISTRATION_CODE_NOT_FOUND"
	requestIDReused = "REQUEST_ID_REUSED"
	tooManyCodes    = "LIVE_CODES_EXHAUSTED"
)

// never is the return time of a call whose outcome is unknown.
const never = math.MaxInt64

// A call is one call of one client. Times are nanoseconds of the monotonic clock of the process that recorded it.
type call struct {
	Client  int    `json:"client"`
	Op      string `json:"op"`
	Call    int64  `json:"call"`
	Return  int64  `json:"return"`
	Outcome string `json:"outcome"`
	Reason  string `json:"reason,omitempty"`
	// Final reads are made after all faults. No anomaly explains them.
	Final bool   `json:"final,omitempty"`
	In    input  `json:"in"`
	Out   output `json:"out"`

	// cut is this call while it was running; uncut is the complete call of a cut one.
	cut, uncut *call
}

type input struct {
	Code      string `json:"code,omitempty"`
	RequestID string `json:"request_id,omitempty"`
	// Body distinguishes different requests with the same request id.
	Body     string `json:"body,omitempty"`
	TempPass string `json:"temp_pass,omitempty"`
	Device   string `json:"device,omitempty"`
	Key      string `json:"key,omitempty"`
	Resource string `json:"resource,omitempty"`
	App      string `json:"app,omitempty"`
}

type output struct {
	Code string `json:"code,omitempty"`
	ID   string `json:"id,omitempty"`
	// Expire is the code's expiry, by the clock of Call and Return.
	Expire int64  `json:"expire,omitempty"`
	Denial string `json:"denial,omitempty"`
	Trial  *view  `json:"trial,omitempty"`
	Count  *int   `json:"count,omitempty"`
}

// A view is a trial as in a response.
type view struct {
	State string `json:"state"`
	// Start is in milliseconds since the Unix epoch; 0 if the trial has not started.
	Start     int64    `json:"start,omitempty"`
	Remaining int      `json:"remaining"`
	Used      []string `json:"used,omitempty"`
}

// An event is anything other than a call, such as a fault.
type event struct {
	At   int64  `json:"at"`
	What string `json:"what"`
}

// A history is the record of one run.
type history struct {
	// MaxResources is the resource limit of a trial.
	MaxResources int
	Calls        []*call
	Events       []event
}

// A line is one line of a history: the header, which is the first line, a call, or an event.
type line struct {
	History *struct {
		Version      int `json:"version"`
		MaxResources int `json:"max_resources"`
	} `json:"history"`
	Event *event `json:"event"`
	call
}

func readHistory(from io.Reader) (*history, error) {
	var read history
	lines := bufio.NewScanner(from)
	lines.Buffer(nil, 1<<20)
	for number := 1; lines.Scan(); number++ {
		var next line
		decoder := json.NewDecoder(strings.NewReader(lines.Text()))
		decoder.DisallowUnknownFields()
		if err := decoder.Decode(&next); err != nil {
			return nil, fmt.Errorf("line %d: %w", number, err)
		}
		if err := read.add(number, &next); err != nil {
			return nil, fmt.Errorf("line %d: %w", number, err)
		}
	}
	if err := lines.Err(); err != nil {
		return nil, err
	}
	if read.MaxResources == 0 {
		return nil, errors.New("the history is empty")
	}
	return &read, nil
}

func (h *history) add(number int, next *line) error {
	switch {
	case number == 1:
		if next.History == nil || next.History.Version != 1 || next.History.MaxResources < 1 {
			return errors.New(`the first line must be the header of a history: {"history":{"version":1,"max_resources":…}}`)
		}
		h.MaxResources = next.History.MaxResources
	case next.Event != nil:
		h.Events = append(h.Events, *next.Event)
	default:
		if next.Outcome == unknown {
			next.Return = never
		}
		if err := next.call.check(); err != nil {
			return err
		}
		h.Calls = append(h.Calls, &next.call)
	}
	return nil
}

// check rejects calls that are impossible in a history, so that the models need not handle them.
func (c *call) check() error {
	switch {
	case c.Outcome != ok && c.Outcome != refused && c.Outcome != unknown:
		return fmt.Errorf("outcome %q is not one of %s, %s, %s", c.Outcome, ok, refused, unknown)
	case c.Return < c.Call:
		return fmt.Errorf("the call returns at %d, before its start at %d", c.Return, c.Call)
	case c.Outcome == refused && !c.mayBeRefused():
		return fmt.Errorf("%s is never refused with %q", c.Op, c.Reason)
	}
	required, isKnown := c.required()
	switch {
	case !isKnown:
		return fmt.Errorf("operation %q is unknown", c.Op)
	case slices.Contains(required, ""):
		return fmt.Errorf("%s lacks a required input", c.Op)
	case c.Outcome == ok && c.Op == createCode && (c.Out.Code == "" || c.Out.ID == ""):
		return fmt.Errorf("%s has no code in its output", c.Op)
	case c.Outcome == ok && (c.Op == authorize || c.Op == getTrial) && c.Out.Trial == nil:
		return fmt.Errorf("%s has no trial in its output", c.Op)
	}
	return nil
}

// required returns the required inputs; false if the operation is unknown.
func (c *call) required() ([]string, bool) {
	switch c.Op {
	case createCode:
		return nil, true
	case getCode, deleteCode:
		return []string{c.In.Code}, true
	case authorize:
		return []string{c.In.TempPass, c.In.Device, c.In.Key, c.In.Resource}, true
	case getTrial:
		return []string{c.In.TempPass, c.In.Device, c.In.Key}, true
	case resetDevice:
		return []string{c.In.TempPass, c.In.Device}, true
	case resetKey:
		return []string{c.In.TempPass, c.In.Key}, true
	case resetAll:
		return []string{c.In.TempPass}, true
	}
	return nil, false
}

func (c *call) mayBeRefused() bool {
	switch c.Op {
	case createCode:
		return c.Reason == tooManyCodes || c.Reason == requestIDReused && c.In.RequestID != ""
	case getCode, deleteCode:
		return c.Reason == notFound
	}
	return false
}

// onlyReads reports whether the operation never changes anything.
func (c *call) onlyReads() bool {
	return c.Op == getCode || c.Op == getTrial
}

// pending returns the call while it was running, with unknown outcome.
func (c *call) pending() *call {
	if c.cut == nil {
		cut := *c
		cut.Outcome, cut.Return, cut.uncut = unknown, never, c
		c.cut = &cut
	}
	return c.cut
}

// whole returns the complete call.
func (c *call) whole() *call {
	if c.uncut != nil {
		return c.uncut
	}
	return c
}

// String formats the call for reports.
func (c *call) String() string {
	var text strings.Builder
	fmt.Fprintf(&text, "%s(%s) → ", c.Op, fields(c.In))
	switch {
	case c.Outcome == unknown:
		text.WriteString("may have happened")
	case c.Outcome == refused:
		text.WriteString(c.Reason)
	default:
		fmt.Fprintf(&text, "ok %s", fields(c.Out))
	}
	return strings.TrimSpace(text.String())
}

// fields formats the fields that are set.
func fields(of any) string {
	encoded, err := json.Marshal(of)
	if err != nil {
		return fmt.Sprint(of)
	}
	return strings.NewReplacer(`"`, "", "{", "", "}", "", ",", " ").Replace(string(encoded))
}
