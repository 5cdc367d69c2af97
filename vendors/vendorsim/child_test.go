package vendorsim_test

import (
	"net"
	"net/http"
	"time"
)

// childServer serves on a port of its own and returns its URL.
func childServer(h http.Handler) string {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		panic(err)
	}
	server := &http.Server{Handler: h, ReadHeaderTimeout: time.Minute}
	go func() { _ = server.Serve(listener) }()
	return "http://" + listener.Addr().String()
}
