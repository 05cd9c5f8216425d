package main

import (
	"fmt"
	"slices"
	"strings"
)

// sides is how many devices, and how many keys, the histories of one TempPass may name.
const sides = 8

// between stands between the resources of a trial.
const between = "\x00"

// A trial is one trial of a TempPass. None has no resources.
type trial struct {
	// start is when it started; 0 where nobody has seen that yet, since the answer to the call that started it was lost.
	start int64
	// app is what it was first authorized with.
	app string
	// used are its resources in the order of their first authorization.
	used string
}

// A trialState is every trial of one TempPass, and who is bound to which: an index into trials, counted from 1.
type trialState struct {
	devices, keys [sides]int8
	trials        [2 * sides]trial
}

// trialModel is one TempPass: the rules of src/domain/temp_pass/decision.rs once more, but for time, since no trial of a history
// ends by it. A whole TempPass is one object, because a reset of all is one operation on every trial of it.
type trialModel struct {
	max          int
	devices, key map[string]int
}

// newTrialModel is the model for these calls of one TempPass.
func newTrialModel(max int, calls []*call) (*trialModel, error) {
	model := &trialModel{max, map[string]int{}, map[string]int{}}
	for _, c := range calls {
		model.learn(model.devices, c.In.Device)
		model.learn(model.key, c.In.Key)
	}
	if len(model.devices) > sides || len(model.key) > sides {
		return nil, fmt.Errorf("it has more than %d devices or keys", sides)
	}
	return model, nil
}

func (m *trialModel) learn(names map[string]int, name string) {
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
		target = state.keys[m.key[c.In.Key]]
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
	device, key := &state.devices[m.devices[c.In.Device]], &state.keys[m.key[c.In.Key]]
	if len(known) == 0 {
		index := state.free()
		state.trials[index-1] = trial{app: c.In.App, used: c.In.Resource}
		*device, *key = index, index
		known = []int8{index}
		return m.answer(state, c, known, true)
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
				trial.used += between + c.In.Resource
			}
		}
	}
	return m.answer(state, c, known, permits)
}

func (m *trialModel) answer(state trialState, c *call, known []int8, permits bool) (any, bool) {
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

// known are the trials that the call's device and key are bound to, each once.
func (m *trialModel) known(state *trialState, c *call) []int8 {
	var known []int8
	for _, index := range []int8{state.devices[m.devices[c.In.Device]], state.keys[m.key[c.In.Key]]} {
		if index != 0 && !slices.Contains(known, index) {
			known = append(known, index)
		}
	}
	return known
}

// show says whether the client was shown the stricter one of these trials, and keeps the start that it saw.
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

// strictest are the trials that allow least: more than one only where it cannot be told which of them started first.
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

func (t *trial) resources() []string { return strings.Split(t.used, between) }

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

// free is a place for a new trial.
func (s *trialState) free() int8 {
	place := slices.IndexFunc(s.trials[:], func(t trial) bool { return t.used == "" })
	return int8(place + 1)
}

// unbind takes everybody off a trial that was reset.
func (s *trialState) unbind(trial int8) {
	for _, bound := range []*[sides]int8{&s.devices, &s.keys} {
		for side := range bound {
			if bound[side] == trial {
				bound[side] = 0
			}
		}
	}
}

// canonical is the state with its trials in the order of those who are bound to them, without those that nobody is: states that
// mean the same are equal.
func (s trialState) canonical() trialState {
	var after trialState
	var places [2*sides + 1]int8
	next := int8(0)
	for _, bound := range [][2]*[sides]int8{{&s.devices, &after.devices}, {&s.keys, &after.keys}} {
		for side, old := range bound[0] {
			if old == 0 {
				continue
			}
			if places[old] == 0 {
				next++
				places[old] = next
				after.trials[next-1] = s.trials[old-1]
			}
			bound[1][side] = places[old]
		}
	}
	return after
}

func (m *trialModel) describe(of any) string {
	state := of.(trialState)
	var bound []string
	for _, kind := range []struct {
		names map[string]int
		bound [sides]int8
	}{{m.devices, state.devices}, {m.key, state.keys}} {
		for name, side := range kind.names {
			if index := kind.bound[side]; index != 0 {
				bound = append(bound, fmt.Sprintf("%s: %v", name, state.trials[index-1].resources()))
			}
		}
	}
	slices.Sort(bound)
	return "{" + strings.Join(bound, ", ") + "}"
}

// undo loses what a call has written: all of it with whatever was written since, or one record alone, since the records of one
// TempPass need not lie on one machine.
func (m *trialModel) undo(now, before any, c *call, part string) (any, bool) {
	state, old := now.(trialState), before.(trialState)
	switch {
	case part == whole:
		return old, true
	case c.Op != authorize:
		return nil, false
	}
	device, key := m.devices[c.In.Device], m.key[c.In.Key]
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

// forget takes from the call's trials what the call has added to them.
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
			trial.used = strings.Join(kept, between)
		}
	}
}
