package main

// A requestState is the state of a request id: its request, and its response if a client has received it.
type requestState struct {
	isStored bool
	body     string
	response codeResponse
}

type codeResponse struct {
	code, id string
	expire   int64
}

// requestModel is the model of one request id: the first create that succeeds creates a code, and every other create with the same
// request has the same response. A refused create stores nothing.
type requestModel struct{}

func (requestModel) initial() any { return requestState{} }

func (requestModel) step(before any, c *call) (any, bool) {
	state := before.(requestState)
	switch {
	case c.Outcome == refused && c.Reason == requestIDReused:
		return state, state.isStored && state.body != c.In.Body
	case c.Outcome == refused:
		return state, !state.isStored
	case c.Outcome == unknown:
		if state.isStored {
			return state, true
		}
		return requestState{isStored: true, body: c.In.Body}, true
	}
	response := codeResponse{c.Out.Code, c.Out.ID, c.Out.Expire}
	isFirst := !state.isStored
	isSame := state.body == c.In.Body && (state.response == codeResponse{} || state.response == response)
	return requestState{true, c.In.Body, response}, isFirst || isSame
}

func (requestModel) describe(of any) string {
	state := of.(requestState)
	switch {
	case !state.isStored:
		return "nothing stored"
	case state.response == codeResponse{}:
		return "stored for " + state.body + ", not seen yet"
	default:
		return "stored for " + state.body + ": " + state.response.code
	}
}

func (requestModel) undo(_, before any, _ *call, part string) (any, bool) {
	return before, part == whole
}
