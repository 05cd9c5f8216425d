package main

import "sync"

// A stateID identifies a state of an object, counted from 1. It is cheaper to compare and copy than the state.
type stateID int32

// A memory caches the results of a model. The checker executes the same call in the same state many times, in every order of the other
// calls.
type memory struct {
	model model

	// A check that has timed out may still be running its last step.
	mutex  sync.Mutex
	ids    map[any]stateID
	states []any
	steps  map[stepKey]stepResult
}

type stepKey struct {
	now  stateID
	call *call
}

type stepResult struct {
	after   stateID
	isLegal bool
}

func newMemory(of model) *memory {
	return &memory{model: of, ids: map[any]stateID{}, steps: map[stepKey]stepResult{}}
}

func (m *memory) initial() stateID {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	return m.id(m.model.initial())
}

func (m *memory) step(now stateID, c *call) (stateID, bool) {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	key := stepKey{now, c}
	result, isKnown := m.steps[key]
	if !isKnown {
		after, isLegal := m.model.step(m.states[now-1], c)
		if isLegal {
			result = stepResult{m.id(after), true}
		}
		m.steps[key] = result
	}
	return result.after, result.isLegal
}

func (m *memory) undo(now, before stateID, c *call, part string) (stateID, bool) {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	after, isPart := m.model.undo(m.states[now-1], m.states[before-1], c, part)
	if !isPart {
		return now, false
	}
	return m.id(after), true
}

func (m *memory) describe(of stateID) string {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	return m.model.describe(m.states[of-1])
}

func (m *memory) id(of any) stateID {
	id, isKnown := m.ids[of]
	if !isKnown {
		m.states = append(m.states, of)
		id = stateID(len(m.states))
		m.ids[of] = id
	}
	return id
}
