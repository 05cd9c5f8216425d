package main

import (
	"slices"
	"time"

	"github.com/anishathalye/porcupine"
)

// explanationTimeout is the time limit of each check during an explanation, which takes many.
const explanationTimeout = 10 * time.Second

// An explanation is a small set of anomalies without which an object's calls would be linearizable.
type explanation struct {
	relaxed []relaxation
	// lost has the acknowledged writes whose effect was lost, including those that were lost together with another one.
	lost []*call
	// dirty has the unacknowledged writes that were read and then lost.
	dirty []*call
	// isComplete is true if the anomalies explain all calls.
	isComplete bool
}

// explain searches for anomalies in calls that are not linearizable. In each step it adds the anomaly that makes the longest prefix
// of the calls linearizable.
func (o *object) explain() explanation {
	var found explanation
	for {
		wrong := o.firstWrong(o.calls, found.relaxed, explanationTimeout)
		if wrong == never {
			found.isComplete = true
			break
		}
		best, reached := relaxation{}, wrong
		for _, candidate := range o.candidates(wrong, found.relaxed) {
			relaxed := append(slices.Clone(found.relaxed), candidate)
			if o.isLinearizable(until(o.calls, wrong), relaxed, explanationTimeout) != porcupine.Ok {
				continue
			}
			if until := o.firstWrong(o.calls, relaxed, explanationTimeout); until > reached {
				best, reached = candidate, until
			}
			if reached == never {
				break
			}
		}
		if best.call == nil {
			break
		}
		found.relaxed = append(found.relaxed, best)
	}
	o.measureAges(&found)
	o.findLost(&found)
	return found
}

// candidates returns the anomalies that may explain why the calls up to this moment are not linearizable, the weakest claims first:
// stale reads, then losses of everything since a write, then losses of one record. Losses of acknowledged writes come before those of
// unacknowledged ones. Later calls come first, because a machine loses its latest writes.
func (o *object) candidates(wrong int64, relaxed []relaxation) []relaxation {
	losses := len(slices.DeleteFunc(slices.Clone(relaxed), func(r relaxation) bool { return r.lost == "" }))
	var all []relaxation
	// A read outside the excerpt is not needed for the violation, so it cannot explain it.
	for _, c := range slices.Backward(o.excerpt(wrong, relaxed, explanationTimeout)) {
		if c.mayBeStale() {
			all = append(all, relaxation{call: c, age: time.Duration(c.Call)})
		}
	}
	for _, part := range parts {
		for _, outcome := range []string{ok, unknown} {
			for _, c := range slices.Backward(o.calls) {
				if c.Call <= wrong && c.Outcome == outcome && !c.onlyReads() && losses < maxLost {
					all = append(all, relaxation{call: c, lost: part, by: wrong})
				}
			}
		}
	}
	return slices.DeleteFunc(all, func(candidate relaxation) bool {
		return slices.ContainsFunc(relaxed, func(r relaxation) bool { return r.call == candidate.call })
	})
}

// mayBeStale reports whether the call changed nothing, so that its response may be from an earlier state.
func (c *call) mayBeStale() bool {
	switch {
	case c.Final || c.Outcome == unknown || c.Op == resetAll:
		return false
	case c.Op == deleteCode:
		return c.Outcome == refused
	case c.Op == resetDevice || c.Op == resetKey:
		return c.Out.Count != nil && *c.Out.Count == 0
	}
	return true
}

// measureAges finds the minimum age of the state that each stale read saw.
func (o *object) measureAges(found *explanation) {
	for index := range found.relaxed {
		stale := &found.relaxed[index]
		if stale.lost != "" || !found.isComplete {
			continue
		}
		// A binary search: the minimum age is greater than low, and at most high.
		low, high := time.Duration(0), stale.age
		for high-low > time.Microsecond {
			stale.age = low + (high-low)/2
			if o.isLinearizable(o.calls, found.relaxed, explanationTimeout) == porcupine.Ok {
				high = stale.age
			} else {
				low = stale.age
			}
		}
		stale.age = high
	}
}

// findLost finds the lost writes: a lost write, and those that changed something between it and its loss.
func (o *object) findLost(found *explanation) {
	if !found.isComplete || !slices.ContainsFunc(found.relaxed, func(r relaxation) bool { return r.lost != "" }) {
		return
	}
	checker := o.checker()
	_, info := porcupine.CheckOperationsVerbose(checker, operations(o.calls, found.relaxed), explanationTimeout)
	orders := info.PartialLinearizationsOperations()
	if len(orders) == 0 || len(orders[0]) == 0 {
		return
	}
	now := checker.Init()
	var taken []step
	for _, operation := range orders[0][0] {
		next := operation.Input.(step)
		_, after := checker.Step(now, next, nil)
		if after.(state).now != now.(state).now {
			taken = append(taken, next)
		}
		now = after
	}
	for index, loss := range taken {
		if loss.undoes {
			found.addLost(loss, taken[:index])
		}
	}
}

// addLost adds the writes that this loss undoes.
func (e *explanation) addLost(loss step, before []step) {
	from := slices.IndexFunc(before, func(s step) bool { return s.call == loss.call && !s.undoes })
	if from < 0 {
		return
	}
	for _, change := range before[from:] {
		c := change.call
		isLost := c == loss.call || loss.part == whole
		switch {
		case change.undoes || !isLost || c.onlyReads():
		case c.Outcome == unknown && c == loss.call:
			e.dirty = append(e.dirty, c)
		case c.Outcome == ok && !slices.Contains(e.lost, c):
			e.lost = append(e.lost, c)
		}
	}
}
