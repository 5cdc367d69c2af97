package client

import (
	"context"
	"testing"

	"go.opentelemetry.io/otel/trace"
	"go.opentelemetry.io/otel/trace/noop"

	"github.com/postproof/postproof"
	"github.com/postproof/postproof/retry"
)

// began counts the spans that were begun, and those that are open.
type began struct {
	noop.TracerProvider
	noop.Tracer

	all, open int
}

type oneSpan struct {
	noop.Span
	b *began
}

func (b *began) Start(ctx context.Context, _ string, _ ...trace.SpanStartOption) (context.Context, trace.Span) {
	b.all++
	b.open++
	s := oneSpan{b: b}
	return trace.ContextWithSpan(ctx, s), s
}

func (o oneSpan) IsRecording() bool          { return true }
func (o oneSpan) End(...trace.SpanEndOption) { o.b.open-- }

// A send is told of by a goroutine of net/http. One that was let go in the moment when
// its attempt ended comes behind the result: its span ends all the same. One that put
// no byte on the wire and is begun again is one send.
func TestSpansOfSendsThatCross(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		sends []retry.Send
		late  bool
		want  int
	}{
		"behind the result":       {sends: []retry.Send{{Index: 1}}, late: true, want: 1},
		"taken back":              {sends: []retry.Send{{Index: 1}, {Index: 1}}, want: 1},
		"repeated by net/http":    {sends: []retry.Send{{Index: 1}, {Index: 2}}, want: 2},
		"repeated behind a retry": {sends: []retry.Send{{Index: 3}}, want: 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := &began{}
			tel := &telemetry{tracer: b}
			ctx, call := b.Start(t.Context(), "call")
			ctx = tel.onAttempt(ctx, retry.AttemptStart{Op: postproof.OpSubmit})
			result := func() { tel.onResult(ctx, &vendorMarks{}, retry.Attempt{}, nil) }
			if tc.late {
				result()
			}
			for _, s := range tc.sends {
				tel.onSend(ctx, s)
			}
			if !tc.late {
				result()
			}
			call.End()
			if b.all-1 != tc.want || b.open != 0 {
				t.Errorf("%d spans, %d of all not ended; want %d", b.all-1, b.open, tc.want)
			}
		})
	}
}
