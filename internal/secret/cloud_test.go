package secret

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/rsa"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/muster-dr/muster/internal/cloudtest"
	"github.com/muster-dr/muster/internal/plan"
	"github.com/muster-dr/muster/internal/waittest"
)

const inCloudKept = "kanariya-in-the-cloud"

func cloudOf(t *testing.T) Stores {
	t.Helper()
	return Stores{Cloud: NewCloud(CloudOptions{Program: cloudtest.Program(t)})}
}

// told holds an error's words, in both languages, and that they give nothing away.
func told(t *testing.T, err error, want ...string) {
	t.Helper()
	if err == nil {
		t.Errorf("no error, want %q", want)
		return
	}
	said := plan.SaidBy(err)
	if said.EN == said.JA || said.JA == "" {
		t.Errorf("%q is in one language", said.Both())
	}
	for _, w := range want {
		if !strings.Contains(said.EN, w) {
			t.Errorf("%q does not say %q", said.EN, w)
		}
	}
	for _, no := range []string{inCloudKept, inCloudKept[1:], cloudtest.AWSSecretKey, cloudtest.AzureSecret, "token-that-a-cloud-gave", "PRIVATE KEY"} {
		if strings.Contains(said.Both()+err.Error(), no) {
			t.Errorf("%q gives %q away", said.Both(), no)
		}
	}
}

// refsOf are one reference at each cloud, and what the test's clouds call it.
var refsOf = map[string]string{
	"secret://aws/orders/db":      "aws/orders/db",
	"secret://gcp/orders-prod/db": "gcp/orders-prod/db/latest",
	"secret://azure/orders-kv/db": "azure/db",
}

func TestTheCloudsGiveSecretsAndFields(t *testing.T) {
	c := cloudtest.Start(t)
	r := cloudOf(t)
	fields := fmt.Sprintf(`{"user":"app","password":%q,"port":5432}`, inCloudKept)
	arn := "arn:aws:secretsmanager:" + cloudtest.AWSRegion + ":123456789012:secret:orders/db-AbCdEf"
	for name, value := range map[string]string{"aws/orders/db": inCloudKept, "aws/orders/json": fields, "aws/" + arn: fields, "gcp/orders-prod/db/latest": inCloudKept, "gcp/orders-prod/db/3": fields,
		"azure/db": inCloudKept, "azure/json": fields, "aws/short": "abc", "gcp/orders-prod/binary/latest": "\xff\xfe\x00\x01binary", "aws/lines": "-----BEGIN\n\"'$`\n-----END\n"} {
		c.Put(name, value)
	}
	if OnMachine("secret://aws/orders/db") || OnMachine("secret://vault/kv/db#x") || !OnMachine("secret://env/DB") || !OnMachine("secret://file/etc/db") {
		t.Error("who says the way out is not known")
	}
	for ref, want := range map[string]string{
		"secret://aws/orders/db":                      inCloudKept,
		"secret://aws/orders/json#password":           inCloudKept,
		"secret://aws/" + arn + "#password":           inCloudKept,
		"secret://aws/lines":                          "-----BEGIN\n\"'$`\n-----END\n",
		"secret://gcp/orders-prod/db":                 inCloudKept,
		"secret://gcp/orders-prod/db/3#password":      inCloudKept,
		"secret://azure/orders-kv/db":                 inCloudKept,
		"secret://azure/orders-kv/json#password":      inCloudKept,
		"secret://azure/orders-kv.vault.azure.net/db": inCloudKept,
	} {
		if got, err := r.Resolve(t.Context(), ref); err != nil || got != want {
			t.Errorf("%s: %q %v", ref, got, err)
		}
	}
	for ref, want := range map[string]string{
		"secret://aws/orders/json#port":                                "no text in that field",
		"secret://aws/orders/json#none":                                "no text in that field",
		"secret://aws/orders/db#password":                              "a key of a JSON object",
		"secret://aws/short":                                           "choose a longer one",
		"secret://aws/orders/json#":                                    "write secret://aws/NAME-OR-ARN#FIELD",
		"secret://aws/arn:aws:s3:ap-northeast-1:123456789012:secret:o": "write secret://aws/NAME-OR-ARN#FIELD",
		"secret://gcp/orders-prod/binary":                              "no text (UTF-8)",
		"secret://gcp/orders-prod":                                     "write secret://gcp/PROJECT/SECRET",
		"secret://gcp/orders-prod/db/../../x":                          "write secret://gcp/PROJECT/SECRET",
		"secret://azure/orders-kv":                                     "write secret://azure/VAULT/SECRET",
		"secret://azure/orders-kv.vault.azure.net.attacker.example/db": "write secret://azure/VAULT/SECRET",
	} {
		before := len(c.Asked())
		_, err := r.Resolve(t.Context(), ref)
		told(t, err, want, ref)
		if strings.HasPrefix(want, "write ") && len(c.Asked()) != before {
			t.Errorf("%s: a store was asked", ref)
		}
	}
}

