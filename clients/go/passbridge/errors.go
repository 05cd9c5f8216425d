package passbridge

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"strconv"
	"strings"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	spb "google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	passbridgev1 "github.com/passbridge/passbridge/clients/go/passbridge/v1"
)

// domain is that of each ErrorInfo of passbridge.
const domain = "passbridge"

// An Error is why a call has failed. Every call of a [Client] fails with one; take it out of an error by [AsError].
// gRPC's status.FromError and status.Code read it too, and errors.Is finds context.DeadlineExceeded and context.Canceled
// in it.
type Error struct {
	// Kind tells apart what has one code.
	Kind Kind
	// Code is the code of gRPC.
	Code codes.Code
	// Reason is the server's own code; ERROR_REASON_UNSPECIFIED where the error isn't the server's, or the server is newer
	// than this client.
	Reason passbridgev1.ErrorReason
	// ReasonText is the reason as the server sent it, without prefix, such as INVALID_FIELD; empty where there is none.
	ReasonText string
	// Message says what is wrong, in English.
	Message string
	// Target is that of [Dial], and Method what was called, such as /passbridge.v1.TempPassService/GetTempPass. Both are
	// empty in an error that didn't come through a [Client].
	Target, Method string
	// Violations are the fields of the request that must be changed.
	Violations []Violation
	// MoreViolations is how many there are beside Violations, for which there was no room.
	MoreViolations int
	// RetryDelay is how long to wait before another try; 0 where the server doesn't say.
	RetryDelay time.Duration
	// Causes have most often led to this error, the likeliest first. They are for people.
	Causes []Cause
	// Metadata is what else the server says, by the keys that ErrorReason documents; see [Error.Upstream].
	Metadata map[string]string
	// DetailsCut is true where the server, or something on the way, has cut what belongs to the error: texts end with
	// an ellipsis then, violations are missing, or something couldn't be read.
	DetailsCut bool

	status *status.Status
}

// A Violation is a field of a request that isn't as it must be.
type Violation struct {
	// Field is the path of the field, such as device_info.model; empty for the whole request.
	Field string
	// Description says what is wrong with it, and what would be right.
	Description string
}

// A Cause may have led to an error.
type Cause struct {
	// Cause is what may be the case.
	Cause string
	// Remedy is how to find out and what to do about it.
	Remedy string
}

// Upstream is the answer of the provider that led to an error. What it didn't say is empty.
type Upstream struct {
	// Status is the status of HTTP.
	Status string
	// Code is the provider's own code of the error.
	Code string
	// Trace is the provider's name of the call, for its support.
	Trace string
}

// AsError takes the [Error] out of err: one of a [Client], or any error with a status of gRPC.
func AsError(err error) (*Error, bool) {
	var known *Error
	if errors.As(err, &known) {
		return known, true
	}
	if st, ok := status.FromError(err); !ok || st.Code() == codes.OK {
		return nil, false
	}
	return newError(err, origin{}), true
}

// ErrorOf is the error in a status that came as a message, as in the answer to one of many resets; nil for OK.
func ErrorOf(st *spb.Status) *Error {
	if codes.Code(st.GetCode()) == codes.OK {
		return nil
	}
	return newError(status.ErrorProto(st), origin{})
}

// Upstream is what the provider answered, where this error comes from that.
func (e *Error) Upstream() (Upstream, bool) {
	upstream := Upstream{
		Status: e.Metadata["upstream_status"], Code: e.Metadata["upstream_code"], Trace: e.Metadata["upstream_trace"],
	}
	return upstream, upstream != Upstream{}
}

