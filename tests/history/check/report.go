package main

import (
	"fmt"
	"io"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/anishathalye/porcupine"
)

// maxShown is the maximum number of calls in the report of one object.
const maxShown = 40

// A verdict is the result of checking a history.
type verdict struct {
	linearizable, illegal, undecided []*object
}

// A report checks a history and prints the results.
type report struct {
	out     io.Writer
	history *history
	objects []*object
	// timeout is the time limit per object.
	timeout time.Duration
	// pictures is the folder for porcupine's diagrams; empty for none.
	pictures  string
	isVerbose bool
}

// check checks all objects, in parallel on all processors.
func (r *report) check() verdict {
	results := make([]porcupine.CheckResult, len(r.objects))
	var running sync.WaitGroup
	indexes := make(chan int)
	for range workers() {
		running.Go(func() {
			for index := range indexes {
				o := r.objects[index]
				results[index] = o.isLinearizable(o.calls, nil, r.timeout)
			}
		})
	}
	for index := range r.objects {
		indexes <- index
	}
	close(indexes)
	running.Wait()
	var found verdict
	for index, o := range r.objects {
		switch results[index] {
		case porcupine.Ok:
			found.linearizable = append(found.linearizable, o)
		case porcupine.Illegal:
			found.illegal = append(found.illegal, o)
		default:
			found.undecided = append(found.undecided, o)
		}
	}
	return found
}

// summary prints the numbers of calls and objects.
func (r *report) summary(found *verdict) {
	outcomes, objects := map[string]int{}, map[string]int{}
	for _, c := range r.history.Calls {
		outcomes[c.Outcome]++
	}
	for _, o := range r.objects {
		objects[o.Kind]++
	}
	fmt.Fprintf(r.out, "%d calls: %d ok, %d refused, %d may have happened\n",
		len(r.history.Calls), outcomes[ok], outcomes[refused], outcomes[unknown])
	for _, kind := range slices.Sorted(maps.Keys(objects)) {
		fmt.Fprintf(r.out, "%s: %d\n", kind, objects[kind])
	}
	if r.isVerbose {
		for _, o := range found.linearizable {
			fmt.Fprintf(r.out, "%s: linearizable (%d calls)\n", o, len(o.calls))
		}
	}
	for _, o := range found.undecided {
		fmt.Fprintf(r.out, "%s: undecided after %s (%d calls)\n", o, r.timeout, len(o.calls))
	}
}

// wrong prints the smallest set of calls that shows that an object is not linearizable, and the path of its diagram.
func (r *report) wrong(o *object) error {
	fmt.Fprintf(r.out, "%s: NOT LINEARIZABLE (%d calls); no order explains these (times in ms):\n", o, len(o.calls))
	calls := o.excerpt(o.firstWrong(o.calls, nil, r.timeout), nil, explanationTimeout)
	if more := len(calls) - maxShown; more > 0 {
		fmt.Fprintf(r.out, "  after %d calls, which the diagram shows\n", more)
		calls = calls[more:]
	}
	for _, c := range calls {
		fmt.Fprintf(r.out, "  client %-3d %12s – %-12s %s\n", c.Client, milliseconds(c.Call), milliseconds(c.Return), c)
	}
	if r.pictures == "" {
		return nil
	}
	path := filepath.Join(r.pictures, fileName(o)+".html")
	fmt.Fprintf(r.out, "  diagram: %s\n", path)
	return o.draw(path, r.history.Events, r.timeout)
}

func fileName(o *object) string {
	return strings.Map(func(letter rune) rune {
		isPlain := letter >= '0' && letter <= '9' || letter >= 'a' && letter <= 'z' || letter >= 'A' && letter <= 'Z'
		if isPlain || letter == '-' {
			return letter
		}
		return '_'
	}, o.Kind+"-"+o.Name)
}

// anomalies explains the objects that are not linearizable, prints the number of anomalies by kind, and returns the objects without an
// explanation.
func (r *report) anomalies(found *verdict) []*object {
	var unexplained []*object
	lost, dirty, stale := map[*call]bool{}, map[*call]bool{}, map[string]int{}
	oldest := time.Duration(0)
	for _, o := range found.illegal {
		explained := o.explain()
		if !explained.isComplete {
			unexplained = append(unexplained, o)
			continue
		}
		for _, c := range explained.lost {
			lost[c] = true
			r.anomaly(o, c, "lost acknowledged write")
		}
		for _, c := range explained.dirty {
			dirty[c] = true
			r.anomaly(o, c, "dirty read of a lost unacknowledged write")
		}
		for _, relaxed := range explained.relaxed {
			if relaxed.lost == "" {
				stale[relaxed.call.Op]++
				oldest = max(oldest, relaxed.age)
				r.anomaly(o, relaxed.call, fmt.Sprintf("stale read, %s old", relaxed.age.Round(time.Microsecond)))
			}
		}
	}
	fmt.Fprintf(r.out, "lost acknowledged writes: %s\n", counted(byOperation(lost)))
	fmt.Fprintf(r.out, "dirty reads of lost unacknowledged writes: %s\n", counted(byOperation(dirty)))
	fmt.Fprintf(r.out, "stale reads: %s", counted(stale))
	if oldest > 0 {
		fmt.Fprintf(r.out, ", at most %s old", oldest.Round(time.Microsecond))
	}
	fmt.Fprintf(r.out, "\nother anomalies: %d\n", len(unexplained))
	return unexplained
}

func (r *report) anomaly(o *object, c *call, kind string) {
	fmt.Fprintf(r.out, "%s: %s: client %d, %s – %s ms: %s\n", o, kind, c.Client, milliseconds(c.Call), milliseconds(c.Return), c)
}

func byOperation(calls map[*call]bool) map[string]int {
	by := map[string]int{}
	for c := range calls {
		by[c.Op]++
	}
	return by
}

// counted formats a total and its parts.
func counted(by map[string]int) string {
	total, each := 0, []string{}
	for _, name := range slices.Sorted(maps.Keys(by)) {
		total += by[name]
		each = append(each, fmt.Sprintf("%s %d", name, by[name]))
	}
	if total == 0 {
		return "0"
	}
	return fmt.Sprintf("%d (%s)", total, strings.Join(each, ", "))
}
