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

// mostShown is how many calls of an object are shown that is wrong.
const mostShown = 40

// A verdict is what came of checking a history.
type verdict struct {
	linearizable, illegal, undecided []*object
}

// A report checks a history and says what came of it.
type report struct {
	out     io.Writer
	history *history
	objects []*object
	// timeout is for one object.
	timeout time.Duration
	// pictures is the folder for porcupine's pictures; empty for none.
	pictures string
	isLong   bool
}

// check checks each object, as many at once as there are processors.
func (r *report) check() verdict {
	results := make([]porcupine.CheckResult, len(r.objects))
	var running sync.WaitGroup
	places := make(chan int)
	for range workers() {
		running.Go(func() {
			for place := range places {
				o := r.objects[place]
				results[place] = o.isLinearizable(o.calls, nil, r.timeout)
			}
		})
	}
	for place := range r.objects {
		places <- place
	}
	close(places)
	running.Wait()
	var found verdict
	for place, o := range r.objects {
		switch results[place] {
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

// summary says what there was to check.
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
	if r.isLong {
		for _, o := range found.linearizable {
			fmt.Fprintf(r.out, "%s: linearizable (%d calls)\n", o, len(o.calls))
		}
	}
	for _, o := range found.undecided {
		fmt.Fprintf(r.out, "%s: undecided after %s (%d calls)\n", o, r.timeout, len(o.calls))
	}
}

// wrong shows an object that is not linearizable: the least that shows it, and where the picture is.
func (r *report) wrong(o *object) error {
	fmt.Fprintf(r.out, "%s: NOT LINEARIZABLE (%d calls); these cannot be put in order (times in ms):\n", o, len(o.calls))
	calls := o.excerpt(o.firstWrong(o.calls, nil, r.timeout), nil, explanationTimeout)
	if more := len(calls) - mostShown; more > 0 {
		fmt.Fprintf(r.out, "  after %d calls that the picture has\n", more)
		calls = calls[more:]
	}
	for _, c := range calls {
		fmt.Fprintf(r.out, "  client %-3d %12s – %-12s %s\n", c.Client, milliseconds(c.Call), milliseconds(c.Return), c)
	}
	if r.pictures == "" {
		return nil
	}
	path := filepath.Join(r.pictures, fileName(o)+".html")
	fmt.Fprintf(r.out, "  picture: %s\n", path)
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

// anomalies explains what is not linearizable, counts it by kind, and gives those objects for which it has no explanation.
func (r *report) anomalies(found *verdict) []*object {
	var unexplained []*object
	lost, dirty, stale := map[*call]bool{}, map[*call]bool{}, map[string]int{}
	oldest := time.Duration(0)
	for _, o := range found.illegal {
		explained := o.explain()
		if !explained.isWhole {
			unexplained = append(unexplained, o)
			continue
		}
		for _, c := range explained.lost {
			lost[c] = true
			r.anomaly(o, c, "lost acknowledged write")
		}
		for _, c := range explained.dirty {
			dirty[c] = true
			r.anomaly(o, c, "dirty read of a write that was lost unacknowledged")
		}
		for _, relaxed := range explained.relaxed {
			if relaxed.lost == "" {
				stale[relaxed.call.Op]++
				oldest = max(oldest, relaxed.age)
				r.anomaly(o, relaxed.call, fmt.Sprintf("stale read, by %s", relaxed.age.Round(time.Microsecond)))
			}
		}
	}
	fmt.Fprintf(r.out, "lost acknowledged writes: %s\n", counted(byOperation(lost)))
	fmt.Fprintf(r.out, "dirty reads of writes that were lost unacknowledged: %s\n", counted(byOperation(dirty)))
	fmt.Fprintf(r.out, "stale reads: %s", counted(stale))
	if oldest > 0 {
		fmt.Fprintf(r.out, ", the oldest by %s", oldest.Round(time.Microsecond))
	}
	fmt.Fprintf(r.out, "\nof another kind: %d\n", len(unexplained))
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

// counted is a count, and what it is made of.
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