func TestTheCloudsRefuse(t *testing.T) {
	c := cloudtest.Start(t)
	r := cloudOf(t)
	for _, name := range refsOf {
		c.Put(name, inCloudKept)
	}
	for fault, want := range map[cloudtest.Fault]string{
		cloudtest.Forbidden: "does not let us read it",
		cloudtest.Throttled: "asked too often",
		cloudtest.Broken:    "does not serve",
		cloudtest.Garbage:   "can't be read",
	} {
		c.Do(fault)
		for ref := range refsOf {
			_, err := r.Resolve(t.Context(), ref)
			told(t, err, want, ref)
		}
	}
	c.Do(cloudtest.Well)
	for ref, name := range refsOf {
		c.Put(name, "") // it is disabled
		_, err := r.Resolve(t.Context(), ref)
		told(t, err, "disabled or deleted", ref)
		_, err = r.Resolve(t.Context(), strings.TrimSuffix(ref, "db")+"none")
		told(t, err, "has nothing there", "none")
	}
}

func TestTheCloudsDoNotKnowUs(t *testing.T) {
	c := cloudtest.Start(t)
	r := cloudOf(t)
	for _, name := range refsOf {
		c.Put(name, inCloudKept)
	}
	other, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	account := filepath.Join(t.TempDir(), "other.json")
	c.WriteAccount(t, account, other)
	for _, w := range []struct{ name, value, ref, want string }{
		{"AWS_SECRET_ACCESS_KEY", cloudtest.AWSSecretKey + "-wrong", "secret://aws/orders/db", "InvalidSignatureException"},
		{"AWS_ACCESS_KEY_ID", "AKIAMUSTERTEST000002", "secret://aws/orders/db", "UnrecognizedClientException"},
		{"GOOGLE_APPLICATION_CREDENTIALS", account, "secret://gcp/orders-prod/db", "Invalid JWT Signature"},
		{"GOOGLE_APPLICATION_CREDENTIALS", "/nowhere/account.json", "secret://gcp/orders-prod/db", "/nowhere/account.json"},
		{"AZURE_CLIENT_SECRET", cloudtest.AzureSecret + "-wrong", "secret://azure/orders-kv/db", "AADSTS7000215"},
		{"AZURE_CLIENT_ID", "", "secret://azure/orders-kv/db", "EnvironmentCredential"},
	} {
		t.Run(w.want, func(t *testing.T) {
			t.Setenv(w.name, w.value)
			_, err := r.Resolve(t.Context(), w.ref)
			told(t, err, "does not know us, or we have no credentials", w.want, w.ref)
		})
	}
	t.Run("no region", func(t *testing.T) {
		t.Setenv("AWS_REGION", "")
		_, err := r.Resolve(t.Context(), "secret://aws/orders/db")
		told(t, err, "AWS_REGION")
		if ja := plan.SaidBy(err).JA; strings.Contains(ja, "no region") || !strings.Contains(ja, "リージョンが不明です") {
			t.Errorf("%q is not said in Japanese", ja)
		}
	})
	t.Run("not reached", func(t *testing.T) {
		t.Setenv("AWS_REGION", "us-east-1") // which the proxy leads nowhere
		_, err := r.Resolve(t.Context(), "secret://aws/orders/db")
		told(t, err, "can't be reached")
	})
}

// until waits for what must come.
func until(t *testing.T, what string, holds func() bool) {
	t.Helper()
	waittest.Eventually(t, 30*time.Second, func() string {
		if holds() {
			return ""
		}
		return "not: " + what
	})
}

func TestWhoAsksForWhatIsJustBeingReadSharesTheAnswer(t *testing.T) {
	const ref = "secret://aws/orders/db"
	c := cloudtest.Start(t)
	c.Put("aws/orders/db", inCloudKept)
	c.Do(cloudtest.Silent)
	r := cloudOf(t)
	ctx, cancel := context.WithCancel(t.Context())
	first, second := make(chan error, 1), make(chan string, 1)
	go func() { _, err := r.Resolve(ctx, ref); first <- err }()
	until(t, "the store is asked", func() bool { return len(c.Asked()) == 1 })
	cancel() // the first goes away, and takes nothing from the second
	told(t, <-first, "nobody waited", ref)
	go func() { got, _ := r.Resolve(t.Context(), ref); second <- got }()
	c.Do(cloudtest.Well)
	if got := <-second; got != inCloudKept {
		t.Errorf("%q", got)
	}
	c.Put("aws/orders/db", inCloudKept+" changed") // and nothing is kept
	if got, err := r.Resolve(t.Context(), ref); err != nil || got != inCloudKept+" changed" {
		t.Errorf("%q %v", got, err)
	}
}

