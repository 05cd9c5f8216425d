package main

import (
	"fmt"
	"slices"
	"strings"
)

// maxSides is the maximum number of devices, and of keys, in the calls on one TempPass.
const maxSides = 8

// separator separates the resources of a trial.
const separator = "\x00"

// A trial is one trial of a TempPass. It has no resources if it does not exist.
type trial struct {
	// start is the start time; 0 if no client has seen it yet, because the response to the call that started the trial was lost.
	start int64
	// app is the app_id of its first authorization.
	app string
	// used has the resources in the order of their first authorization.
	used string
}

// A trialState has all trials of one TempPass, and for each device and key the trial to which it is bound: an index into trials,
// counted from 1.
type trialState struct {
	devices, keys [maxSides]int8
	trials        [2 * maxSides]trial
}

// trialModel is the model of one TempPass. It implements the rules of src/domain/temp_pass/decision.rs again, except for expiry, because
// no trial expires in a history. A TempPass is one object because a reset of all is one operation on all its trials.
type trialModel struct {
	max           int
	devices, keys map[string]int
}

// newTrialModel returns the model for these calls on one TempPass.
func newTrialModel(max int, calls []*call) (*trialModel, error) {
	model := &trialModel{max, map[string]int{}, map[string]int{}}
	for _, c := range calls {
		model.number(model.devices, c.In.Device)
		model.number(model.keys, c.In.Key)
	}
	if len(model.devices) > maxSides || len(model.keys) > maxSides {
		return nil, fmt.Errorf("more than %d devices or keys", maxSides)
	}
	return model, nil
}

// number assigns the next index to a new name.
func (m *trialModel) number(names map[string]int, name string) {
	if _, isKnown := names[name]; !isKnown && name != "" {
		names[name] = len(names)
	}
}

func (m *trialModel) initial() any { return trialState{} }

func (m *trialModel) step(before any, c *call) (any, bool) {
	state := before.(trialState)
	switch c.Op {
	case authorize:
		return m.authorize(state, c)
	case getTrial:
		isSeen := m.show(&state, c, m.known(&state, c))
		return state.canonical(), isSeen
	case resetAll:
		return trialState{}, true
	}
	target := state.devices[m.devices[c.In.Device]]
	if c.Op == resetKey {
		target = state.keys[m.keys[c.In.Key]]
	}
	count := 0
	if target != 0 && (c.In.App == "" || state.trials[target-1].app == c.In.App) {
		state.unbind(target)
		count = 1
	}
	isSeen := c.Outcome == unknown || c.Out.Count != nil && *c.Out.Count == count
	return state.canonical(), isSeen
}

func (m *trialModel) authorize(state trialState, c *call) (any, bool) {
	known := m.known(&state, c)
	device, key := &state.devices[m.devices[c.In.Device]], &state.keys[m.keys[c.In.Key]]
	if len(known) == 0 {
		index := state.free()
		state.trials[index-1] = trial{app: c.In.App, used: c.In.Resource}
		*device, *key = index, index
		known = []int8{index}
		return m.respond(state, c, known, true)
	}
	if *device == 0 {
		*device = *key
	} else if *key == 0 {
		*key = *device
	}
	permits := true
	for _, index := range known {
		trial := &state.trials[index-1]
		permits = permits && (trial.has(c.In.Resource) || trial.count() < m.max)
	}
	if permits {
		for _, index := range known {
			if trial := &state.trials[index-1]; !trial.has(c.In.Resource) {
				trial.used += separator + c.In.Resource
			}
		}
	}
	return m.respond(state, c, known, permits)
}

func (m *trialModel) respond(state trialState, c *call, known []int8, permits bool) (any, bool) {
	if c.Outcome == unknown {
		return state.canonical(), true
	}
	denial := ""
	if !permits {
		denial = "exhausted"
	}
	isSeen := c.Out.Denial == denial && m.show(&state, c, known)
	return state.canonical(), isSeen
}

// known returns the trials to which the call's device and key are bound, without duplicates.
func (m *trialModel) known(state *trialState, c *call) []int8 {
	var known []int8
	for _, index := range []int8{state.devices[m.devices[c.In.Device]], state.keys[m.keys[c.In.Key]]} {
		if index != 0 && !slices.Contains(known, index) {
			known = append(known, index)
		}
	}
	return known
}

