package main

import "time"

// clockSlack is by how much the clock that ends codes may differ from the one that times calls. Both are the machine's, but the
// first one has milliseconds, and may be adjusted.
const clockSlack = int64(100 * time.Millisecond)

// A codeState is what became of a code.
type codeState struct {
	life    codeLife
	id      string
	request string
	expire  int64
}

type codeLife int

const (
	absent codeLife = iota
	live
	released
	expired
)

func (l codeLife) String() string {
	return [...]string{"absent", "live", "released", "expired"}[l]
}

// codeModel is one code's: it is given out once, can be read until it is released or its time is over, and is released once.
// Nothing brings it back.
type codeModel struct{}

func (codeModel) initial() any { return codeState{} }

func (codeModel) step(before any, c *call) (any, bool) {
	state := before.(codeState)
	switch c.Op {
	case createCode:
		return state.create(c)
	case getCode:
		return state.get(c)
	default:
		return state.delete(c)
	}
}

func (s codeState) create(c *call) (any, bool) {
	if s.life == absent {
		return codeState{live, c.Out.ID, c.In.RequestID, c.Out.Expire}, true
	}
	if c.Outcome == unknown {
		return s, true
	}
	// The answer to a repeat is the first one, whatever became of the code.
	return s, c.In.RequestID != "" && s.request == c.In.RequestID && s.id == c.Out.ID && s.expire == c.Out.Expire
}

func (s codeState) get(c *call) (any, bool) {
	if c.Outcome == ok {
		return s, s.life == live && s.id == c.Out.ID && s.mayLive(c)
	}
	return s.notFound(c)
}

func (s codeState) delete(c *call) (any, bool) {
	switch {
	case c.Outcome == refused:
		return s.notFound(c)
	case c.Outcome == unknown && s.life != live:
		return s, true
	default:
		after := s
		after.life = released
		return after, s.life == live && (c.Outcome == unknown || s.mayLive(c))
	}
}

// notFound is what the code is when it was not found: a live one has expired.
func (s codeState) notFound(c *call) (any, bool) {
	if s.life != live {
		return s, true
	}
	after := s
	after.life = expired
	return after, c.Return >= s.expire-clockSlack
}

// mayLive says that the code's time may not have been over yet at the call.
func (s codeState) mayLive(c *call) bool {
	return c.Call < s.expire+clockSlack
}

func (codeModel) describe(of any) string {
	state := of.(codeState)
	if state.life == absent {
		return state.life.String()
	}
	return state.life.String() + " " + state.id
}

func (codeModel) undo(now, before any, _ *call, part string) (any, bool) {
	return before, part == whole
}
