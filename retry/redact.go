package retry

import (
	"log/slog"
	"strconv"
)

// String returns a form without the URL, the header with its credentials, and the body.
func (r Request) String() string {
	return "request(" + r.Vendor + " " + string(r.Op) + " " + r.Method + ")"
}

// GoString keeps %#v from printing them.
func (r Request) GoString() string { return "retry.Request{" + r.String() + "}" }

// LogValue implements [slog.LogValuer] without them.
func (r Request) LogValue() slog.Value { return slog.StringValue(r.String()) }

// String returns a form without header and body, which may hold personal data.
func (r Response) String() string {
	return "response(" + strconv.Itoa(r.Status) + ", " + strconv.Itoa(len(r.Body)) + " bytes, " + strconv.Itoa(r.Sends) + " sends)"
}

// GoString keeps %#v from printing them.
func (r Response) GoString() string { return "retry.Response{" + r.String() + "}" }

// LogValue implements [slog.LogValuer] without them.
func (r Response) LogValue() slog.Value { return slog.StringValue(r.String()) }
