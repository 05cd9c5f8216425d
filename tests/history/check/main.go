// Check says whether a recorded history of calls to passbridge is linearizable: whether each call can be given one moment
// between its invocation and its return such that the calls, taken in that order, were answered as one server that does one call at
// a time would have answered them.
//
// A history is lines of JSON: its head, then calls and events in any order; history.go has their fields. It is taken apart by the
// objects that calls are about, which are codes, request ids and TempPasses, and each of them is checked alone.
//
// The exit status is 0 where the history is linearizable, 1 where it is not, 2 where it cannot be read, and 3 where that could not
// be decided in time. With -anomalies lost writes, dirty reads and stale reads are counted and no failure.
package main

import (
	"flag"
	"fmt"
	"io"
	"os"
	"runtime"
	"time"
)

const (
	linearizable    = 0
	notLinearizable = 1
	unreadable      = 2
	undecided       = 3
)

func main() {
	os.Exit(run(os.Args[1:], os.Stdout, os.Stderr))
}

func workers() int { return runtime.GOMAXPROCS(0) }

func run(arguments []string, out, errors io.Writer) int {
	flags := flag.NewFlagSet("check", flag.ContinueOnError)
	flags.SetOutput(errors)
	flags.Usage = func() {
		fmt.Fprintln(errors, "usage: check [options] HISTORY")
		flags.PrintDefaults()
	}
	countAnomalies := flags.Bool("anomalies", false, "count lost writes, dirty reads and stale reads, and fail on any other kind only")
	pictures := flags.String("pictures", "", "the `folder` for pictures of what is not linearizable")
	timeout := flags.Duration("timeout", time.Minute, "how long one object may take")
	isLong := flags.Bool("v", false, "name every object")
	if flags.Parse(arguments) != nil {
		return unreadable
	}
	if flags.NArg() != 1 {
		flags.Usage()
		return unreadable
	}
	report, err := open(flags.Arg(0))
	if err != nil {
		fmt.Fprintf(errors, "%s: %v\n", flags.Arg(0), err)
		return unreadable
	}
	report.out, report.timeout, report.pictures, report.isLong = out, *timeout, *pictures, *isLong
	found := report.check()
	report.summary(&found)
	wrong := found.illegal
	if *countAnomalies {
		wrong = report.anomalies(&found)
	}
	for _, o := range wrong {
		if err := report.wrong(o); err != nil {
			fmt.Fprintln(errors, err)
		}
	}
	switch {
	case len(wrong) > 0:
		return notLinearizable
	case len(found.undecided) > 0:
		return undecided
	case len(found.illegal) > 0:
		fmt.Fprintln(out, "not linearizable, by anomalies of these kinds only")
	default:
		fmt.Fprintln(out, "linearizable")
	}
	return linearizable
}

func open(path string) (*report, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	read, err := readHistory(file)
	if err != nil {
		return nil, err
	}
	apart, err := objects(read)
	return &report{history: read, objects: apart}, err
}
