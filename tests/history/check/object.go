package main

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// A model is the sequential behavior of one object. States are immutable and comparable with ==.
type model interface {
	initial() any
	// step returns the state after the call, and whether the response is possible. A call with unknown outcome is always possible.
	step(before any, c *call) (any, bool)
	// undo returns the current state without the effect of the call on the state before it, or without one part of that effect; false
	// if the call had no effect on that part.
	undo(now, before any, c *call, part string) (any, bool)
	describe(state any) string
}

// whole means the entire effect of a call.
const whole = "all"

// parts are the parts of a call's effect that can be lost separately.
var parts = []string{whole, "device", "key", "trial"}

// An object has all calls on one code, request id or TempPass. A history is linearizable if and only if each object is.
type object struct {
	Kind, Name string
	calls      []*call
	memory     *memory
}

func (o *object) String() string { return o.Kind + " " + o.Name }

// objects splits a history. It omits calls with unknown outcome whose effect no client can have seen: reads, and creates whose code no
// client received.
func objects(h *history) ([]*object, error) {
	var codes, requests, tempPasses = map[string][]*call{}, map[string][]*call{}, map[string][]*call{}
	for _, c := range h.Calls {
		if c.Outcome == unknown && c.onlyReads() {
			continue
		}
		switch c.Op {
		case createCode:
			if c.Outcome == ok {
				codes[c.Out.Code] = append(codes[c.Out.Code], c)
			}
			if c.In.RequestID != "" {
				requests[c.In.RequestID] = append(requests[c.In.RequestID], c)
			}
		case getCode, deleteCode:
			codes[c.In.Code] = append(codes[c.In.Code], c)
		default:
			tempPasses[c.In.TempPass] = append(tempPasses[c.In.TempPass], c)
		}
	}
	var all []*object
	for name, calls := range codes {
		all = append(all, &object{"code", name, calls, newMemory(codeModel{})})
	}
	for name, calls := range requests {
		all = append(all, &object{"request_id", name, calls, newMemory(requestModel{})})
	}
	for name, calls := range tempPasses {
		model, err := newTrialModel(h.MaxResources, calls)
		if err != nil {
			return nil, fmt.Errorf("temp_pass %s: %w", name, err)
		}
		all = append(all, &object{"temp_pass", name, calls, newMemory(model)})
	}
	for _, o := range all {
		slices.SortStableFunc(o.calls, func(a, b *call) int { return cmp.Compare(a.Call, b.Call) })
	}
	slices.SortFunc(all, func(a, b *object) int {
		return cmp.Or(strings.Compare(a.Kind, b.Kind), strings.Compare(a.Name, b.Name))
	})
	return all, nil
}
