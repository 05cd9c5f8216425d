package main

import (
	"strings"
	"testing"
)

// Builders of hand-written calls: first the call, then its times in milliseconds.

func (c call) from(begin, end int64) *call {
	c.Call, c.Return = begin*1e6, end*1e6
	return &c
}

// lost returns the call without a response.
func (c call) lost(begin int64) *call {
	c.Outcome, c.Reason, c.Out = unknown, "", output{}
	c.Call, c.Return = begin*1e6, never
	return &c
}

// last marks the call as a final read.
func (c *call) last() *call {
	c.Final = true
	return c
}

func created(code string) call {
	return call{Op: createCode, Outcome: ok, Out: output{Code: code, ID: "id of " + code, Expire: 3600e9}}
}

func createdFor(code, requestID, body string) call {
	c := created(code)
	c.In = input{RequestID: requestID, Body: body}
	return c
}

func createRefused(reason, requestID, body string) call {
	return call{Op: createCode, Outcome: refused, Reason: reason, In: input{RequestID: requestID, Body: body}}
}

// expiring sets the expiry of the code.
func (c call) expiring(end int64) call {
	c.Out.Expire = end * 1e6
	return c
}

func got(code string) call {
	return call{Op: getCode, Outcome: ok, In: input{Code: code}, Out: output{ID: "id of " + code}}
}

func notFoundGet(code string) call {
	return call{Op: getCode, Outcome: refused, Reason: notFound, In: input{Code: code}}
}

func deleted(code string) call {
	return call{Op: deleteCode, Outcome: ok, In: input{Code: code}}
}

func notFoundDelete(code string) call {
	return call{Op: deleteCode, Outcome: refused, Reason: notFound, In: input{Code: code}}
}

// maxResources is the resource limit of a trial in the hand-written histories.
const maxResources = 2

func trialOf(start int64, used ...string) *view {
	shown := view{State: "active", Start: start, Remaining: maxResources - len(used), Used: used}
	switch len(used) {
	case 0:
		shown.State, shown.Start = "not_started", 0
	case maxResources:
		shown.State = "exhausted"
	}
	return &shown
}

func side(device, key string) input { return input{TempPass: "T", Device: device, Key: key} }

func permitted(device, key, resource string, start int64, used ...string) call {
	in := side(device, key)
	in.Resource = resource
	return call{Op: authorize, Outcome: ok, In: in, Out: output{Trial: trialOf(start, used...)}}
}

func denied(device, key, resource string, start int64, used ...string) call {
	c := permitted(device, key, resource, start, used...)
	c.Out.Denial = "exhausted"
	return c
}

func shown(device, key string, start int64, used ...string) call {
	return call{Op: getTrial, Outcome: ok, In: side(device, key), Out: output{Trial: trialOf(start, used...)}}
}

func reset(op, device, key string, count int) call {
	return call{Op: op, Outcome: ok, In: side(device, key), Out: output{Count: &count}}
}

func allReset() call { return call{Op: resetAll, Outcome: ok, In: input{TempPass: "T"}} }

// by returns a history in which each call has its own client.
func by(calls ...*call) *history {
	for client, c := range calls {
		c.Client = client
	}
	return &history{MaxResources: maxResources, Calls: calls}
}

func reportOn(t *testing.T, h *history) (*report, *strings.Builder) {
	t.Helper()
	split, err := objects(h)
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	return &report{out: &out, history: h, objects: split, timeout: 10e9}, &out
}
