package redistest

import (
	"bufio"
	"io"
	"net"
	"strconv"
	"strings"
	"testing"

	"github.com/muster-dr/muster/internal/redislink"
)

// Lying is a server in front of another that answers OK to a command, in a transaction
// too, and does not do it; everything else is the other's answer.
func Lying(t testing.TB, of *Server, command ...string) redislink.Target {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go relay(c, redislink.Address(of.Target.Spec), strings.Join(command, " "))
		}
	}()
	out := of.Target
	out.Spec.Port, out.Spec.Config = l.Addr().(*net.TCPAddr).Port, ""
	return out
}

// harmless is a command whose answer is OK, also from within a transaction.
const harmless = "*3\r\n$6\r\nCLIENT\r\n$7\r\nSETNAME\r\n$4\r\nliar\r\n"

func relay(client net.Conn, to, lie string) {
	defer client.Close()
	server, err := net.Dial("tcp", to)
	if err != nil {
		return
	}
	defer server.Close()
	in, out := bufio.NewReader(client), bufio.NewReader(server)
	for {
		raw, words, err := readCommand(in)
		if err != nil {
			return
		}
		if said := strings.ToUpper(strings.Join(words, " ")); said == lie || strings.HasPrefix(said, lie+" ") {
			if raw = harmless; words[0] == "SENTINEL" {
				raw = "*1\r\n$4\r\nPING\r\n"
			}
		}
		if _, err := io.WriteString(server, raw); err != nil {
			return
		}
		answer, err := readAnswer(out)
		if err != nil {
			return
		}
		if _, err := io.WriteString(client, answer); err != nil {
			return
		}
	}
}

// readCommand reads one command of the protocol: its bytes, and its words.
func readCommand(r *bufio.Reader) (raw string, words []string, err error) {
	head, err := r.ReadString('\n')
	if err != nil {
		return "", nil, err
	}
	n, err := strconv.Atoi(strings.TrimSpace(strings.TrimPrefix(head, "*")))
	raw = head
	for range n {
		one, err := readAnswer(r)
		if err != nil {
			return "", nil, err
		}
		raw += one
		_, word, _ := strings.Cut(one, "\r\n")
		words = append(words, strings.TrimSuffix(word, "\r\n"))
	}
	return raw, words, err
}

// readAnswer reads one answer of the protocol, with what is nested in it.
func readAnswer(r *bufio.Reader) (string, error) {
	head, err := r.ReadString('\n')
	if err != nil {
		return "", err
	}
	n, _ := strconv.Atoi(strings.TrimSpace(head[1:]))
	switch head[0] {
	case '$':
		if n < 0 {
			return head, nil
		}
		body := make([]byte, n+2)
		_, err := io.ReadFull(r, body)
		return head + string(body), err
	case '*':
		for range n {
			one, err := readAnswer(r)
			if err != nil {
				return "", err
			}
			head += one
		}
	}
	return head, nil
}
