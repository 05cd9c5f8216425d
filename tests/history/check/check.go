package main

import (
	"fmt"
	"hash/maphash"
	"math"
	"slices"
	"sort"
	"time"

	"github.com/anishathalye/porcupine"
)

// mostLost is how many lost writes one object may be explained by.
const mostLost = 6

// A state is an object's, with what it was before each of the writes that are taken for lost; 0 where that one was not made yet, or
// is lost already.
type state struct {
	now    stateID
	before [mostLost]stateID
}

// A step is what the checker puts in order: a call, or the loss of what a call had written.
type step struct {
	call *call
	// lost counts the lost writes from 1; 0 where the call is none of them.
	lost int
	// undoes says that this is the loss.
	undoes bool
	part   string
	// isStale says that the call was answered by an earlier state, which is its excuse for changing nothing.
	isStale bool
}

// A relaxation is one anomaly: with it the call is excused.
type relaxation struct {
	call *call
	// lost is the part that was lost of what the call wrote; empty where the call is a read that was stale.
	lost string
	// by is when the loss has shown at the latest.
	by int64
	// age is how old at least what the stale read saw was.
	age time.Duration
}

// checker is the object's model as porcupine takes it.
func (o *object) checker() porcupine.Model {
	return porcupine.Model{
		Init: func() any { return state{now: o.memory.initial()} },
		Step: func(before, input, _ any) (bool, any) {
			after, isLegal := o.take(before.(state), input.(step))
			return isLegal, after
		},
		Hash: func(of any) uint64 { return maphash.Comparable(seed, of.(state)) },
		DescribeOperation: func(input, _ any) string {
			taken := input.(step)
			if taken.undoes {
				return "lost: " + taken.call.String()
			}
			return taken.call.String()
		},
		DescribeState: func(of any) string { return o.memory.describe(of.(state).now) },
	}
}

var seed = maphash.MakeSeed()

func (o *object) take(before state, taken step) (state, bool) {
	after := before
	if taken.undoes {
		old := &after.before[taken.lost-1]
		if *old == 0 {
			return before, false
		}
		now, isPart := o.memory.undo(before.now, *old, taken.call, taken.part)
		after.now, *old = now, 0
		return after, isPart
	}
	now, isLegal := o.memory.step(before.now, taken.call)
	after.now = now
	if taken.lost > 0 {
		after.before[taken.lost-1] = before.now
	}
	return after, isLegal && (!taken.isStale || taken.call.onlyReads() || now == before.now)
}

// operations are calls as porcupine takes them.
func operations(calls []*call, relaxed []relaxation) []porcupine.Operation {
	var all []porcupine.Operation
	for _, c := range calls {
		taken, from := step{call: c}, c.Call
		for _, relaxation := range relaxed {
			if relaxation.call == c.whole() && relaxation.lost == "" {
				taken.isStale, from = true, c.Call-int64(relaxation.age)
			}
		}
		lost := 0
		for _, relaxation := range relaxed {
			if relaxation.lost == "" {
				continue
			}
			lost++
			if relaxation.call == c.whole() {
				taken.lost = lost
				loss := step{call: c, lost: lost, undoes: true, part: relaxation.lost}
				all = append(all, porcupine.Operation{ClientId: c.Client, Input: loss, Call: c.Call, Return: max(relaxation.by, c.Call)})
			}
		}
		all = append(all, porcupine.Operation{ClientId: c.Client, Input: taken, Call: from, Return: c.Return})
	}
	return all
}

// isLinearizable says whether calls about the object are, with these excused; porcupine.Unknown where time ran out.
func (o *object) isLinearizable(calls []*call, relaxed []relaxation, timeout time.Duration) porcupine.CheckResult {
	return porcupine.CheckOperationsTimeout(o.checker(), operations(calls, relaxed), timeout)
}

// until are the calls as far as they were known at a moment: of those that had not returned by then the outcome is unknown. What
// is left of a linearizable history is linearizable too.
func until(calls []*call, end int64) []*call {
	var cut []*call
	for _, c := range calls {
		switch {
		case c.Return <= end:
			cut = append(cut, c)
		case c.Call <= end && !c.onlyReads() && c.Outcome != refused:
			cut = append(cut, c.pending())
		}
	}
	return cut
}

// returns are the moments at which calls returned, in order.
func returns(calls []*call) []int64 {
	var all []int64
	for _, c := range calls {
		if c.Return != never {
			all = append(all, c.Return)
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// firstWrong is the first moment by which the calls were not linearizable any more; never where they are.
func (o *object) firstWrong(calls []*call, relaxed []relaxation, timeout time.Duration) int64 {
	moments := returns(calls)
	place := sort.Search(len(moments), func(place int) bool {
		return o.isLinearizable(until(calls, moments[place]), relaxed, timeout) != porcupine.Ok
	})
	if place == len(moments) {
		return never
	}
	return moments[place]
}

// excerpt is as few of the calls as were wrong by this moment: they cannot be put in order with these excused. Later ones are cut off,
// and reads are left out, which makes nothing wrong that was right; a write is never left out.
func (o *object) excerpt(wrong int64, relaxed []relaxation, timeout time.Duration) []*call {
	calls := until(o.calls, wrong)
	for place := len(calls) - 1; place >= 0; place-- {
		if c := calls[place]; c.onlyReads() || c.Outcome == refused {
			fewer := slices.Delete(slices.Clone(calls), place, place+1)
			if o.isLinearizable(fewer, relaxed, timeout) == porcupine.Illegal {
				calls = fewer
			}
		}
	}
	return calls
}

// draw writes porcupine's picture of the object's calls.
func (o *object) draw(path string, events []event, timeout time.Duration) error {
	checker := o.checker()
	_, info := porcupine.CheckOperationsVerbose(checker, operations(o.calls, nil), timeout)
	var notes []porcupine.Annotation
	for _, event := range events {
		notes = append(notes, porcupine.Annotation{Tag: "faults", Start: event.At, Description: event.What})
	}
	info.AddAnnotations(notes)
	return porcupine.VisualizePath(checker, info, path)
}

// milliseconds are for people.
func milliseconds(nanoseconds int64) string {
	if nanoseconds == math.MaxInt64 {
		return "…"
	}
	return fmt.Sprintf("%.3f", float64(nanoseconds)/1e6)
}
