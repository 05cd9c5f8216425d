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

// domain is the ErrorInfo domain of passbridge.
const domain = "passbridge"

// An Error is the error of a call. Every failed call of a [Client] returns one; get it from an error with [AsError].
// gRPC's status.FromError and status.Code accept it too, and errors.Is matches context.DeadlineExceeded and context.Canceled.
type Error struct {
	// Kind distinguishes errors with the same code.
	Kind Kind
	// Code is the gRPC code.
	Code codes.Code
	// Reason is the reason that the server sent; ERROR_REASON_UNSPECIFIED if the error is not from a passbridge server, or the
	// server is newer than this client.
	Reason passbridgev1.ErrorReason
	// ReasonText is the reason as the server sent it, without prefix, such as INVALID_FIELD; empty if there is none.
	ReasonText string
	// Message says what is wrong, in English.
	Message string
	// Target is the target of [Dial]. Method is the called method, such as /passbridge.v1.TempPassService/GetTempPass. Both are
	// empty if the error is not from a [Client].
	Target, Method string
	// Violations are the invalid fields of the request.
	Violations []Violation
	// MoreViolations is the number of violations that the server omitted from Violations for lack of space.
	MoreViolations int
	// RetryDelay is the delay after which to retry; 0 if the server sent none.
	RetryDelay time.Duration
	// Causes are the probable causes, most likely first. They are for people.
	Causes []Cause
	// Metadata has further values from the server, by the keys that ErrorReason documents; see [Error.Upstream].
	Metadata map[string]string
	// DetailsCut is true if the server, or an intermediary, has cut the details of the error: texts are truncated and end with an
	// ellipsis, violations are missing, or a detail cannot be read.
	DetailsCut bool

	status *status.Status
}

// A Violation is an invalid field of a request.
type Violation struct {
	// Field is the path of the field, such as device_info.model; empty for the whole request.
	Field string
	// Description says what is wrong with the field and what is allowed.
	Description string
}

// A Cause is a probable cause of an error.
type Cause struct {
	// Cause describes the cause.
	Cause string
	// Remedy says how to confirm the cause and how to fix it.
	Remedy string
}

// Upstream describes the provider's response that caused an error. A value that the response lacks is empty.
type Upstream struct {
	// Status is the HTTP status.
	Status string
	// Code is the provider's own error code.
	Code string
	// Trace is the provider's trace id of the call, for its support.
	Trace string
}

// AsError returns the [Error] in err: that of a [Client], or one made from any error with a gRPC status.
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

// ErrorOf returns the error in a status message, such as that of one reset of a batch; nil for OK.
func ErrorOf(st *spb.Status) *Error {
	if codes.Code(st.GetCode()) == codes.OK {
		return nil
	}
	return newError(status.ErrorProto(st), origin{})
}

// Upstream returns the provider's response, if it caused this error.
func (e *Error) Upstream() (Upstream, bool) {
	upstream := Upstream{
		Status: e.Metadata["upstream_status"], Code: e.Metadata["upstream_code"], Trace: e.Metadata["upstream_trace"],
	}
	return upstream, upstream != Upstream{}
}

// Error returns the whole error as one line, for logs.
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
	// The message already has the first violation.
	for _, violation := range e.Violations[min(1, len(e.Violations)):] {
		fmt.Fprintf(&text, "; %s: %s", violation.Field, violation.Description)
	}
	if e.RetryDelay > 0 {
		fmt.Fprintf(&text, "; retry after %s", e.RetryDelay)
	}
	if len(e.Causes) > 0 {
		fmt.Fprintf(&text, "; probable cause: %s %s", e.Causes[0].Cause, e.Causes[0].Remedy)
	}
	if e.DetailsCut {
		text.WriteString("; details were cut")
	}
	return text.String()
}

// GRPCStatus returns the status as it was received, for status.FromError.
func (e *Error) GRPCStatus() *status.Status { return e.status }

// Is makes errors.Is match the errors of a context.
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

// statusOf returns the status as it was received. status.FromError would prepend gRPC's text about its retries to the message.
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
			// A detail of an unknown type is ignored; a known one that cannot be read was cut.
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
