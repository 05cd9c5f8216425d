package passbridge

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"maps"
	"slices"
	"strconv"

	"google.golang.org/grpc"

	passbridgev1 "github.com/passbridge/passbridge/clients/go/passbridge/v1"
)

// batchInFlight is the number of items that the server processes at a time.
const batchInFlight = 256

// A BatchAnswer is the result of one reset of a batch.
type BatchAnswer struct {
	// Item is the request.
	Item *passbridgev1.BatchResetTempPassRequest
	// Err is the error of the item; nil if it succeeded.
	Err *Error
	// ResetCount is the number of trials that were reset; nil if it is not known.
	ResetCount *uint64
	// Answered is the number of items that were answered so far, including this one. Failed is the number of failures among
	// them.
	Answered, Failed int
}

// A BatchResult summarizes a batch.
type BatchResult struct {
	// Answered is the number of items that were answered. Failed is the number of failures among them.
	Answered, Failed int
}

// A BatchError reports that a batch was interrupted. It wraps the error that ended the stream.
type BatchError struct {
	// Unanswered has the items that were read from the sequence but not answered, in their order. Each may or may not have been
	// reset; it is safe to reset them again. Items that are neither here nor counted in [BatchResult.Answered] were not read from
	// the sequence and not sent.
	Unanswered []*passbridgev1.BatchResetTempPassRequest
	// Err is the error that ended the stream.
	Err error
}

// Error returns the number of unanswered items and the cause.
func (e *BatchError) Error() string {
	return fmt.Sprintf("passbridge: batch interrupted with %d items unanswered: %v", len(e.Unanswered), e.Err)
}

// Unwrap returns the error that ended the stream.
func (e *BatchError) Unwrap() error { return e.Err }

// BatchReset resets many trials over one stream and calls progress, which may be nil, with each result. At most 256 items are in
// flight; the next item is read from items when one of them is answered. Both functions run on the caller's goroutine. An item
// that fails does not end the batch: progress receives its error, and BatchResult counts it.
//
// If the stream is interrupted or ctx ends, the error is a [*BatchError] with the unanswered items.
//
// The client's default deadline does not apply: pass a context that ends.
func (c *Client) BatchReset(
	ctx context.Context, items iter.Seq[*passbridgev1.BatchResetTempPassRequest], progress func(BatchAnswer),
) (BatchResult, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	b := batch{progress: progress, waiting: map[int]*passbridgev1.BatchResetTempPassRequest{}}
	stream, err := c.TempPasses().BatchResetTempPass(ctx)
	if err != nil {
		return b.result, &BatchError{Err: err}
	}
	over := make(chan struct{})
	defer close(over)
	b.stream, b.answers = stream, receive(stream, over)
	if err := b.run(items); err != nil {
		return b.result, b.broken(err)
	}
	return b.result, nil
}

type batchStream = grpc.BidiStreamingClient[passbridgev1.BatchResetTempPassRequest, passbridgev1.BatchResetTempPassResponse]

// received is a response, or the end of the stream.
type received struct {
	response *passbridgev1.BatchResetTempPassResponse
	err      error
}

// receive reads responses from the stream until it ends or over is closed. The channel has room for a response to each item in
// flight and for the end of the stream. This prevents a deadlock between a server that waits for its responses to be read and a
// client that waits to send.
func receive(stream batchStream, over <-chan struct{}) <-chan received {
	answers := make(chan received, batchInFlight+1)
	go func() {
		for {
			response, err := stream.Recv()
			select {
			case answers <- received{response, err}:
			case <-over:
				return
			}
			if err != nil {
				return
			}
		}
	}()
	return answers
}

// batch is the state of a running batch.
type batch struct {
	stream   batchStream
	answers  <-chan received
	progress func(BatchAnswer)
	// waiting has the items in flight by the number that is sent as their item_id, because the caller's own item_id need not be
	// unique.
	waiting map[int]*passbridgev1.BatchResetTempPassRequest
	taken   int
	result  BatchResult
}

func (b *batch) run(items iter.Seq[*passbridgev1.BatchResetTempPassRequest]) error {
	for item := range items {
		b.taken++
		b.waiting[b.taken] = item
		if err := b.send(item); err != nil {
			return err
		}
		for len(b.waiting) >= batchInFlight || len(b.answers) > 0 {
			if err := b.answer(<-b.answers); err != nil {
				return err
			}
		}
	}
	if err := b.stream.CloseSend(); err != nil {
		return err
	}
	for {
		if err := b.answer(<-b.answers); err != nil {
			if err == io.EOF && len(b.waiting) == 0 {
				return nil
			}
			return err
		}
	}
}

func (b *batch) send(item *passbridgev1.BatchResetTempPassRequest) error {
	numbered := &passbridgev1.BatchResetTempPassRequest{ItemId: strconv.Itoa(b.taken), Item: item.GetItem()}
	err := b.stream.Send(numbered)
	if err != io.EOF {
		return err
	}
	// The stream has ended; receiving returns the error.
	for {
		if err := b.answer(<-b.answers); err != nil {
			return err
		}
	}
}

func (b *batch) answer(got received) error {
	if got.err != nil {
		return got.err
	}
	number, err := strconv.Atoi(got.response.GetItemId())
	item, isOurs := b.waiting[number]
	if err != nil || !isOurs {
		return fmt.Errorf("passbridge: the server answered the item %q, which is not in flight", got.response.GetItemId())
	}
	delete(b.waiting, number)
	failure := ErrorOf(got.response.GetStatus())
	b.result.Answered++
	if failure != nil {
		b.result.Failed++
	}
	if b.progress != nil {
		b.progress(BatchAnswer{
			Item: item, Err: failure, ResetCount: got.response.ResetCount,
			Answered: b.result.Answered, Failed: b.result.Failed,
		})
	}
	return nil
}

func (b *batch) broken(err error) error {
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	failure := &BatchError{Err: err}
	for _, number := range slices.Sorted(maps.Keys(b.waiting)) {
		failure.Unanswered = append(failure.Unanswered, b.waiting[number])
	}
	return failure
}
