package main

import "time"

// clockSlack is the tolerated difference between the clock that expires codes and the clock of the history. Both are of the same
// machine, but the first has a resolution of milliseconds and may be adjusted.
const clockSlack = int64(100 * time.Millisecond)

// A codeState is the state of a code.
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

// codeModel is the model of one code: it is issued once, can be read until it is released or expires, and is released at most once.
// Released and expired are final.
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
	// A repeat has the first response, even if the code has ended.
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

// notFound returns the state after the code was not found: a live code has expired.
func (s codeState) notFound(c *call) (any, bool) {
	if s.life != live {
		return s, true
	}
	after := s
	after.life = expired
	return after, c.Return >= s.expire-clockSlack
}

// mayLive reports whether the code may not have expired at the time of the call.
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
