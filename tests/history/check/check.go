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

// maxLost is the maximum number of lost writes in the explanation of one object.
const maxLost = 6

// A state is the state of an object, and its state before each write that is assumed to be lost; 0 if that write has not been executed
// yet, or its loss has.
type state struct {
	now    stateID
	before [maxLost]stateID
}

// A step is an operation that the checker orders: a call, or the loss of its effect.
type step struct {
	call *call
	// lost is the number of the lost write, counted from 1; 0 if the call is not lost.
	lost int
	// undoes is true if the step is the loss.
	undoes bool
	part   string
	// isStale is true if the response may be from an earlier state, provided that the call changes nothing.
	isStale bool
}

// A relaxation is the assumption of one anomaly, which permits the response of the call.
type relaxation struct {
	call *call
	// lost is the part of the call's effect that was lost; empty if the call is a stale read.
	lost string
	// by is the latest possible moment of the loss.
	by int64
	// age is the minimum age of the state that the stale read saw.
	age time.Duration
}

// checker returns the object's model for porcupine.
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

// operations returns the calls as operations of porcupine.
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

// isLinearizable checks calls on the object with these relaxations. It returns porcupine.Unknown on a timeout.
func (o *object) isLinearizable(calls []*call, relaxed []relaxation, timeout time.Duration) porcupine.CheckResult {
	return porcupine.CheckOperationsTimeout(o.checker(), operations(calls, relaxed), timeout)
}

// until returns the calls up to a moment. The outcome of calls that had not returned by then is unknown. A prefix of a linearizable
// history is linearizable too.
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

// returns has the moments at which calls returned, in order.
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

// firstWrong returns the first moment at which the calls up to then are not linearizable; never if there is none.
func (o *object) firstWrong(calls []*call, relaxed []relaxation, timeout time.Duration) int64 {
	moments := returns(calls)
	index := sort.Search(len(moments), func(index int) bool {
		return o.isLinearizable(until(calls, moments[index]), relaxed, timeout) != porcupine.Ok
	})
	if index == len(moments) {
		return never
	}
	return moments[index]
}

// excerpt returns a small subset of the calls up to this moment that cannot be ordered with these relaxations. It omits reads only:
// without a read, linearizable calls remain linearizable. That does not hold for writes.
func (o *object) excerpt(wrong int64, relaxed []relaxation, timeout time.Duration) []*call {
	calls := until(o.calls, wrong)
	for index := len(calls) - 1; index >= 0; index-- {
		if c := calls[index]; c.onlyReads() || c.Outcome == refused {
			fewer := slices.Delete(slices.Clone(calls), index, index+1)
			if o.isLinearizable(fewer, relaxed, timeout) == porcupine.Illegal {
				calls = fewer
			}
		}
	}
	return calls
}

// draw writes porcupine's diagram of the object's calls.
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

// milliseconds formats a time for the report.
func milliseconds(nanoseconds int64) string {
	if nanoseconds == math.MaxInt64 {
		return "…"
	}
	return fmt.Sprintf("%.3f", float64(nanoseconds)/1e6)
}