// Error says all of it in one line, for a log.
func (e *Error) Error() string {
	var text strings.Builder
	text.WriteString("passbridge")
	if _, name := splitMethod(e.Method); name != "" {
		fmt.Fprintf(&text, ": %s at %s", name, e.Target)
	}
	fmt.Fprintf(&text, ": %s", e.Code)
	if e.ReasonText != "" {
		fmt.Fprintf(&text, " %s", e.ReasonText)
	}
	if e.Kind != KindOther {
		fmt.Fprintf(&text, ": %s", e.Kind)
	}
	fmt.Fprintf(&text, ": %s", e.Message)
	// The first violation is in the message.
	for _, violation := range e.Violations[min(1, len(e.Violations)):] {
		fmt.Fprintf(&text, "; %s: %s", violation.Field, violation.Description)
	}
	if e.RetryDelay > 0 {
		fmt.Fprintf(&text, "; try again after %s", e.RetryDelay)
	}
	if len(e.Causes) > 0 {
		fmt.Fprintf(&text, "; probable cause: %s %s", e.Causes[0].Cause, e.Causes[0].Remedy)
	}
	if e.DetailsCut {
		text.WriteString("; details were cut")
	}
	return text.String()
}

// GRPCStatus is the status as it came, for status.FromError.
func (e *Error) GRPCStatus() *status.Status { return e.status }

// Is has errors.Is find the errors of a context.
func (e *Error) Is(target error) bool {
	return target == context.DeadlineExceeded && e.Code == codes.DeadlineExceeded ||
		target == context.Canceled && e.Code == codes.Canceled
}

func newError(err error, from origin) *Error {
	var known *Error
	if errors.As(err, &known) {
		return known
	}
	st := statusOf(err)
	e := &Error{
		Code: st.Code(), Message: st.Message(), Target: from.target, Method: from.method, status: st,
	}
	info := e.readDetails(st)
	e.Kind = kindOf(st, info, from)
	return e
}

// statusOf is the status as it came. status.FromError would put what gRPC says of its retries before the message.
func statusOf(err error) *status.Status {
	var with interface{ GRPCStatus() *status.Status }
	if errors.As(err, &with) && with.GRPCStatus() != nil {
		return with.GRPCStatus()
	}
	return status.Convert(err)
}

func (e *Error) readDetails(st *status.Status) (info *errdetails.ErrorInfo) {
	for position, detail := range st.Details() {
		switch detail := detail.(type) {
		case *errdetails.ErrorInfo:
			if detail.GetDomain() == domain {
				info = detail
				e.readInfo(detail)
			}
		case *errdetails.BadRequest:
			e.readViolations(detail)
		case *errdetails.RetryInfo:
			e.RetryDelay = detail.GetRetryDelay().AsDuration()
		case *passbridgev1.ProbableCauses:
			e.readCauses(detail)
		case error:
			// Of a kind that this client doesn't know is another thing than one that can't be read.
			e.DetailsCut = e.DetailsCut || isKnownDetail(st.Proto().GetDetails()[position].GetTypeUrl())
		}
	}
	return info
}

func isKnownDetail(typeURL string) bool {
	name := typeURL[strings.LastIndexByte(typeURL, '/')+1:]
	switch name {
	case "google.rpc.ErrorInfo", "google.rpc.BadRequest", "google.rpc.RetryInfo", "passbridge.v1.ProbableCauses":
		return true
	}
	return false
}

func (e *Error) readInfo(info *errdetails.ErrorInfo) {
	e.ReasonText = info.GetReason()
	e.Reason = passbridgev1.ErrorReason(passbridgev1.ErrorReason_value["ERROR_REASON_"+info.GetReason()])
	e.Metadata = maps.Clone(info.GetMetadata())
	e.DetailsCut = e.DetailsCut || e.Metadata["details_cut"] == "true"
	e.MoreViolations, _ = strconv.Atoi(e.Metadata["violations_omitted"])
}

func (e *Error) readViolations(request *errdetails.BadRequest) {
	for _, violation := range request.GetFieldViolations() {
		e.Violations = append(e.Violations, Violation{Field: violation.GetField(), Description: violation.GetDescription()})
	}
}

func (e *Error) readCauses(causes *passbridgev1.ProbableCauses) {
	for _, cause := range causes.GetCauses() {
		e.Causes = append(e.Causes, Cause{Cause: cause.GetCause(), Remedy: cause.GetRemedy()})
	}
}
