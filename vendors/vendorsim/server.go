package vendorsim

import (
	"errors"
	"net"
	"net/http"
	"time"
)

// Server is a simulator that listens on this machine. Make one with [Start].
type Server struct {
	*Sim
	// URL is where it listens, as in "http://127.0.0.1:41234": Lob's API is at
	// URL + "/lob/v1", PCM's at URL + "/pcm", PostGrid's at URL +
	// "/postgrid/print-mail/v1".
	URL string

	http *http.Server
}

// Start starts a simulator on a free port of the loopback interface. Call
// [Server.Close] when done.
func Start(cfg Config) (*Server, error) {
	sim, err := New(cfg)
	if err != nil {
		return nil, err
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0") //nolint:noctx // loopback; it does not wait
	if err != nil {
		return nil, errors.Join(err, sim.Close())
	}
	s := &Server{Sim: sim, URL: "http://" + listener.Addr().String()}
	s.http = &http.Server{Handler: sim.Handler(), ReadHeaderTimeout: 10 * time.Second}
	go func() { _ = s.http.Serve(listener) }() // returns when Close is called
	return s, nil
}

// Close stops listening and closes the simulator.
func (s *Server) Close() error { return errors.Join(s.http.Close(), s.Sim.Close()) }
