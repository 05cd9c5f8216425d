package main

import (
	"strings"
	"testing"
)

func TestDirtyReadsAreCountedSeparately(t *testing.T) {
	for name, history := range map[string]*history{
		"delete_code": by(created("A").from(0, 1), deleted("A").lost(2), notFoundGet("A").from(4, 5), notFoundGet("A").from(4, 5), got("A").from(6, 7),
			got("A").from(8, 9).last()),
		"authorize": by(permitted("a", "k", "1", 7, "1").lost(0), shown("a", "k", 7, "1").from(4, 5),
			shown("a", "k", 0).from(6, 7), shown("a", "k", 0).from(8, 9).last()),
	} {
		t.Run(name, func(t *testing.T) {
			report, out := reportOn(t, history)
			found := report.check()
			other := report.anomalies(&found)
			want := "lost acknowledged writes: 0\ndirty reads of lost unacknowledged writes: 1 (" + name + " 1)\nstale reads: 0\n"
			if !strings.Contains(out.String(), want) || len(other) != 0 {
				t.Errorf("want %q, got\n%s", want, out)
			}
		})
	}
}

func TestAnomaliesAreCountedByKind(t *testing.T) {
	for name, test := range map[string]struct {
		// The counts at the end of the report.
		lost, stale string
		other       int
		history     *history
	}{
		"a lost create": {"1 (create_code 1)", "0", 0, by(created("A").from(0, 1), got("A").from(2, 3), notFoundGet("A").from(4, 5),
			notFoundGet("A").from(6, 7), notFoundGet("A").from(8, 9).last())},
		"a lost delete": {"1 (delete_code 1)", "0", 0, by(created("A").from(0, 1), deleted("A").from(2, 3), notFoundGet("A").from(4, 5),
			got("A").from(6, 7), got("A").from(8, 9).last())},
		"a stale read": {"0", "1 (get_code 1), at most 7ms old", 0, by(created("A").from(0, 1), deleted("A").from(2, 3),
			got("A").from(10, 11), notFoundGet("A").from(12, 13), notFoundGet("A").from(20, 21).last())},
		"a stale not-found": {"0", "1 (get_code 1), at most 9ms old", 0, by(created("A").from(0, 1), notFoundGet("A").from(10, 11),
			got("A").from(12, 13).last())},
		"a lost create and its stored response": {"1 (create_code 1)", "0", 0, by(createdFor("A", "r", "x").from(0, 1),
			createdFor("B", "r", "x").from(2, 3), notFoundGet("A").from(4, 5).last(), got("B").from(4, 5).last())},
		"a lost authorization": {"1 (authorize 1)", "0", 0, by(permitted("a", "k", "1", 7, "1").from(0, 1),
			permitted("a", "k", "2", 7, "1", "2").from(2, 3), shown("a", "k", 7, "1").from(4, 5),
			permitted("a", "k", "3", 7, "1", "3").from(6, 7), shown("a", "k", 7, "1", "3").from(8, 9).last())},
		"a trial that is lost completely": {"2 (authorize 2)", "0", 0, by(permitted("a", "k", "1", 7, "1").from(0, 1),
			permitted("a", "k", "2", 7, "1", "2").from(2, 3), shown("a", "k", 7, "1", "2").from(4, 5),
			shown("a", "k", 0).from(6, 7), shown("a", "k", 0).from(8, 9).last())},
		"a lost binding of a key": {"1 (authorize 1)", "0", 0, by(permitted("a", "k", "1", 7, "1").from(0, 1),
			permitted("b", "l", "1", 8, "1").from(2, 3), shown("a", "m", 7, "1").from(4, 5), shown("b", "m", 8, "1").from(4, 5),
			shown("c", "l", 0).from(6, 7).last(), shown("b", "m", 8, "1").from(8, 9).last())},
		"a lost reset": {"1 (reset_key 1)", "0", 0, by(permitted("a", "k", "1", 7, "1").from(0, 1),
			reset(resetKey, "", "k", 1).from(2, 3), shown("a", "k", 7, "1").from(4, 5), shown("a", "k", 7, "1").from(6, 7).last())},
		"a lost reset of all": {"1 (reset_all 1)", "0", 0, by(permitted("a", "k", "1", 7, "1").from(0, 1),
			allReset().from(2, 3), shown("a", "k", 0).from(4, 5), shown("a", "k", 7, "1").from(6, 7).last())},
		"a lost reset of all that no client saw": {"1 (reset_all 1)", "0", 0, by(permitted("a", "k", "1", 7, "1").from(0, 1),
			allReset().from(2, 3), shown("a", "k", 7, "1").from(6, 7).last())},
		"a stale authorization": {"0", "1 (authorize 1), at most 1ms old", 0, by(permitted("a", "k", "1", 7, "1").from(0, 1),
			permitted("a", "k", "2", 7, "1", "2").from(2, 3), permitted("a", "k", "1", 7, "1").from(4, 5),
			shown("a", "k", 7, "1", "2").from(6, 7).last())},
		"a stale trial": {"0", "1 (get_trial 1), at most 1ms old", 0, by(permitted("a", "k", "1", 7, "1").from(0, 1),
			permitted("a", "k", "2", 7, "1", "2").from(2, 3), shown("a", "k", 7, "1").from(4, 5),
			shown("a", "k", 7, "1", "2").from(6, 7).last())},
		"two anomalies on one code": {"1 (delete_code 1)", "1 (get_code 1), at most 1ms old", 0, by(created("A").from(0, 1),
			notFoundGet("A").from(2, 3), got("A").from(4, 5), deleted("A").from(6, 7), got("A").from(8, 9), got("A").from(10, 11),
			got("A").from(12, 13).last())},
		"one code issued twice": {"0", "0", 1, by(created("A").from(0, 1), created("A").from(2, 3),
			call{Op: createCode, Outcome: ok, Out: output{Code: "A", ID: "another"}}.from(4, 5), got("A").from(6, 7).last())},
		"a trial with too many resources": {"0", "0", 1, by(permitted("a", "k", "1", 7, "1").from(0, 1),
			permitted("a", "k", "2", 7, "1", "2").from(2, 3),
			call{Op: authorize, Outcome: ok, In: input{TempPass: "T", Device: "a", Key: "k", Resource: "3"},
				Out: output{Trial: &view{State: "exhausted", Start: 7, Used: []string{"1", "2", "3"}}}}.from(4, 5))},
		"a code that was never created": {"0", "0", 1, by(notFoundGet("A").from(0, 1), got("A").from(2, 3).last())},
		"a final read is never stale": {"0", "0", 1, by(created("A").from(0, 1), notFoundGet("A").from(2, 3).last(),
			got("A").from(4, 5).last())},
		"no anomaly": {"0", "0", 0, by(created("A").from(0, 1), got("A").from(2, 3))},
	} {
		t.Run(name, func(t *testing.T) {
			report, out := reportOn(t, test.history)
			found := report.check()
			other := report.anomalies(&found)
			want := "lost acknowledged writes: " + test.lost + "\ndirty reads of lost unacknowledged writes: 0\n" +
				"stale reads: " + test.stale + "\n"
			if !strings.Contains(out.String(), want) {
				t.Errorf("want %q, got\n%s", want, out)
			}
			if len(other) != test.other {
				t.Errorf("other anomalies: %v, want %d", other, test.other)
			}
		})
	}
}
