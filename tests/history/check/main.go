// Check checks whether a recorded history of calls to passbridge is linearizable: whether each call can be assigned one moment between
// its start and its return, such that in the order of these moments all responses are those of a server that executes one call at a
// time.
//
// A history is a JSON Lines file: a header, then calls and events in any order. history.go has their fields. The history is split by
// the objects of the calls (codes, request ids and TempPasses), and each object is checked separately.
//
// The exit status is 0 if the history is linearizable, 1 if it is not, 2 if it cannot be read, and 3 if a time limit was reached. With
// -anomalies, lost writes, dirty reads and stale reads are counted and are not failures.
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
	countAnomalies := flags.Bool("anomalies", false, "count lost writes, dirty reads and stale reads, and fail only on other anomalies")
	pictures := flags.String("pictures", "", "write diagrams of objects that are not linearizable to this `folder`")
	timeout := flags.Duration("timeout", time.Minute, "time limit per object")
	isVerbose := flags.Bool("v", false, "print every object")
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
	report.out, report.timeout, report.pictures, report.isVerbose = out, *timeout, *pictures, *isVerbose
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
		fmt.Fprintln(out, "not linearizable, but only with anomalies of these kinds")
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
	split, err := objects(read)
	return &report{history: read, objects: split}, err
}
