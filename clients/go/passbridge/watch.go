package passbridge

import (
	"context"
	"io"
	"iter"
	"math/rand/v2"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"

	passbridgev1 "github.com/passbridge/passbridge/clients/go/passbridge/v1"
)

// WatchOf returns the request to watch a code that was created or read. It has the id of the record, so that the watch does not
// follow a later record with the same code.
func WatchOf(code *passbridgev1.RegistrationCode) *passbridgev1.WatchRegistrationCodeRequest {
	return &passbridgev1.WatchRegistrationCodeRequest{
		RequestorId: code.GetRequestorId(), Environment: code.GetEnvironment(), Code: code.GetCode(), Id: proto.String(code.GetId()),
	}
}

// Watch watches a code until it ends. The sequence has the current state at once, then each change. It ends after STATE_RELEASED or
// STATE_EXPIRED. An error is its last element, with a nil code.
//
//	for code, err := range client.Watch(ctx, passbridge.WatchOf(created)) { … }
//
// A watch that has started is resumed when the connection is lost or the server restarts, until ctx ends. It sends the id of the
// code, so that it detects a release in between. A state is not repeated. A watch that cannot start ends with an error after the
// client's retries.
//
// Pass a context that ends: the lifetime of a code is up to ten hours.
func (c *Client) Watch(
	ctx context.Context, request *passbridgev1.WatchRegistrationCodeRequest,
) iter.Seq2[*passbridgev1.RegistrationCode, error] {
	return func(yield func(*passbridgev1.RegistrationCode, error) bool) {
		w := watch{client: c, request: proto.CloneOf(request)}
		for {
			err := w.follow(ctx, yield)
			if err == nil {
				return
			}
			if !w.resumes(err) || !w.pause(ctx, err) {
				yield(nil, w.ended(ctx, err))
				return
			}
		}
	}
}

// watch is the state of a watch across several streams.
type watch struct {
	client  *Client
	request *passbridgev1.WatchRegistrationCodeRequest
	// last is the state that was yielded last; nil before the first.
	last *passbridgev1.RegistrationCode
	// failures is the number of consecutive failures.
	failures int
}

// follow watches over one stream. It returns nil if the watch has ended, otherwise the error that ended the stream.
func (w *watch) follow(ctx context.Context, yield func(*passbridgev1.RegistrationCode, error) bool) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stream, err := w.client.RegistrationCodes().WatchRegistrationCode(ctx, w.request)
	if err != nil {
		return err
	}
	for {
		response, err := stream.Recv()
		if err != nil {
			return err
		}
		code := response.GetRegistrationCode()
		w.failures = 0
		if !proto.Equal(code, w.last) {
			w.last = code
			w.request.Id = proto.String(code.GetId())
			if !yield(code, nil) {
				return nil
			}
		}
		if hasEnded(code) {
			return nil
		}
	}
}

func hasEnded(code *passbridgev1.RegistrationCode) bool {
	switch code.GetState() {
	case passbridgev1.RegistrationCode_STATE_RELEASED, passbridgev1.RegistrationCode_STATE_EXPIRED:
		return true
	}
	return false
}

// resumes reports whether to start another stream after this error.
func (w *watch) resumes(err error) bool {
	if w.last == nil {
		return false
	}
	if err == io.EOF {
		// The server ended the stream with OK although the code has not ended.
		return true
	}
	known, ok := AsError(err)
	if !ok {
		return false
	}
	switch known.Code {
	case codes.Unavailable:
		return true
	case codes.ResourceExhausted:
		// After a restart all watches resume at once, and may exceed a limit.
		return known.RetryDelay > 0
	case codes.Internal, codes.Unknown:
		// An error without a reason is from a proxy that ended the stream; a defect of the server has a reason.
		return known.ReasonText == ""
	}
	return false
}

// pause waits before the next stream. It returns false if ctx has ended.
func (w *watch) pause(ctx context.Context, err error) bool {
	delay := pauseAfter(w.failures, rand.Float64())
	if known, ok := AsError(err); ok {
		delay = max(delay, known.RetryDelay)
	}
	w.failures++
	timer := time.NewTimer(delay)
	defer timer.Stop()
	select {
	case <-timer.C:
		return ctx.Err() == nil
	case <-ctx.Done():
		return false
	}
}

// ended returns the final error of a watch: that of ctx if it has ended, regardless of the last stream's error.
func (w *watch) ended(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}

const (
	backoffBase = 100 * time.Millisecond
	backoffMax  = 10 * time.Second
)

// pauseAfter returns the backoff after this number of failures: between half and all of a duration that doubles up to backoffMax.
// jitter is from 0 to 1; it spreads the watches that resume after a server restart.
func pauseAfter(failures int, jitter float64) time.Duration {
	whole := backoffMax
	if failures < 7 {
		whole = min(backoffBase<<failures, backoffMax)
	}
	return whole/2 + time.Duration(jitter*float64(whole/2))
}
