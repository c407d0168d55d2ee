package main

import (
	"bytes"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"aead.dev/minisign"
)

// programsIn copies the programs that `make build` made, with something beside each that stands for its bill of
// materials. Of those that are not to be run the beginning is enough: packing 250 MB takes minutes.
func programsIn(t *testing.T, whole ...string) string {
	t.Helper()
	dir := t.TempDir()
	for _, p := range programs {
		b, err := os.ReadFile(filepath.Join("../../bin", p.name))
		if err != nil {
			t.Fatalf("%v: make build", err)
		}
		if !slices.Contains(whole, p.name) {
			b = b[:1<<20]
		}
		if err := os.WriteFile(filepath.Join(dir, p.name), b, 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, p.name+".cdx.json"), []byte("{}\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func make1(t *testing.T, bin string) release {
	t.Helper()
	r := release{version: "1.2.3", at: time.Unix(1764300000, 0).UTC(), out: t.TempDir()}
	if err := r.pack("amd64", listed(t, bin)); err != nil {
		t.Fatal(err)
	}
	if err := r.sum(); err != nil {
		t.Fatal(err)
	}
	return r
}

func listed(t *testing.T, bin string) []item {
	t.Helper()
	list, err := contents("../..", bin, bin)
	if err != nil {
		t.Fatal(err)
	}
	return list
}

var (
	link    = regexp.MustCompile(`\]\(([^)\s#]+)[^)\s]*\)`)
	inUnit  = regexp.MustCompile(`(?m)^Documentation=file:(\S+)$`)
	inPages = regexp.MustCompile("`((?:deploy/systemd/examples|scenarios/self)[^`\\s]*)`")
)

// Whoever has nothing but the package reads on where its pages and units send them: to pages, in both languages, to examples and to plans.
func TestPagesLeadToWhatIsInThePackage(t *testing.T) {
	there, sent := map[string]bool{}, 0
	list := listed(t, t.TempDir())
	for _, i := range list {
		if there[i.to] {
			t.Errorf("%s is in it twice", i.to)
		}
		for p := i.to; p != "/" && !there[p]; p = path.Dir(p) { // its folders too
			there[p] = true
		}
	}
	leads := func(from, to string) {
		if sent++; !there[strings.TrimSuffix(to, "/")] {
			t.Errorf("%s sends people to %s, which is in no package", from, to)
		}
	}
	for _, i := range list {
		kind := path.Ext(i.to)
		if kind != ".md" && kind != ".service" {
			continue
		}
		b, err := os.ReadFile(i.from)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range inUnit.FindAllStringSubmatch(string(b), -1) {
			leads(i.to, m[1])
		}
		if kind == ".service" || path.Base(i.to) == "CHANGELOG.md" {
			continue
		}
		for _, m := range link.FindAllStringSubmatch(string(b), -1) {
			if !strings.Contains(m[1], "://") {
				leads(i.to, path.Join(path.Dir(i.to), m[1]))
			}
		}
		for _, m := range inPages.FindAllStringSubmatch(string(b), -1) {
			leads(i.to, doc+m[1])
		}
	}
	if sent < 100 {
		t.Errorf("only %d leads were followed", sent)
	}
	for _, page := range []string{"deployment.ja.md", "how-to.ja.md", "board.md", "glossary.md", "actions.ja.md"} {
		if !there[doc+"docs/"+page] {
			t.Errorf("%s is in no package", page)
		}
	}
}

// The same sources make the same bytes, whenever and wherever files were written.
func TestTheSameReleaseIsTheSameBytes(t *testing.T) {
	bin := programsIn(t)
	first := make1(t, bin)
	again := t.TempDir() // other times, other modes, another folder
	for _, p := range programs {
		for _, name := range []string{p.name, p.name + ".cdx.json"} {
			b, err := os.ReadFile(filepath.Join(bin, name))
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(again, name), b, 0o644); err != nil {
				t.Fatal(err)
			}
			if err := os.Chtimes(filepath.Join(again, name), time.Time{}, time.Unix(1, 0)); err != nil {
				t.Fatal(err)
			}
		}
	}
	second := make1(t, again)
	entries, err := os.ReadDir(first.out)
	if err != nil || len(entries) != 4 {
		t.Fatalf("%v, %v; want an archive, a deb, an rpm and the checksums", entries, err)
	}
	for _, e := range entries {
		a, err := os.ReadFile(filepath.Join(first.out, e.Name()))
		b, err2 := os.ReadFile(filepath.Join(second.out, e.Name()))
		if err != nil || err2 != nil || !bytes.Equal(a, b) {
			t.Errorf("%s is another one the second time (%v, %v)", e.Name(), err, err2)
		}
	}
}

// What dpkg unpacks works: the program starts, the units and settings are where systemd and muster look.
func TestTheDebianPackageInstalls(t *testing.T) {
	bin := programsIn(t, "muster")
	r := release{version: "1.2.3", at: time.Unix(1764300000, 0).UTC(), out: t.TempDir()}
	if err := r.system("deb", "amd64", listed(t, bin)); err != nil {
		t.Fatal(err)
	}
	to := t.TempDir()
	if out, err := exec.Command("dpkg-deb", "-x", filepath.Join(r.out, "muster_1.2.3-1_amd64.deb"), to).CombinedOutput(); err != nil {
		t.Fatalf("dpkg-deb (package dpkg): %v\n%s", err, out)
	}
	if out, err := exec.Command(filepath.Join(to, "usr/bin/muster"), "version").CombinedOutput(); err != nil || !strings.HasPrefix(string(out), "muster ") {
		t.Errorf("muster version: %v\n%s", err, out)
	}
	if out, err := exec.Command(filepath.Join(to, "usr/bin/muster-as-service")).CombinedOutput(); err == nil || !strings.Contains(string(out), "which service") {
		t.Errorf("muster-as-service: %v\n%s", err, out)
	}
	for _, f := range []string{"usr/lib/systemd/system/muster-server.service", "usr/lib/systemd/system/muster-worker@.service", "etc/muster/muster.yaml",
		"usr/lib/sysusers.d/muster.conf", "usr/share/doc/muster/copyright", "usr/share/doc/muster/muster.cdx.json"} {
		if st, err := os.Stat(filepath.Join(to, f)); err != nil || st.Mode().Perm() != 0o644 || st.Size() == 0 {
			t.Errorf("%s: %v, %v", f, st, err)
		}
	}
	control := t.TempDir()
	if out, err := exec.Command("dpkg-deb", "-e", filepath.Join(r.out, "muster_1.2.3-1_amd64.deb"), control).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if b, err := os.ReadFile(filepath.Join(control, "conffiles")); err != nil || !strings.Contains(string(b), "/etc/muster/muster.yaml") {
		t.Errorf("an upgrade overwrites the settings: %s, %v", b, err)
	}
	// Installed in a root of its own, by dpkg itself, twice, and taken away again.
	root := t.TempDir()
	for _, d := range []string{"var/lib/dpkg/updates", "var/lib/dpkg/info"} {
		if err := os.MkdirAll(filepath.Join(root, d), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for _, f := range []string{"status", "available"} {
		if err := os.WriteFile(filepath.Join(root, "var/lib/dpkg", f), nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for _, argv := range [][]string{{"--unpack", filepath.Join(r.out, "muster_1.2.3-1_amd64.deb")}, {"--unpack", filepath.Join(r.out, "muster_1.2.3-1_amd64.deb")}} {
		if out, err := exec.Command("dpkg", append([]string{"--root=" + root, "--force-not-root", "--force-script-chrootless", "--log=/dev/null"}, argv...)...).CombinedOutput(); err != nil {
			t.Fatalf("dpkg %v: %v\n%s", argv, err, out)
		}
	}
	for name, script := range map[string]string{"after": after, "before": before} {
		file := filepath.Join(t.TempDir(), name)
		if err := os.WriteFile(file, []byte(script), 0o700); err != nil {
			t.Fatal(err)
		}
		if out, err := exec.Command("sh", "-n", file).CombinedOutput(); err != nil {
			t.Errorf("%s: %v\n%s", name, err, out)
		}
	}
}

// A program says itself what it is made of.
func TestABillOfMaterialsNamesTheModules(t *testing.T) {
	bin := programsIn(t, "muster-witness")
	if err := bill(filepath.Join(bin, "muster-witness"), "1.2.3"); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(filepath.Join(bin, "muster-witness.cdx.json"))
	if err != nil || !strings.Contains(string(b), `"CycloneDX"`) || !strings.Contains(string(b), "pkg:golang/github.com/lib/pq@v") || strings.Contains(string(b), "timestamp") {
		t.Errorf("%.2000s, %v", b, err)
	}
}

// Whoever has the releaser's public key finds a byte that was changed.
func TestAReleaseIsSigned(t *testing.T) {
	r := release{version: "1.2.3", at: time.Unix(1764300000, 0), out: t.TempDir()}
	if err := os.WriteFile(filepath.Join(r.out, "muster.tar.gz"), []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := r.sum(); err != nil {
		t.Fatal(err)
	}
	public, private, err := minisign.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	key, err := minisign.EncryptKey("secret of the test", private)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "key")
	if err := os.WriteFile(file, key, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := r.sign(file, "another"); err == nil {
		t.Error("a wrong password opens the key")
	}
	if err := r.sign(file, "secret of the test"); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(filepath.Join(r.out, sums))
	if err != nil {
		t.Fatal(err)
	}
	signature, err := os.ReadFile(filepath.Join(r.out, sums+".minisig"))
	if err != nil {
		t.Fatal(err)
	}
	verify := func(b []byte) bool {
		m := minisign.NewReader(bytes.NewReader(b))
		var sink bytes.Buffer
		if _, err := sink.ReadFrom(m); err != nil {
			t.Fatal(err)
		}
		return m.Verify(public, signature)
	}
	if !verify(text) || verify(append([]byte("0"), text...)) {
		t.Errorf("verified %v, altered %v; want true and false", verify(text), verify(append([]byte("0"), text...)))
	}
	cmd := exec.Command("sha256sum", "-c", sums)
	cmd.Dir = r.out
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("sha256sum: %v\n%s", err, out)
	}
}

// A release is made of what a commit has; files that are in none are named.
func TestWhatIsInNoCommitIsNamed(t *testing.T) {
	dir := t.TempDir()
	git := func(args ...string) {
		t.Helper()
		if out, err := exec.Command("git", append([]string{"-C", dir, "-c", "user.name=t", "-c", "user.email=t@example.jp"}, args...)...).CombinedOutput(); err != nil {
			t.Fatalf("git %v: %v\n%s", args, err, out)
		}
	}
	git("init", "-q")
	file := filepath.Join(dir, "main.go")
	if err := os.WriteFile(file, []byte("package main"), 0o600); err != nil {
		t.Fatal(err)
	}
	if changed, err := uncommitted(dir); err != nil || len(changed) != 1 || !strings.Contains(changed[0], "main.go") {
		t.Errorf("a new file: %q, %v", changed, err)
	}
	git("add", ".")
	git("commit", "-qm", "first")
	if changed, err := uncommitted(dir); err != nil || len(changed) != 0 {
		t.Errorf("all is committed: %q, %v", changed, err)
	}
	if _, err := uncommitted(t.TempDir()); err == nil {
		t.Error("outside git everything is committed")
	}
	if more, err := texts(dir); err != nil || len(more) == 0 || !strings.HasPrefix(more[0].to, "/usr/share/doc/muster/licences/") {
		t.Errorf("licences: %v, %v", more, err)
	}
	if _, err := texts(t.TempDir()); err == nil {
		t.Error("an empty folder of licences is none")
	}
	if v, err := compiler("../.."); err != nil || !strings.HasPrefix(v, "1.") && !strings.HasPrefix(v, "go1.") {
		t.Errorf("go.mod names %q, %v", v, err)
	}
}
