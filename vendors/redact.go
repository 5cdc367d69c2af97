package vendors

import (
	"log/slog"
	"strconv"
)

// What passes between an adapter and its vendor holds credentials and people's
// addresses. Printed or logged it says what it is, and no more.

// String returns a form without credentials and personal data.
func (r Request) String() string {
	return "request(" + string(r.Op) + " " + r.Method + " " + r.Route + ")"
}

// GoString keeps %#v from printing them.
func (r Request) GoString() string { return "vendors.Request{" + r.String() + "}" }

// LogValue implements [slog.LogValuer] without them.
func (r Request) LogValue() slog.Value { return slog.StringValue(r.String()) }

// String returns a form without personal data.
func (r Response) String() string {
	return "response(" + strconv.Itoa(r.Status) + ", " + strconv.Itoa(len(r.Body)) + " bytes)"
}

// GoString keeps %#v from printing personal data.
func (r Response) GoString() string { return "vendors.Response{" + r.String() + "}" }

// LogValue implements [slog.LogValuer] without personal data.
func (r Response) LogValue() slog.Value { return slog.StringValue(r.String()) }

// String returns a form without personal data.
func (o Order) String() string {
	text := "order(" + o.Receipt.Vendor + " " + o.Receipt.VendorID + " " + string(o.Status.Stage)
	if o.Dead {
		text += ", dead"
	}
	return text + ")"
}

// GoString keeps %#v from printing personal data.
func (o Order) GoString() string { return "vendors.Order{" + o.String() + "}" }

// LogValue implements [slog.LogValuer] without personal data.
func (o Order) LogValue() slog.Value { return slog.StringValue(o.String()) }

// String returns a form without personal data.
func (f Facts) String() string { return "facts(" + string(f.Kind) + ")" }

// GoString keeps %#v from printing personal data.
func (f Facts) GoString() string { return "vendors.Facts{" + f.String() + "}" }

// LogValue implements [slog.LogValuer] without personal data.
func (f Facts) LogValue() slog.Value { return slog.StringValue(f.String()) }

// LogValue implements [slog.LogValuer] without personal data.
func (n Notice) LogValue() slog.Value {
	attrs := []slog.Attr{slog.Any("event", n.Event)}
	if n.Order != nil {
		attrs = append(attrs, slog.Any("order", *n.Order))
	}
	return slog.GroupValue(attrs...)
}
