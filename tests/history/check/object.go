package main

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// A model is what one object does where one call comes after the other. States can be compared by ==, and none is changed.
type model interface {
	initial() any
	// step is the state after the call, and whether the call may have been answered so. A call of unknown outcome may always.
	step(before any, c *call) (any, bool)
	// undo is the state now without what the call has written to the state before it, or without a part of that; false where
	// that part has nothing of the call.
	undo(now, before any, c *call, part string) (any, bool)
	describe(state any) string
}

// whole is the part of what a call wrote that is everything.
const whole = "all"

// parts are the parts of what a call wrote that can be lost alone.
var parts = []string{whole, "device", "key", "trial"}

// An object is one thing that calls are about, with all calls about it: a history is linearizable if and only if each object's is.
type object struct {
	Kind, Name string
	calls      []*call
	memory     *memory
}

func (o *object) String() string { return o.Kind + " " + o.Name }

// objects takes a history apart. A call without a known outcome that nobody can have seen the effect of is left out: a read, and
// the create of a code that nobody has heard of.
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