// show reports whether the response shows the stricter one of these trials, and stores the start that it shows.
func (m *trialModel) show(state *trialState, c *call, known []int8) bool {
	shown := c.Out.Trial
	if len(known) == 0 {
		return shown.State == "not_started" && len(shown.Used) == 0 && shown.Remaining == m.max && shown.Start == 0
	}
	var fit []int8
	for _, index := range m.strictest(state, known) {
		if state.trials[index-1].isShown(shown, m.max) {
			fit = append(fit, index)
		}
	}
	if len(fit) == 1 {
		state.trials[fit[0]-1].start = shown.Start
	}
	return len(fit) > 0
}

// strictest returns the stricter one of these trials; both if they allow the same and it is not known which started first.
func (m *trialModel) strictest(state *trialState, known []int8) []int8 {
	if len(known) < 2 {
		return known
	}
	first, second := &state.trials[known[0]-1], &state.trials[known[1]-1]
	switch {
	case first.count() > second.count():
		return known[:1]
	case first.count() < second.count():
		return known[1:]
	case first.start == 0 || second.start == 0 || first.start == second.start:
		return known
	case first.start < second.start:
		return known[:1]
	default:
		return known[1:]
	}
}

func (t *trial) resources() []string { return strings.Split(t.used, separator) }

func (t *trial) count() int { return len(t.resources()) }

func (t *trial) has(resource string) bool { return slices.Contains(t.resources(), resource) }

func (t *trial) isShown(shown *view, max int) bool {
	state := "active"
	if t.count() >= max {
		state = "exhausted"
	}
	return shown.State == state && shown.Start != 0 && (t.start == 0 || t.start == shown.Start) &&
		shown.Remaining == max-t.count() && slices.Equal(shown.Used, t.resources())
}

// free returns the index of a free entry for a new trial.
func (s *trialState) free() int8 {
	index := slices.IndexFunc(s.trials[:], func(t trial) bool { return t.used == "" })
	return int8(index + 1)
}

// unbind removes all bindings of a trial that was reset.
func (s *trialState) unbind(trial int8) {
	for _, bound := range []*[maxSides]int8{&s.devices, &s.keys} {
		for side := range bound {
			if bound[side] == trial {
				bound[side] = 0
			}
		}
	}
}

// canonical returns the state with its trials in the order of their devices and keys, and without unbound trials, so that equivalent
// states are equal.
func (s trialState) canonical() trialState {
	var after trialState
	var indexes [2*maxSides + 1]int8
	next := int8(0)
	for _, bound := range [][2]*[maxSides]int8{{&s.devices, &after.devices}, {&s.keys, &after.keys}} {
		for side, old := range bound[0] {
			if old == 0 {
				continue
			}
			if indexes[old] == 0 {
				next++
				indexes[old] = next
				after.trials[next-1] = s.trials[old-1]
			}
			bound[1][side] = indexes[old]
		}
	}
	return after
}

func (m *trialModel) describe(of any) string {
	state := of.(trialState)
	var bound []string
	for _, kind := range []struct {
		names map[string]int
		bound [maxSides]int8
	}{{m.devices, state.devices}, {m.keys, state.keys}} {
		for name, side := range kind.names {
			if index := kind.bound[side]; index != 0 {
				bound = append(bound, fmt.Sprintf("%s: %v", name, state.trials[index-1].resources()))
			}
		}
	}
	slices.Sort(bound)
	return "{" + strings.Join(bound, ", ") + "}"
}

// undo removes the effect of a call: either all of it and everything that was written since, or one record, because the records of one
// TempPass may be on different machines.
func (m *trialModel) undo(now, before any, c *call, part string) (any, bool) {
	state, old := now.(trialState), before.(trialState)
	switch {
	case part == whole:
		return old, true
	case c.Op != authorize:
		return nil, false
	}
	device, key := m.devices[c.In.Device], m.keys[c.In.Key]
	switch {
	case part == "device" && old.devices[device] == 0:
		state.devices[device] = 0
	case part == "key" && old.keys[key] == 0:
		state.keys[key] = 0
	case part == "trial":
		m.forget(&state, &old, c)
	default:
		return nil, false
	}
	return state.canonical(), true
}

// forget removes what the call has added to its trials.
func (m *trialModel) forget(state, old *trialState, c *call) {
	hadAny := len(m.known(old, c)) > 0
	for _, index := range m.known(state, c) {
		if !hadAny {
			state.unbind(index)
			continue
		}
		trial := &state.trials[index-1]
		kept := slices.DeleteFunc(trial.resources(), func(used string) bool { return used == c.In.Resource })
		if len(kept) > 0 {
			trial.used = strings.Join(kept, separator)
		}
	}
}
