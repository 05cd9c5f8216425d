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

// WatchOf asks to follow a code that was created or read: this record of it, and not a later one under the same code.
func WatchOf(code *passbridgev1.RegistrationCode) *passbridgev1.WatchRegistrationCodeRequest {
	return &passbridgev1.WatchRegistrationCodeRequest{
		RequestorId: code.GetRequestorId(), Environment: code.GetEnvironment(), Code: code.GetCode(), Id: proto.String(code.GetId()),
	}
}

// Watch follows a code until it ends: its present state comes at once, then each change, the last one with STATE_RELEASED or
// STATE_EXPIRED. Then the sequence ends. An error is its last element, with a nil code.
//
//	for code, err := range client.Watch(ctx, passbridge.WatchOf(created)) { … }
//
// A watch that has begun goes on when the connection is lost or the server restarts, for as long as ctx lasts. It brings the
// id of the code, so that a release in between is seen. A state that came before doesn't come again. A watch that can't
// begin ends with an error after the client's retries.
//
// Give it a context that ends: a code lives for up to ten hours.
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

// watch is a watch over one connection after the other.
type watch struct {
	client  *Client
	request *passbridgev1.WatchRegistrationCodeRequest
	// last is the state that was told last; nil before the first.
	last *passbridgev1.RegistrationCode
	// failures in a row.
	failures int
}

// follow watches over one stream. It returns nil when the watch is over, and why the stream broke otherwise.
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

// resumes says whether another stream may get further than the one that ended so.
func (w *watch) resumes(err error) bool {
	if w.last == nil {
		return false
	}
	if err == io.EOF {
		// The stream ended as if the code had.
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
		// After a restart all watches come back at once.
		return known.RetryDelay > 0
	case codes.Internal, codes.Unknown:
		// A proxy that breaks off a stream; a defect of the server has a reason.
		return known.ReasonText == ""
	}
	return false
}

// pause waits before the next stream. It is false where ctx ended.
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

// ended is the error that a watch ends with: that of ctx where that is over, whatever broke the last stream.
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

// pauseAfter is the pause after as many failures, with jitter, which is from 0 to 1: between half and all of a time that
// doubles. The watches of a server that restarts thereby come back one after the other.
func pauseAfter(failures int, jitter float64) time.Duration {
	whole := backoffMax
	if failures < 7 {
		whole = min(backoffBase<<failures, backoffMax)
	}
	return whole/2 + time.Duration(jitter*float64(whole/2))
}
