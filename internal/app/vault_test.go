package app

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/muster-dr/muster/internal/api"
	"github.com/muster-dr/muster/internal/config"
	"github.com/muster-dr/muster/internal/run"
	"github.com/muster-dr/muster/internal/vaulttest"
)

// A secret is changed in the vault between two steps, and the vault is sealed before the third
// (row 70 of the fault matrix): each step has the secret of its moment, and without a vault the
// step waits, having begun nothing.
func TestASecretIsChangedAndTheVaultSealedDuringADrill(t *testing.T) {
	v := vaulttest.Start(t)
	v.Put("kv/orders", map[string]any{"password": "before-rotation"})
	dir := t.TempDir()
	gate, seen := filepath.Join(dir, "gate"), filepath.Join(dir, "seen")
	save(t, seen, "")
	step := func(id, needs, wait string) string {
		return fmt.Sprintf(`  - {id: %[1]s%[2]s, at: osaka, timeout: 5m, queue_timeout: 5m, uses: exec.run, with: {argv: [sh, -c, "echo %[1]s $WORD >> %[4]s; while ! test -e %[3]s; do sleep 0.05; done"], secret_env: {WORD: "secret://vault/kv/orders#password"}, look: [grep, -q, %[1]s, %[4]q]}}
`, id, needs, wait, seen)
	}
	plans := keyed(t, gate, seen)
	save(t, filepath.Join(plans, "runbook.yaml"), "kind: Runbook\nname: orders-failover\nsystem: orders\nsteps:\n"+step("one", "", gate+"1")+step("two", ", needs: [one]", gate+"2")+step("three", ", needs: [two]", gate+"2"))
	o, _ := options(t, plans)
	t.Setenv("TEST_ROLE_ID", vaulttest.RoleID)
	t.Setenv("TEST_SECRET_ID", vaulttest.SecretID)
	o.Config.Vault = config.Vault{Address: v.URL, CAFile: v.CAFile, Namespace: vaulttest.Space, Auth: "approle", RoleID: "secret://env/TEST_ROLE_ID", SecretID: "secret://env/TEST_SECRET_ID"}
	u := begin(t, o)
	started, err := u.Start(t.Context(), api.StartRequest{Scenario: "keys", Kind: run.Drill, By: "sato"})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	await(t, "the first step works", func() bool { return lines(seen)() == 1 })
	v.Put("kv/orders", map[string]any{"password": "after-rotation"})
	save(t, gate+"1", "")
	await(t, "the second step works", func() bool { return lines(seen)() == 2 })
	v.Seal(true)
	save(t, gate+"2", "")
	var why string
	until(ctx, t, u, started.Run, func(e run.Event) bool {
		if e.Kind == run.StepWaiting && e.Step == "three" {
			why = e.Reason + string(e.Data)
		}
		return why != ""
	})
	for _, want := range []string{"secret://vault/kv/orders#password", "sealed", "封印"} {
		if !strings.Contains(why, want) {
			t.Errorf("the step waits with %q, which does not say %q", why, want)
		}
	}
	v.Seal(false)
	if _, err := u.Step(ctx, started.Run, "three", api.StepRequest{Act: run.ActRetry, By: "sato", Reason: "unsealed"}); err != nil {
		t.Fatal(err)
	}
	untilEnded(t, u, started.Run)
	if b, _ := os.ReadFile(seen); string(b) != "one before-rotation\ntwo after-rotation\nthree after-rotation\n" {
		t.Errorf("the steps saw %q", b)
	}
}