func TestASilentCloudIsNotWaitedForAndLeavesNoProgram(t *testing.T) {
	const ref = "secret://gcp/orders-prod/db"
	c := cloudtest.Start(t)
	c.Do(cloudtest.Silent)
	r := cloudOf(t)
	r.Cloud.within = time.Second
	_, err := r.Resolve(t.Context(), ref)
	told(t, err, "no answer in time", ref)

	// When muster dies, the pipe that is the program's stdin closes.
	asked := len(c.Asked())
	cmd := exec.Command(cloudtest.Program(t), ref)
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	cmd.Stdout = &out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	until(t, "the store is asked", func() bool { return len(c.Asked()) > asked })
	_ = stdin.Close()
	if err := cmd.Wait(); err == nil || cmd.ProcessState.ExitCode() != 1 || out.Len() > 0 {
		t.Errorf("the program ended with %v and %q", err, out.String())
	}
	until(t, "all who asked are gone", func() bool { return len(c.Gone()) >= 1 })
}

// A terminal or a file keeps what is written to it.
func TestTheProgramOfTheCloudsGivesASecretToAPipeOnly(t *testing.T) {
	c := cloudtest.Start(t)
	c.Put("azure/db", inCloudKept)
	file, err := os.Create(filepath.Join(t.TempDir(), "out"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	for _, args := range [][]string{{"secret://azure/orders-kv/db"}, {"--check", "secret://azure/orders-kv/db"}, {"--check", "secret://azure/orders-kv/none"}} {
		cmd := exec.Command(cloudtest.Program(t), args...)
		cmd.Stdout, cmd.Stderr = file, file
		stdin, err := cmd.StdinPipe() // which stays open, or that alone would end it
		if err != nil {
			t.Fatal(err)
		}
		defer stdin.Close()
		if err := cmd.Run(); (err == nil) != (args[0] == "--check" && strings.HasSuffix(args[1], "/db")) {
			t.Error(args, err)
		}
	}
	b, err := os.ReadFile(file.Name())
	if err != nil || strings.Contains(string(b), inCloudKept) || !strings.Contains(string(b), "db can be read\n") || !strings.Contains(string(b), "none: the store has nothing there, or it is disabled or deleted (HTTP 404, SecretNotFound") {
		t.Errorf("%s %v", b, err)
	}
}

// program writes one that stands for muster-cloud.
func program(t *testing.T, script string) Stores {
	t.Helper()
	file := filepath.Join(t.TempDir(), "muster-cloud")
	if err := os.WriteFile(file, []byte("#!/bin/sh\n"+script+"\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	return Stores{Cloud: NewCloud(CloudOptions{Program: file, Cache: time.Hour})}
}

func TestTheProgramOfTheCloudsIsGivenNoMoreThanItNeeds(t *testing.T) {
	seen := filepath.Join(t.TempDir(), "seen")
	t.Setenv("DB_PASSWORD", inCloudKept)
	t.Setenv("MUSTER_TOKEN", inCloudKept)
	t.Setenv("AWS_PROFILE", "osaka")
	r := program(t, `{ echo "$@"; env; } >> `+seen+`; printf '{"value":"%s"}' `+inCloudKept)
	for range 2 {
		if got, err := r.Resolve(t.Context(), "secret://aws/orders/db#password"); err != nil || got != inCloudKept {
			t.Fatal(got, err)
		}
	}
	b, err := os.ReadFile(seen)
	if err != nil {
		t.Fatal(err)
	}
	if text := string(b); strings.Count(text, "secret://aws/orders/db#password\n") != 1 || !strings.Contains(text, "AWS_PROFILE=osaka\n") || strings.Contains(text, inCloudKept) {
		t.Errorf("the program saw, in place of one question with AWS_PROFILE and no secret:\n%s", text)
	}
}

func TestAProgramOfTheCloudsThatFailsSaysNothing(t *testing.T) {
	for name, script := range map[string]string{
		"crash":    "echo " + inCloudKept + " >&2; exit 3",
		"no JSON":  "echo " + inCloudKept,
		"empty":    "echo '{}'",
		"too long": "yes " + inCloudKept,
	} {
		_, err := program(t, script).Resolve(t.Context(), "secret://gcp/orders/db")
		if err == nil || !strings.Contains(err.Error(), "--check 'secret://gcp/orders/db'") {
			t.Error(name, err)
		}
		told(t, err, "secret://gcp/orders/db")
	}
	_, err := Stores{Cloud: NewCloud(CloudOptions{Program: "/nowhere/muster-cloud"})}.Resolve(t.Context(), "secret://gcp/orders/db")
	told(t, err, "cloud.program", "/nowhere/muster-cloud")
	t.Setenv("PATH", t.TempDir())
	_, err = Stores{}.Resolve(t.Context(), "secret://gcp/orders/db")
	told(t, err, "muster-cloud", "cloud.program", "PATH")
	_, err = Local{}.Resolve(t.Context(), "secret://gcp/orders/db")
	told(t, err, "secret://file/PATH")
}
