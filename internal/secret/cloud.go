package secret

import (
	"cmp"
	"context"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/muster-dr/muster/internal/plan"
)

// CloudProgram reads the clouds' stores with their makers' libraries: a program of its own, which ends when it has
// answered, so that no process that stays carries them.
const CloudProgram = "muster-cloud"

const (
	// For one question, signing in counted: less than the 15 s of a check, which then says why it has none.
	// The program itself gives up after 8 s.
	cloudWithin = 10 * time.Second
	cloudAnswer = 1 << 20
	cloudAtOnce = 4 // programs: each takes some tens of MB while it runs
)

// CloudOptions say how the stores of AWS, Google and Azure are read. Who we are there is found by their libraries.
type CloudOptions struct {
	Program string        // path of muster-cloud; "" looks beside the running program and in PATH
	Cache   time.Duration // how long a value is kept; 0 asks each time
}

// Cloud reads secret://aws/NAME#FIELD, secret://gcp/PROJECT/SECRET/VERSION#FIELD and
// secret://azure/VAULT/SECRET#FIELD, each through a run of muster-cloud. Who asks for a reference that is just being
// read gets the same answer.
type Cloud struct {
	o      CloudOptions
	within time.Duration
	turns  chan struct{}

	mu   sync.Mutex
	kept map[string]*asked
}

// asked is a question under way, or its answer for as long as that is kept.
type asked struct {
	done  chan struct{}
	value string
	err   error
}

// NewCloud starts nothing before a secret is asked for.
func NewCloud(o CloudOptions) *Cloud {
	o.Cache = min(o.Cache, longestCache)
	return &Cloud{o: o, within: cloudWithin, turns: make(chan struct{}, cloudAtOnce), kept: map[string]*asked{}}
}

// inCloud is the store that a reference names, if it is a cloud's.
func inCloud(ref string) (cloudStore, bool) {
	name, _, _ := strings.Cut(strings.TrimPrefix(ref, Scheme), "/")
	s, ok := cloudStores[name]
	return s, ok
}

// Resolve reads the secret.
func (c *Cloud) Resolve(ctx context.Context, ref string) (string, error) {
	c.mu.Lock()
	a := c.kept[ref]
	if a == nil {
		a = &asked{done: make(chan struct{})}
		c.kept[ref] = a
		go c.answer(context.WithoutCancel(ctx), ref, a)
	}
	c.mu.Unlock()
	select {
	case <-a.done:
		return a.value, a.err
	case <-ctx.Done():
		return "", plan.Caused(context.Cause(ctx), "%s: nobody waited for it any longer", "%s: 待機が打ち切られました", ref)
	}
}

func (c *Cloud) answer(ctx context.Context, ref string, a *asked) {
	ctx, cancel := context.WithTimeout(ctx, c.within)
	defer cancel()
	a.value, a.err = c.ask(ctx, ref)
	forget := func() {
		c.mu.Lock()
		delete(c.kept, ref)
		c.mu.Unlock()
	}
	if a.err != nil || c.o.Cache <= 0 {
		forget()
	} else {
		time.AfterFunc(c.o.Cache, forget)
	}
	close(a.done)
}

