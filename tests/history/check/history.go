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

// The operations that a history may hold.
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

// How a call ended.
const (
	// It was done, and answered.
	ok = "ok"
	// It was refused for the call's reason, and has changed nothing.
	refused = "refused"
	// No answer came, or one that leaves open whether it was done. It may have happened at any time after it was sent.
	unknown = "unknown"
)

// Why calls are refused.
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
	// Final reads are made when the faults are over and everything has come to rest: nothing excuses them.
	Final bool   `json:"final,omitempty"`
	In    input  `json:"in"`
	Out   output `json:"out"`

	// cut is the same call while it was under way, and uncut the whole one of that.
	cut, uncut *call
}

type input struct {
	Code      string `json:"code,omitempty"`
	RequestID string `json:"request_id,omitempty"`
	// Body tells apart the requests that come under one request id.
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
	// Expire is when the code ends, by the clock of Call and Return.
	Expire int64  `json:"expire,omitempty"`
	Denial string `json:"denial,omitempty"`
	Trial  *view  `json:"trial,omitempty"`
	Count  *int   `json:"count,omitempty"`
}

// A view is a trial as a client was shown it.
type view struct {
	State string `json:"state"`
	// Start is in milliseconds since the Unix epoch; 0 where it has not started.
	Start     int64    `json:"start,omitempty"`
	Remaining int      `json:"remaining"`
	Used      []string `json:"used,omitempty"`
}

// An event is something else that happened, such as a fault.
type event struct {
	At   int64  `json:"at"`
	What string `json:"what"`
}

// A history is what was recorded of one run.
type history struct {
	// MaxResources is how many resources a trial may have.
	MaxResources int
	Calls        []*call
	Events       []event
}

// A line is one line of a history: its head, which is the first one, a call or an event.
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
		return nil, errors.New("it is empty")
	}
	return &read, nil
}

func (h *history) add(number int, next *line) error {
	switch {
	case number == 1:
		if next.History == nil || next.History.Version != 1 || next.History.MaxResources < 1 {
			return errors.New(`the first line has to be the head of a history: {"history":{"version":1,"max_resources":…}}`)
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

// check says what in a call no history can hold: what the models do not have to expect.
func (c *call) check() error {
	switch {
	case c.Outcome != ok && c.Outcome != refused && c.Outcome != unknown:
		return fmt.Errorf("outcome %q is none of %s, %s, %s", c.Outcome, ok, refused, unknown)
	case c.Return < c.Call:
		return fmt.Errorf("it returns at %d, before its call at %d", c.Return, c.Call)
	case c.Outcome == refused && !c.mayBeRefused():
		return fmt.Errorf("%s is never refused with %q", c.Op, c.Reason)
	}
	needed, isKnown := c.needed()
	switch {
	case !isKnown:
		return fmt.Errorf("operation %q is unknown", c.Op)
	case slices.Contains(needed, ""):
		return fmt.Errorf("%s does not say what it is about", c.Op)
	case c.Outcome == ok && c.Op == createCode && (c.Out.Code == "" || c.Out.ID == ""):
		return fmt.Errorf("%s shows no code", c.Op)
	case c.Outcome == ok && (c.Op == authorize || c.Op == getTrial) && c.Out.Trial == nil:
		return fmt.Errorf("%s shows no trial", c.Op)
	}
	return nil
}

// needed are the values that have to be filled; false where there is no such operation.
func (c *call) needed() ([]string, bool) {
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

// onlyReads says that the call changes nothing whatever comes of it.
func (c *call) onlyReads() bool {
	return c.Op == getCode || c.Op == getTrial
}

// pending is the call while it was under way: whether it happens was not known.
func (c *call) pending() *call {
	if c.cut == nil {
		cut := *c
		cut.Outcome, cut.Return, cut.uncut = unknown, never, c
		c.cut = &cut
	}
	return c.cut
}

// whole is the call from its start to its end.
func (c *call) whole() *call {
	if c.uncut != nil {
		return c.uncut
	}
	return c
}

// String is a call as a person reads it.
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

// fields are the fields that are filled.
func fields(of any) string {
	encoded, err := json.Marshal(of)
	if err != nil {
		return fmt.Sprint(of)
	}
	return strings.NewReplacer(`"`, "", "{", "", "}", "", ",", " ").Replace(string(encoded))
}
