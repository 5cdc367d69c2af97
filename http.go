package postproof

// CodeOfHTTPStatus returns what went wrong by an HTTP status alone: 401 is
// [CodeUnauthenticated], 402 and 403 [CodePermissionDenied], 404 and 410
// [CodeNotFound], 408 [CodeDeadlineExceeded], 409 [CodeConflict], 429
// [CodeRateLimited], any other 4xx [CodeInvalidArgument] and any 5xx
// [CodeUnavailable]. What is no error by its status is [CodeUnknown]. A vendor's
// own error code says more, where it has one.
func CodeOfHTTPStatus(status int) Code {
	switch {
	case status == 401:
		return CodeUnauthenticated
	case status == 402, status == 403:
		return CodePermissionDenied
	case status == 404, status == 410:
		return CodeNotFound
	case status == 408:
		return CodeDeadlineExceeded
	case status == 409:
		return CodeConflict
	case status == 429:
		return CodeRateLimited
	case status >= 500:
		return CodeUnavailable
	case status >= 400:
		return CodeInvalidArgument
	default:
		return CodeUnknown
	}
}

// DeliveryOfHTTPStatus returns what an answer says about paper by its status
// alone, in the cautious way: 400, 401, 402, 403, 404, 405, 410, 413, 415, 422 and
// 429 are [Refused], and everything else, 408, 409, redirects and 5xx included, is
// [Unknown]: a 2xx, too, is an acceptance only by what its body says. A vendor's
// documentation may move a status from one side to the other.
func DeliveryOfHTTPStatus(status int) Delivery {
	switch {
	case status >= 400 && status <= 405 || status == 410 || status == 413 || status == 415 || status == 422 || status == 429:
		return Refused
	default:
		return Unknown
	}
}
