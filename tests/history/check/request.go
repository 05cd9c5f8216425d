package main

// A requestState is what is kept under a request id: which request it was, and its answer, once a client has seen it.
type requestState struct {
	isKept bool
	body   string
	answer codeAnswer
}

type codeAnswer struct {
	code, id string
	expire   int64
}

// requestModel is one request id's: the first create that succeeds under it makes a code, and every other one with the same
// request has the same answer. A create that is refused keeps nothing.
type requestModel struct{}

func (requestModel) initial() any { return requestState{} }

func (requestModel) step(before any, c *call) (any, bool) {
	state := before.(requestState)
	switch {
	case c.Outcome == refused && c.Reason == requestIDReused:
		return state, state.isKept && state.body != c.In.Body
	case c.Outcome == refused:
		return state, !state.isKept
	case c.Outcome == unknown:
		if state.isKept {
			return state, true
		}
		return requestState{isKept: true, body: c.In.Body}, true
	}
	answer := codeAnswer{c.Out.Code, c.Out.ID, c.Out.Expire}
	isFirst := !state.isKept
	isSame := state.body == c.In.Body && (state.answer == codeAnswer{} || state.answer == answer)
	return requestState{true, c.In.Body, answer}, isFirst || isSame
}

func (requestModel) describe(of any) string {
	state := of.(requestState)
	switch {
	case !state.isKept:
		return "nothing kept"
	case state.answer == codeAnswer{}:
		return "kept for " + state.body + ", not seen yet"
	default:
		return "kept for " + state.body + ": " + state.answer.code
	}
}

func (requestModel) undo(_, before any, _ *call, part string) (any, bool) {
	return before, part == whole
}
