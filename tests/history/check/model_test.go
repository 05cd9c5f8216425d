package main

import "testing"

// Each history is either linearizable or not, so that a checker which always gives the same result fails.
func TestHistories(t *testing.T) {
	for name, test := range map[string]struct {
		isLinearizable bool
		history        *history
	}{
		"a code is read until it is deleted": {true, by(created("A").from(0, 1), got("A").from(2, 3),
			deleted("A").from(4, 5), notFoundGet("A").from(6, 7), notFoundDelete("A").from(8, 9))},
		"a read during the delete may find the code or not": {true, by(created("A").from(0, 1), deleted("A").from(2, 9),
			got("A").from(3, 4), notFoundGet("A").from(5, 6))},
		"a code that was not found during its delete is found again": {false, by(created("A").from(0, 1), deleted("A").from(2, 9),
			notFoundGet("A").from(3, 4), got("A").from(5, 6))},
		"an acknowledged code is lost":       {false, by(created("A").from(0, 1), notFoundGet("A").from(2, 3))},
		"a deleted code is read":             {false, by(created("A").from(0, 1), deleted("A").from(2, 3), got("A").from(4, 5))},
		"a code is deleted twice":            {false, by(created("A").from(0, 1), deleted("A").from(2, 3), deleted("A").from(4, 5))},
		"two concurrent deletes succeed":     {false, by(created("A").from(0, 1), deleted("A").from(2, 5), deleted("A").from(2, 5))},
		"a delete does not find a live code": {false, by(created("A").from(0, 1), notFoundDelete("A").from(2, 3), got("A").from(4, 5))},
		"a code is issued twice":             {false, by(created("A").from(0, 1), created("A").from(2, 3))},
		"a released code is issued again":    {false, by(created("A").from(0, 1), deleted("A").from(2, 3), created("A").from(4, 5))},
		"a read shows another record": {false, by(created("A").from(0, 1),
			call{Op: getCode, Outcome: ok, In: input{Code: "A"}, Out: output{ID: "another"}}.from(2, 3))},
		"a delete without a response took effect":         {true, by(created("A").from(0, 1), deleted("A").lost(2), notFoundGet("A").from(50, 51))},
		"a delete without a response did not take effect": {true, by(created("A").from(0, 1), deleted("A").lost(2), got("A").from(50, 51))},
		"a delete without a response takes effect later": {true, by(created("A").from(0, 1), deleted("A").lost(2),
			got("A").from(50, 51), notFoundGet("A").from(60, 61))},
		"a delete without a response is undone": {false, by(created("A").from(0, 1), deleted("A").lost(2),
			notFoundGet("A").from(50, 51), got("A").from(60, 61))},
		"a read of a code without a response is ignored": {true, by(created("A").from(0, 1), deleted("A").from(2, 3), got("A").lost(4))},
		"a read of a trial without a response is ignored": {true, by(permitted("a", "k", "1", 7, "1").from(0, 1),
			shown("a", "k", 7).lost(4))},
		"a code expires": {true, by(created("A").expiring(1000).from(0, 1), got("A").from(2, 3),
			notFoundGet("A").from(1200, 1201), notFoundDelete("A").from(1300, 1301))},
		"a code expires early":       {false, by(created("A").expiring(1000).from(0, 1), notFoundGet("A").from(500, 501))},
		"an expired code is read":    {false, by(created("A").expiring(1000).from(0, 1), got("A").from(1500, 1501))},
		"an expired code is deleted": {false, by(created("A").expiring(1000).from(0, 1), deleted("A").from(1500, 1501))},
		"a code that was reported as expired is read again": {false, by(created("A").expiring(1000).from(0, 1), notFoundGet("A").from(950, 960),
			got("A").from(970, 980))},
		"creates are refused at the limit of live codes": {true, by(createRefused(tooManyCodes, "", "").from(0, 1),
			createRefused(tooManyCodes, "", "").from(0, 1), created("A").from(2, 3))},

		"a repeat has the stored response": {true, by(createdFor("A", "r", "x").from(0, 1), createdFor("A", "r", "x").from(2, 3),
			deleted("A").from(4, 5), createdFor("A", "r", "x").from(6, 7), notFoundGet("A").from(8, 9))},
		"concurrent repeats create one code": {true, by(createdFor("A", "r", "x").from(0, 9), createdFor("A", "r", "x").from(0, 9),
			got("A").from(10, 11))},
		"a repeat creates a second code": {false, by(createdFor("A", "r", "x").from(0, 1), createdFor("B", "r", "x").from(2, 3))},
		"repeats of a call without a response have one code": {true, by(createdFor("A", "r", "x").lost(0),
			createdFor("A", "r", "x").from(5, 6), createdFor("A", "r", "x").from(7, 8))},
		"repeats of a call without a response have two codes": {false, by(createdFor("A", "r", "x").lost(0),
			createdFor("A", "r", "x").from(5, 6), createdFor("B", "r", "x").from(7, 8))},
		"another request with the id is refused": {true, by(createdFor("A", "r", "x").from(0, 1),
			createRefused(requestIDReused, "r", "y").from(2, 3))},
		"another request with the id of a call without a response is refused": {true, by(createdFor("A", "r", "x").lost(0),
			createRefused(requestIDReused, "r", "y").from(2, 3), createdFor("A", "r", "x").from(4, 5))},
		"another request with the id has a response": {false, by(createdFor("A", "r", "x").from(0, 1),
			createdFor("A", "r", "y").from(2, 3))},
		"a repeat is refused as another request": {false, by(createdFor("A", "r", "x").from(0, 1),
			createRefused(requestIDReused, "r", "x").from(2, 3))},
		"a repeat is refused although its response is stored": {false, by(createdFor("A", "r", "x").from(0, 1),
			createRefused(tooManyCodes, "r", "x").from(2, 3))},
		"a refused create stores nothing": {true, by(createRefused(tooManyCodes, "r", "x").from(0, 1),
			createdFor("A", "r", "y").from(2, 3))},

		"a trial is used up": {true, by(shown("a", "k", 0).from(0, 1), permitted("a", "k", "1", 7, "1").from(2, 3),
			permitted("b", "k", "2", 7, "1", "2").from(4, 5), denied("a", "k", "3", 7, "1", "2").from(6, 7),
			permitted("b", "l", "1", 7, "1", "2").from(8, 9), shown("c", "l", 7, "1", "2").from(10, 11))},
		"one of two calls gets the last resource": {true, by(permitted("a", "k", "1", 7, "1").from(0, 1),
			permitted("a", "k", "2", 7, "1", "2").from(2, 9), denied("b", "k", "3", 7, "1", "2").from(2, 9))},
		"both calls get the last resource": {false, by(permitted("a", "k", "1", 7, "1").from(0, 1),
			permitted("a", "k", "2", 7, "1", "2").from(2, 9), permitted("b", "k", "3", 7, "1", "3").from(2, 9))},
		"no call gets the last resource": {false, by(permitted("a", "k", "1", 7, "1").from(0, 1),
			denied("b", "k", "3", 7, "1").from(2, 9))},
		"one start creates two trials": {false, by(permitted("a", "k", "1", 7, "1").from(0, 9), permitted("b", "k", "1", 8, "1").from(0, 9))},
		"an authorization is lost":     {false, by(permitted("a", "k", "1", 7, "1").from(0, 1), shown("a", "k", 0).from(2, 3))},
		"a binding is lost": {false, by(permitted("a", "k", "1", 7, "1").from(0, 1), permitted("b", "k", "1", 7, "1").from(2, 3),
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
		"a resource that one of two trials denies is permitted": {false, by(permitted("a", "k", "1", 7, "1").from(0, 1),
			permitted("b", "l", "2", 8, "2").from(2, 3), permitted("b", "l", "3", 8, "2", "3").from(4, 5),
			permitted("b", "k", "4", 8, "2", "3").from(6, 7))},
		"of two equally strict trials the older one is shown": {true, by(permitted("a", "k", "1", 7, "1").from(0, 1),
			permitted("b", "l", "2", 8, "2").from(2, 3), shown("a", "l", 7, "1").from(4, 5), shown("b", "k", 7, "1").from(6, 7))},
		"of two equally strict trials the newer one is shown": {false, by(permitted("a", "k", "1", 7, "1").from(0, 1),
			permitted("b", "l", "2", 8, "2").from(2, 3), shown("a", "l", 8, "2").from(4, 5))},
		"of two equally strict trials either is shown if their order is unknown": {true, by(permitted("a", "k", "1", 7, "1").lost(0),
			permitted("b", "l", "2", 8, "2").from(2, 3), shown("a", "l", 8, "2").from(4, 5))},
		"a resource that two trials permit counts in only one": {false, by(permitted("a", "k", "1", 7, "1").from(0, 1),
			permitted("b", "l", "2", 8, "2").from(2, 3), permitted("a", "l", "3", 7, "1", "3").from(4, 5),
			shown("b", "l", 8, "2").from(6, 7))},
		"a reset ends the trial for all devices and keys": {true, by(permitted("a", "k", "1", 7, "1").from(0, 1),
			permitted("b", "k", "2", 7, "1", "2").from(2, 3), reset(resetDevice, "b", "", 1).from(4, 5),
			shown("a", "k", 0).from(6, 7), reset(resetKey, "", "k", 0).from(8, 9), permitted("a", "k", "3", 9, "3").from(10, 11))},
		"a reset trial is shown again": {false, by(permitted("a", "k", "1", 7, "1").from(0, 1),
			reset(resetKey, "", "k", 1).from(2, 3), shown("a", "k", 7, "1").from(4, 5))},
		"a trial is reset twice": {false, by(permitted("a", "k", "1", 7, "1").from(0, 1),
			reset(resetKey, "", "k", 1).from(2, 3), reset(resetDevice, "a", "", 1).from(4, 5))},
		"a reset of all leaves a trial": {false, by(permitted("a", "k", "1", 7, "1").from(0, 1),
			permitted("b", "l", "1", 8, "1").from(2, 3), allReset().from(4, 5), shown("b", "l", 8, "1").from(6, 7))},
		"a reset of all is one operation": {false, by(permitted("a", "k", "1", 7, "1").from(0, 1),
			permitted("b", "l", "1", 8, "1").from(2, 3), allReset().from(4, 20), shown("a", "k", 0).from(5, 6),
			shown("b", "l", 8, "1").from(7, 8))},
		"an authorization without a response took effect": {true, by(permitted("a", "k", "1", 7, "1").lost(0),
			shown("a", "k", 7, "1").from(5, 6), permitted("a", "k", "2", 7, "1", "2").from(7, 8))},
		"an authorization without a response did not take effect": {true, by(permitted("a", "k", "1", 7, "1").lost(0),
			permitted("a", "k", "2", 8, "2").from(5, 6))},
		"an authorization without a response is undone": {false, by(permitted("a", "k", "1", 7, "1").lost(0),
			shown("a", "k", 7, "1").from(5, 6), shown("a", "k", 0).from(7, 8))},
		"a reset matches the app_id of the first authorization": {true, by(
			with("x", permitted("a", "k", "1", 7, "1")).from(0, 1), with("y", permitted("a", "k", "1", 7, "1")).from(2, 3),
			with("y", reset(resetDevice, "a", "", 0)).from(4, 5), with("x", reset(resetDevice, "a", "", 1)).from(6, 7))},
		"a reset ends a trial with another app_id": {false, by(
			with("x", permitted("a", "k", "1", 7, "1")).from(0, 1), with("y", reset(resetDevice, "a", "", 1)).from(2, 3))},
		"a reset without app_id ends any trial": {true, by(
			with("x", permitted("a", "k", "1", 7, "1")).from(0, 1), reset(resetDevice, "a", "", 1).from(2, 3))},
		"two TempPasses are two objects": {true, by(permitted("a", "k", "1", 7, "1").from(0, 1),
			in("U", shown("a", "k", 0)).from(2, 3))},
	} {
		t.Run(name, func(t *testing.T) {
			report, _ := reportOn(t, test.history)
			found := report.check()
			if len(found.undecided) > 0 {
				t.Fatalf("undecided: %v", found.undecided)
			}
			if got := len(found.illegal) == 0; got != test.isLinearizable {
				t.Errorf("linearizable: %v, want %v; not linearizable: %v", got, test.isLinearizable, found.illegal)
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

func TestRunningCallIsNotYetWrong(t *testing.T) {
	report, _ := reportOn(t, by(created("A").from(0, 1), deleted("A").from(2, 5), deleted("A").from(2, 9)))
	o := report.objects[0]
	if wrong := o.firstWrong(o.calls, nil, explanationTimeout); wrong != 9e6 {
		t.Errorf("first wrong moment: %d", wrong)
	}
}

func TestExcerptOmitsIrrelevantReads(t *testing.T) {
	report, _ := reportOn(t, by(created("A").from(0, 1), got("A").from(2, 3), got("A").from(4, 5), deleted("A").from(6, 7),
		notFoundGet("A").from(8, 9), got("A").from(10, 11), notFoundGet("A").from(12, 13), got("A").from(14, 15)))
	o := report.objects[0]
	excerpt := o.excerpt(o.firstWrong(o.calls, nil, explanationTimeout), nil, explanationTimeout)
	if len(excerpt) != 3 || excerpt[0].Op != createCode || excerpt[1].Op != deleteCode || excerpt[2].Call != 10e6 {
		t.Errorf("excerpt: %v", excerpt)
	}
}
