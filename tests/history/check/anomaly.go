package main

import (
	"slices"
	"time"

	"github.com/anishathalye/porcupine"
)

// explanationTimeout is for each of the many checks that an explanation takes.
const explanationTimeout = 10 * time.Second

// An explanation is what has to be excused for an object's calls to be linearizable, as little as was found.
type explanation struct {
	relaxed []relaxation
	// lost are the acknowledged writes whose effect is gone, also those that went with another one.
	lost []*call
	// dirty are the writes that were never acknowledged, were seen nevertheless, and are gone.
	dirty []*call
	// isWhole says that nothing else is wrong.
	isWhole bool
}

// explain looks for the anomalies in calls that are not linearizable: each time for the one that puts as many more of them right
// as possible.
func (o *object) explain() explanation {
	var found explanation
	for {
		wrong := o.firstWrong(o.calls, found.relaxed, explanationTimeout)
		if wrong == never {
			found.isWhole = true
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

// candidates are the anomalies that might be behind what is wrong by this moment: stale reads first, which claim less, then losses of
// everything since a write, at last losses of one record; of writes that were acknowledged before others. Later calls come first, since what a machine loses is what came last.
func (o *object) candidates(wrong int64, relaxed []relaxation) []relaxation {
	losses := len(slices.DeleteFunc(slices.Clone(relaxed), func(r relaxation) bool { return r.lost == "" }))
	var all []relaxation
	// A read that what is wrong does not hang on cannot be what is wrong.
	for _, c := range slices.Backward(o.excerpt(wrong, relaxed, explanationTimeout)) {
		if c.mayBeStale() {
			all = append(all, relaxation{call: c, age: time.Duration(c.Call)})
		}
	}
	for _, part := range parts {
		for _, outcome := range []string{ok, unknown} {
			for _, c := range slices.Backward(o.calls) {
				if c.Call <= wrong && c.Outcome == outcome && !c.onlyReads() && losses < mostLost {
					all = append(all, relaxation{call: c, lost: part, by: wrong})
				}
			}
		}
	}
	return slices.DeleteFunc(all, func(candidate relaxation) bool {
		return slices.ContainsFunc(relaxed, func(r relaxation) bool { return r.call == candidate.call })
	})
}

// mayBeStale says that the answer tells of no change, so that it may have come from an earlier state.
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

// measureAges finds for each stale read how old at least what it saw was.
func (o *object) measureAges(found *explanation) {
	for place := range found.relaxed {
		stale := &found.relaxed[place]
		if stale.lost != "" || !found.isWhole {
			continue
		}
		// The least age that will do is more than short, and at most enough.
		short, enough := time.Duration(0), stale.age
		for enough-short > time.Microsecond {
			stale.age = short + (enough-short)/2
			if o.isLinearizable(o.calls, found.relaxed, explanationTimeout) == porcupine.Ok {
				enough = stale.age
			} else {
				short = stale.age
			}
		}
		stale.age = enough
	}
}

// findLost finds the writes that are gone: those that changed something between a lost one and its loss, that one included.
func (o *object) findLost(found *explanation) {
	if !found.isWhole || !slices.ContainsFunc(found.relaxed, func(r relaxation) bool { return r.lost != "" }) {
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
	for place, loss := range taken {
		if loss.undoes {
			found.addLost(loss, taken[:place])
		}
	}
}

// addLost adds what is lost of the changes before a loss.
func (e *explanation) addLost(loss step, before []step) {
	from := slices.IndexFunc(before, func(s step) bool { return s.call == loss.call && !s.undoes })
	if from < 0 {
		return
	}
	for _, change := range before[from:] {
		c := change.call
		isGone := c == loss.call || loss.part == whole
		switch {
		case change.undoes || !isGone || c.onlyReads():
		case c.Outcome == unknown && c == loss.call:
			e.dirty = append(e.dirty, c)
		case c.Outcome == ok && !slices.Contains(e.lost, c):
			e.lost = append(e.lost, c)
		}
	}
}