// ask runs the program once. Its errors hold nothing that it printed but what it says that a store said.
func (c *Cloud) ask(ctx context.Context, ref string) (string, error) {
	store, _ := inCloud(ref)
	select {
	case c.turns <- struct{}{}:
		defer func() { <-c.turns }()
	case <-ctx.Done():
		return "", store.wrong(ref, "away", plan.Say("no answer in time", "時間内に応答がありません"))
	}
	program, err := c.program(ref)
	if err != nil {
		return "", err
	}
	out := &atMost{most: cloudAnswer}
	cmd := exec.CommandContext(ctx, program, ref)
	cmd.Env, cmd.Stdout = cloudEnvironment(os.Environ()), out
	cmd.WaitDelay = time.Second                           // what it started may hold its pipes open
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // Ctrl-C is for us to pass on
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	if _, err := cmd.StdinPipe(); err != nil { // which closes with this process, however that ends, and so ends the program
		return "", err
	}
	if err := cmd.Start(); err != nil {
		return "", plan.Caused(err, "%s: %s can't be started", "%s: %s を起動できません", ref, program)
	}
	ended := cmd.Wait()
	var answer struct {
		Value, Why, Said string
		SaidJA           string `json:"said_ja"`
	}
	switch err := json.Unmarshal(out.kept, &answer); {
	case ctx.Err() != nil:
		return "", store.wrong(ref, "away", plan.Say("no answer in time", "時間内に応答がありません"))
	case ended != nil || err != nil || answer.Value == "" && answer.Why == "":
		// Nothing of its last words is passed on: nobody knows what is in them.
		return "", plan.Wrong("%[1]s: %[2]s ended without an answer; as the user of this process run: %[3]s --check '%[1]s'", "%[1]s: %[2]s が応答せずに終了しました。このプロセスの実行ユーザーで次を実行して確認してください: %[3]s --check '%[1]s'",
			ref, CloudProgram, program)
	case answer.Why != "":
		own := ownSecrets(cmd.Env)
		return "", store.wrong(ref, answer.Why, plan.Text{EN: own.Text(answer.Said), JA: own.Text(cmp.Or(answer.SaidJA, answer.Said))})
	}
	return answer.Value, nil
}

func (c *Cloud) program(ref string) (string, error) {
	if given := c.o.Program; given != "" {
		path, err := exec.LookPath(given)
		if err != nil {
			return "", plan.Caused(err, "%s: the program that reads it is not where cloud.program says", "%s: 読み取り用プログラムが cloud.program の場所にありません", ref)
		}
		return filepath.Abs(path)
	}
	beside := "."
	if self, err := os.Executable(); err == nil {
		if real, err := filepath.EvalSymlinks(self); err == nil {
			self = real
		}
		beside = filepath.Dir(self)
		if path, err := exec.LookPath(filepath.Join(beside, CloudProgram)); err == nil {
			return path, nil
		}
	}
	path, err := exec.LookPath(CloudProgram)
	if err != nil {
		return "", plan.Wrong("%s: %s, which reads it, is neither in %s nor in PATH; install it there, or name it with cloud.program in the settings of this process",
			"%s: 読み取り用プログラム %s が %s にもPATHにもありません。そこに置くか、このプロセスの設定の cloud.program で指定してください", ref, CloudProgram, beside)
	}
	return path, nil
}

// cloudVariables are what the makers' libraries look at: settings and credentials of theirs, and how the network and
// its authorities are reached. Nothing else of this process' environment is handed on.
var cloudVariables = regexp.MustCompile(`^((AWS|AZURE|GOOGLE|CLOUDSDK|GCE_METADATA|IDENTITY|MSI|IMDS)_[A-Z0-9_]+|(?i:https?_proxy|no_proxy)|SSL_CERT_(FILE|DIR)|HOME|PATH|TMPDIR)$`)

func cloudEnvironment(all []string) []string {
	var out []string
	for _, v := range all {
		if name, _, _ := strings.Cut(v, "="); cloudVariables.MatchString(name) {
			out = append(out, v)
		}
	}
	return out
}

var secretVariable = regexp.MustCompile(`(_SECRET|_KEY|_PASSWORD|_HEADER|_SESSION_TOKEN|_AUTHORIZATION_TOKEN)$`)

// ownSecrets knows the credentials in an environment: a store's refusal may repeat what it was shown.
func ownSecrets(env []string) *Redactor {
	r := &Redactor{}
	for _, v := range env {
		if name, value, _ := strings.Cut(v, "="); secretVariable.MatchString(name) {
			r.Add(value)
		}
	}
	return r
}

// atMost keeps what is written, up to a length; more ends the writer.
type atMost struct {
	kept []byte
	most int
}

func (b *atMost) Write(p []byte) (int, error) {
	if len(b.kept)+len(p) > b.most {
		return 0, io.ErrShortWrite
	}
	b.kept = append(b.kept, p...)
	return len(p), nil
}
