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

// batchInFlight is how many items the server has in work at a time.
const batchInFlight = 256

// A BatchAnswer says what became of one of many resets.
type BatchAnswer struct {
	// Item is what was asked for.
	Item *passbridgev1.BatchResetTempPassRequest
	// Err is why the item failed; nil where it didn't.
	Err *Error
	// ResetCount is how many trials were reset; nil where it isn't known.
	ResetCount *uint64
	// Answered is how many items were answered so far, this one included, and Failed how many of these have failed.
	Answered, Failed int
}

// A BatchResult is what became of a batch as a whole.
type BatchResult struct {
	// Answered is how many items were answered, and Failed how many of these have failed.
	Answered, Failed int
}

// A BatchError is why a batch broke off. It wraps what ended the stream.
type BatchError struct {
	// Unanswered are the items that were taken from the sequence and never answered, in their order: each may have been reset
	// or not. To reset them again does no harm. With those that BatchResult counts as answered they are all that was taken:
	// the rest of the sequence has not been sent.
	Unanswered []*passbridgev1.BatchResetTempPassRequest
	// Err is what ended the stream.
	Err error
}

// Error says how many items have no answer, and why.
func (e *BatchError) Error() string {
	return fmt.Sprintf("passbridge: the batch broke off with %d items unanswered: %v", len(e.Unanswered), e.Err)
}

// Unwrap gives what ended the stream.
func (e *BatchError) Unwrap() error { return e.Err }

// BatchReset resets many trials over one stream, and reports each answer to progress, which may be nil. At most 256 items are
// in work at a time, and no more are taken from items until one of them is answered. Both functions run on the caller's
// goroutine. An item that fails ends nothing: progress is told its error, and BatchResult counts it.
//
// Where the stream breaks, or ctx ends, the error is a [*BatchError], which has the items without an answer.
//
// The client's default deadline doesn't hold here: give it a context that ends.
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

// received is an answer, or the end of the stream.
type received struct {
	response *passbridgev1.BatchResetTempPassResponse
	err      error
}

// receive takes the answers from the stream, to its end or until nobody asks for them any more. The channel holds an answer
// for each item in flight and the end, so that the server never waits for somebody who waits for it.
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

// batch is a batch under way.
type batch struct {
	stream   batchStream
	answers  <-chan received
	progress func(BatchAnswer)
	// waiting are the items in flight, by the number that they are sent with. The caller's own item_id needn't be unique.
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
	// The stream is over; the answers say why.
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
		return fmt.Errorf("passbridge: the server answered an item %q that it wasn't asked for", got.response.GetItemId())
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
