package main

import "testing"

// A check that always says yes fails each of the wrong ones, one that always says no each of the others.
func TestHistories(t *testing.T) {
	for name, test := range map[string]struct {
		isRight bool
		history *history
	}{
		"a code is read until it is deleted": {true, by(created("A").from(0, 1), got("A").from(2, 3),
			deleted("A").from(4, 5), missed("A").from(6, 7), deleteMissed("A").from(8, 9))},
		"a read beside the delete may go either way": {true, by(created("A").from(0, 1), deleted("A").from(2, 9),
			got("A").from(3, 4), missed("A").from(5, 6))},
		"a read beside the delete does not come back": {false, by(created("A").from(0, 1), deleted("A").from(2, 9),
			missed("A").from(3, 4), got("A").from(5, 6))},
		"an acknowledged code is gone":   {false, by(created("A").from(0, 1), missed("A").from(2, 3))},
		"a deleted code is read":         {false, by(created("A").from(0, 1), deleted("A").from(2, 3), got("A").from(4, 5))},
		"a code is deleted twice":        {false, by(created("A").from(0, 1), deleted("A").from(2, 3), deleted("A").from(4, 5))},
		"two deletes at once succeed":    {false, by(created("A").from(0, 1), deleted("A").from(2, 5), deleted("A").from(2, 5))},
		"a delete finds no live code":    {false, by(created("A").from(0, 1), deleteMissed("A").from(2, 3), got("A").from(4, 5))},
		"a code is given out twice":      {false, by(created("A").from(0, 1), created("A").from(2, 3))},
		"a released code is given again": {false, by(created("A").from(0, 1), deleted("A").from(2, 3), created("A").from(4, 5))},
		"a read shows another record": {false, by(created("A").from(0, 1),
			call{Op: getCode, Outcome: ok, In: input{Code: "A"}, Out: output{ID: "another"}}.from(2, 3))},
		"a delete without an answer has happened":     {true, by(created("A").from(0, 1), deleted("A").lost(2), missed("A").from(50, 51))},
		"a delete without an answer has not happened": {true, by(created("A").from(0, 1), deleted("A").lost(2), got("A").from(50, 51))},
		"a delete without an answer happens later": {true, by(created("A").from(0, 1), deleted("A").lost(2),
			got("A").from(50, 51), missed("A").from(60, 61))},
		"a delete without an answer is not undone": {false, by(created("A").from(0, 1), deleted("A").lost(2),
			missed("A").from(50, 51), got("A").from(60, 61))},
		"a read without an answer says nothing": {true, by(created("A").from(0, 1), deleted("A").from(2, 3), got("A").lost(4))},
		"a look at a trial without an answer says nothing": {true, by(permitted("a", "k", "1", 7, "1").from(0, 1),
			shown("a", "k", 7).lost(4))},
		"a code ends with its time": {true, by(created("A").expiring(1000).from(0, 1), got("A").from(2, 3),
			missed("A").from(1200, 1201), deleteMissed("A").from(1300, 1301))},
		"a code ends before its time":     {false, by(created("A").expiring(1000).from(0, 1), missed("A").from(500, 501))},
		"a code is read after its time":   {false, by(created("A").expiring(1000).from(0, 1), got("A").from(1500, 1501))},
		"a code is deleted after its end": {false, by(created("A").expiring(1000).from(0, 1), deleted("A").from(1500, 1501))},
		"an ended code comes back": {false, by(created("A").expiring(1000).from(0, 1), missed("A").from(950, 960),
			got("A").from(970, 980))},
		"a full environment refuses codes": {true, by(createRefused(tooManyCodes, "", "").from(0, 1),
			createRefused(tooManyCodes, "", "").from(0, 1), created("A").from(2, 3))},

		"a repeat has the first answer": {true, by(createdFor("A", "r", "x").from(0, 1), createdFor("A", "r", "x").from(2, 3),
			deleted("A").from(4, 5), createdFor("A", "r", "x").from(6, 7), missed("A").from(8, 9))},
		"repeats at once make one code": {true, by(createdFor("A", "r", "x").from(0, 9), createdFor("A", "r", "x").from(0, 9),
			got("A").from(10, 11))},
		"a repeat makes a second code": {false, by(createdFor("A", "r", "x").from(0, 1), createdFor("B", "r", "x").from(2, 3))},
		"a repeat of a call without an answer has one code": {true, by(createdFor("A", "r", "x").lost(0),
			createdFor("A", "r", "x").from(5, 6), createdFor("A", "r", "x").from(7, 8))},
		"a repeat of a call without an answer has two codes": {false, by(createdFor("A", "r", "x").lost(0),
			createdFor("A", "r", "x").from(5, 6), createdFor("B", "r", "x").from(7, 8))},
		"another request under the id is refused": {true, by(createdFor("A", "r", "x").from(0, 1),
			createRefused(requestIDReused, "r", "y").from(2, 3))},
		"another request under the id is refused for a call without an answer": {true, by(createdFor("A", "r", "x").lost(0),
			createRefused(requestIDReused, "r", "y").from(2, 3), createdFor("A", "r", "x").from(4, 5))},
		"another request under the id has an answer": {false, by(createdFor("A", "r", "x").from(0, 1),
			createdFor("A", "r", "y").from(2, 3))},
		"a repeat is refused as another request": {false, by(createdFor("A", "r", "x").from(0, 1),
			createRefused(requestIDReused, "r", "x").from(2, 3))},
		"a repeat is refused though its answer is kept": {false, by(createdFor("A", "r", "x").from(0, 1),
			createRefused(tooManyCodes, "r", "x").from(2, 3))},
		"a refused create keeps nothing": {true, by(createRefused(tooManyCodes, "r", "x").from(0, 1),
			createdFor("A", "r", "y").from(2, 3))},

		"a trial is used up": {true, by(shown("a", "k", 0).from(0, 1), permitted("a", "k", "1", 7, "1").from(2, 3),
			permitted("b", "k", "2", 7, "1", "2").from(4, 5), denied("a", "k", "3", 7, "1", "2").from(6, 7),
			permitted("b", "l", "1", 7, "1", "2").from(8, 9), shown("c", "l", 7, "1", "2").from(10, 11))},
		"one of two has the last resource": {true, by(permitted("a", "k", "1", 7, "1").from(0, 1),
			permitted("a", "k", "2", 7, "1", "2").from(2, 9), denied("b", "k", "3", 7, "1", "2").from(2, 9))},
		"both have the last resource": {false, by(permitted("a", "k", "1", 7, "1").from(0, 1),
			permitted("a", "k", "2", 7, "1", "2").from(2, 9), permitted("b", "k", "3", 7, "1", "3").from(2, 9))},
		"nobody has the last resource": {false, by(permitted("a", "k", "1", 7, "1").from(0, 1),
			denied("b", "k", "3", 7, "1").from(2, 9))},
		"a start makes two trials":      {false, by(permitted("a", "k", "1", 7, "1").from(0, 9), permitted("b", "k", "1", 8, "1").from(0, 9))},
		"an authorization is forgotten": {false, by(permitted("a", "k", "1", 7, "1").from(0, 1), shown("a", "k", 0).from(2, 3))},
		"a binding is forgotten": {false, by(permitted("a", "k", "1", 7, "1").from(0, 1), permitted("b", "k", "1", 7, "1").from(2, 3),
			shown("b", "l", 0).from(4, 5))},
		"a denied device is not bound": {false, by(permitted("a", "k", "1", 7, "1").from(0, 1),
			permitted("a", "k", "2", 7, "1", "2").from(2, 3), denied("b", "k", "3", 7, "1", "2").from(4, 5),
			permitted("b", "l", "3", 8, "3").from(6, 7))},
		"the stricter of two trials decides": {true, by(permitted("a", "k", "1", 7, "1").from(0, 1),
			permitted("b", "l", "2", 8, "2").from(2, 3), permitted("b", "l", "3", 8, "2", "3").from(4, 5),
			denied("a", "l", "4", 8, "2", "3").from(6, 7), shown("a", "k", 7, "1").from(8, 9))},
		"the stricter of two trials decides, whichever it is": {true, by(permitted("a", "k", "1", 7, "1").from(0, 1),
			permitted("b", "l", "2", 8, "2").from(2, 3), permitted("b", "l", "3", 8, "2", "3").from(4, 5),
			denied("b", "k", "4", 8, "2", "3").from(6, 7), permitted("b", "m", "2", 8, "2", "3").from(8, 9))},
		"what one of two trials denies is permitted": {false, by(permitted("a", "k", "1", 7, "1").from(0, 1),
			permitted("b", "l", "2", 8, "2").from(2, 3), permitted("b", "l", "3", 8, "2", "3").from(4, 5),
			permitted("b", "k", "4", 8, "2", "3").from(6, 7))},
		"of two trials that allow as much the older one is shown": {true, by(permitted("a", "k", "1", 7, "1").from(0, 1),
			permitted("b", "l", "2", 8, "2").from(2, 3), shown("a", "l", 7, "1").from(4, 5), shown("b", "k", 7, "1").from(6, 7))},
		"of two trials that allow as much the younger one is shown": {false, by(permitted("a", "k", "1", 7, "1").from(0, 1),
			permitted("b", "l", "2", 8, "2").from(2, 3), shown("a", "l", 8, "2").from(4, 5))},
		"of two trials either is shown while nobody knows the older one": {true, by(permitted("a", "k", "1", 7, "1").lost(0),
			permitted("b", "l", "2", 8, "2").from(2, 3), shown("a", "l", 8, "2").from(4, 5))},
		"what two trials permit counts in one alone": {false, by(permitted("a", "k", "1", 7, "1").from(0, 1),
			permitted("b", "l", "2", 8, "2").from(2, 3), permitted("a", "l", "3", 7, "1", "3").from(4, 5),
			shown("b", "l", 8, "2").from(6, 7))},
		"a reset ends the trial for all": {true, by(permitted("a", "k", "1", 7, "1").from(0, 1),
			permitted("b", "k", "2", 7, "1", "2").from(2, 3), reset(resetDevice, "b", "", 1).from(4, 5),
			shown("a", "k", 0).from(6, 7), reset(resetKey, "", "k", 0).from(8, 9), permitted("a", "k", "3", 9, "3").from(10, 11))},
		"a reset trial is there again": {false, by(permitted("a", "k", "1", 7, "1").from(0, 1),
			reset(resetKey, "", "k", 1).from(2, 3), shown("a", "k", 7, "1").from(4, 5))},
		"a trial is reset twice": {false, by(permitted("a", "k", "1", 7, "1").from(0, 1),
			reset(resetKey, "", "k", 1).from(2, 3), reset(resetDevice, "a", "", 1).from(4, 5))},
		"a reset of all leaves a trial": {false, by(permitted("a", "k", "1", 7, "1").from(0, 1),
			permitted("b", "l", "1", 8, "1").from(2, 3), allReset().from(4, 5), shown("b", "l", 8, "1").from(6, 7))},
		"a reset of all is one operation": {false, by(permitted("a", "k", "1", 7, "1").from(0, 1),
			permitted("b", "l", "1", 8, "1").from(2, 3), allReset().from(4, 20), shown("a", "k", 0).from(5, 6),
			shown("b", "l", 8, "1").from(7, 8))},
		"an authorization without an answer has happened": {true, by(permitted("a", "k", "1", 7, "1").lost(0),
			shown("a", "k", 7, "1").from(5, 6), permitted("a", "k", "2", 7, "1", "2").from(7, 8))},
		"an authorization without an answer has not happened": {true, by(permitted("a", "k", "1", 7, "1").lost(0),
			permitted("a", "k", "2", 8, "2").from(5, 6))},
		"an authorization without an answer is not undone": {false, by(permitted("a", "k", "1", 7, "1").lost(0),
			shown("a", "k", 7, "1").from(5, 6), shown("a", "k", 0).from(7, 8))},
		"a reset asks for what the trial was first authorized with": {true, by(
			with("x", permitted("a", "k", "1", 7, "1")).from(0, 1), with("y", permitted("a", "k", "1", 7, "1")).from(2, 3),
			with("y", reset(resetDevice, "a", "", 0)).from(4, 5), with("x", reset(resetDevice, "a", "", 1)).from(6, 7))},
		"a reset ends a trial that it does not ask for": {false, by(
			with("x", permitted("a", "k", "1", 7, "1")).from(0, 1), with("y", reset(resetDevice, "a", "", 1)).from(2, 3))},
		"a reset that asks for nothing ends any trial": {true, by(
			with("x", permitted("a", "k", "1", 7, "1")).from(0, 1), reset(resetDevice, "a", "", 1).from(2, 3))},
		"trials of two TempPasses are two objects": {true, by(permitted("a", "k", "1", 7, "1").from(0, 1),
			in("U", shown("a", "k", 0)).from(2, 3))},
	} {
		t.Run(name, func(t *testing.T) {
			report, _ := reportOn(t, test.history)
			found := report.check()
			if len(found.undecided) > 0 {
				t.Fatalf("undecided: %v", found.undecided)
			}
			if isRight := len(found.illegal) == 0; isRight != test.isRight {
				t.Errorf("linearizable: %v, wanted %v; wrong are %v", isRight, test.isRight, found.illegal)
			}
		})
	}
}

