package passbridge

import (
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"strings"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"

	passbridgev1 "github.com/passbridge/passbridge/clients/go/passbridge/v1"
)

// calls has the interceptors of a client.
type calls struct {
	target           string
	deadline         time.Duration
	sendsCredentials bool
}

func (c *calls) unary(
	ctx context.Context, method string, request, response any, conn *grpc.ClientConn, invoke grpc.UnaryInvoker,
	options ...grpc.CallOption,
) error {
	if _, bounded := ctx.Deadline(); !bounded && c.deadline > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, c.deadline)
		defer cancel()
	}
	return c.explain(method, invoke(ctx, method, repeatableRequest(request), response, conn, options...))
}

func (c *calls) stream(
	ctx context.Context, description *grpc.StreamDesc, conn *grpc.ClientConn, method string, open grpc.Streamer,
	options ...grpc.CallOption,
) (grpc.ClientStream, error) {
	stream, err := open(ctx, description, conn, method, options...)
	if err != nil {
		return nil, c.explain(method, err)
	}
	return &explainedStream{ClientStream: stream, calls: c, method: method}, nil
}

func (c *calls) explain(method string, err error) error {
	if err == nil {
		return nil
	}
	return newError(err, origin{target: c.target, method: method, sendsCredentials: c.sendsCredentials, known: true})
}

// explainedStream is a stream that returns errors of type [*Error].
type explainedStream struct {
	grpc.ClientStream
	calls  *calls
	method string
}

func (s *explainedStream) RecvMsg(message any) error {
	err := s.ClientStream.RecvMsg(message)
	if err == io.EOF {
		return err
	}
	return s.calls.explain(s.method, err)
}

func (s *explainedStream) SendMsg(message any) error {
	err := s.ClientStream.SendMsg(message)
	if err == io.EOF {
		return err
	}
	return s.calls.explain(s.method, err)
}

// repeatableRequest sets a request_id in a create that has none, so that it can be retried. It changes a copy: the caller's own
// message has none, so calling with it twice creates two codes.
func repeatableRequest(request any) any {
	create, ok := request.(*passbridgev1.CreateRegistrationCodeRequest)
	if !ok || create.GetRequestId() != "" {
		return request
	}
	create = proto.CloneOf(create)
	create.RequestId = newUUID()
	return create
}

// newUUID returns a random UUID, version 4 (RFC 9562, section 5.4).
func newUUID() string {
	var id [16]byte
	_, _ = rand.Read(id[:]) // Read never returns an error; it crashes the program instead.
	id[6] = id[6]&0x0f | 0x40
	id[8] = id[8]&0x3f | 0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", id[0:4], id[4:6], id[6:8], id[8:10], id[10:16])
}

// splitMethod splits /package.Service/Method.
func splitMethod(method string) (service, name string) {
	service, name, _ = strings.Cut(strings.TrimPrefix(method, "/"), "/")
	return service, name
}
