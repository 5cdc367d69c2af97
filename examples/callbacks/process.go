package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"time"
)

// process is a receiver at work.
type process struct {
	cmd  *exec.Cmd
	in   io.WriteCloser
	addr string
}

// receiverFlag makes this program the receiver.
const receiverFlag = "-receiver"

// startReceiver starts this program once more, as the receiver.
func startReceiver(o orders) (_ *process, err error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	p := &process{cmd: exec.Command(self, receiverFlag)} //nolint:gosec,noctx // this program; it is killed, or stopped by its input
	p.cmd.Stderr = os.Stderr
	if p.in, err = p.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	if err = json.NewEncoder(p.in).Encode(o); err == nil { //nolint:gosec // the receiver has to have the secret
		p.addr, err = bufio.NewReader(out).ReadString('\n')
	}
	if p.addr = strings.TrimSpace(p.addr); err != nil {
		return nil, errors.Join(fmt.Errorf("the receiver did not start: %w", err), p.kill())
	}
	return p, nil
}

// kill ends the receiver with SIGKILL: it can neither finish nor say anything.
func (p *process) kill() error {
	err := p.cmd.Process.Kill()
	_ = p.cmd.Wait() // it was killed
	return err
}

// stop lets the receiver come to its end.
func (p *process) stop() error {
	return errors.Join(p.in.Close(), p.cmd.Wait())
}

// setClock tells the receiver what time it is.
func (p *process) setClock(ctx context.Context, now time.Time) (err error) {
	body, err := json.Marshal(now)
	if err != nil {
		return err
	}
	resp, err := post(ctx, "http://"+p.addr+"/clock", nil, body)
	if err == nil && resp.status != http.StatusOK {
		err = fmt.Errorf("the receiver's clock: status %d", resp.status)
	}
	return err
}

type answer struct {
	status int
	reason string
}

// post posts a body and returns the answer's status and its text.
func post(ctx context.Context, url string, header http.Header, body []byte) (_ answer, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		return answer{}, err
	}
	if header != nil {
		req.Header = header
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return answer{}, err
	}
	defer func() { err = errors.Join(err, resp.Body.Close()) }()
	text, err := io.ReadAll(io.LimitReader(resp.Body, 1<<10))
	_, reason, _ := strings.Cut(strings.TrimSpace(string(text)), "refused: ")
	return answer{resp.StatusCode, reason}, err
}