func with(app string, c call) call {
	c.In.App = app
	return c
}

func in(tempPass string, c call) call {
	c.In.TempPass = tempPass
	return c
}

func TestACallThatIsUnderWayIsNotWrongYet(t *testing.T) {
	report, _ := reportOn(t, by(created("A").from(0, 1), deleted("A").from(2, 5), deleted("A").from(2, 9)))
	o := report.objects[0]
	if wrong := o.firstWrong(o.calls, nil, explanationTimeout); wrong != 9e6 {
		t.Errorf("it is wrong since %d", wrong)
	}
}

func TestAnExcerptHoldsNoMoreThanIsWrong(t *testing.T) {
	report, _ := reportOn(t, by(created("A").from(0, 1), got("A").from(2, 3), got("A").from(4, 5), deleted("A").from(6, 7),
		missed("A").from(8, 9), got("A").from(10, 11), missed("A").from(12, 13), got("A").from(14, 15)))
	o := report.objects[0]
	excerpt := o.excerpt(o.firstWrong(o.calls, nil, explanationTimeout), nil, explanationTimeout)
	if len(excerpt) != 3 || excerpt[0].Op != createCode || excerpt[1].Op != deleteCode || excerpt[2].Call != 10e6 {
		t.Errorf("the excerpt is %v", excerpt)
	}
}
