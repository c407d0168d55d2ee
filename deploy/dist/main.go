// Command dist builds a release: archives, deb and rpm packages, bills of materials, checksums and their
// signature, byte for byte the same from the same sources: `make dist`.
package main

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

func main() {
	root := flag.String("root", "../..", "the repository")
	out := flag.String("out", "", "folder for what is made; it is emptied")
	version := flag.String("version", "", "such as 1.2.0")
	unix := flag.Int64("time", 0, "time of the sources, in seconds: the one time in everything")
	archs := flag.String("arch", "amd64,arm64", "architectures")
	licences := flag.String("licences", "", "folder with the licences of what is linked, as scripts/licences saves it; \"\" ships none")
	dirty := flag.Bool("dirty", false, "take sources that are in no commit, and say so in the version")
	flag.Parse()
	changed, err := uncommitted(*root)
	switch {
	case err != nil:
	case len(changed) > 0 && !*dirty:
		err = fmt.Errorf("what is in no commit can't be made again from one; commit it, or give -dirty, which marks the version:\n%s", strings.Join(changed, "\n"))
	case len(changed) > 0:
		*version += "-dirty"
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "dist:", err)
		os.Exit(1)
	}
	more, err := texts(*licences)
	if err != nil {
		fmt.Fprintln(os.Stderr, "dist:", err)
		os.Exit(1)
	}
	if err := dist(*root, *out, *version, *unix, strings.Split(*archs, ","), more...); err != nil {
		fmt.Fprintln(os.Stderr, "dist:", err)
		os.Exit(1)
	}
}

func dist(root, out, version string, unix int64, archs []string, more ...item) error {
	if out == "" || version == "" || unix == 0 {
		return errors.New("give -out, -version and -time; make dist does")
	}
	root, err := filepath.Abs(root)
	if err != nil {
		return err
	}
	if out, err = filepath.Abs(out); err != nil {
		return err
	}
	if err := errors.Join(os.RemoveAll(out), os.MkdirAll(out, 0o755)); err != nil {
		return err
	}
	work, err := os.MkdirTemp("", "muster-dist-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(work) }()
	r := release{version: version, at: time.Unix(unix, 0).UTC(), out: out}
	for _, arch := range archs {
		bin := filepath.Join(work, arch)
		if err := build(root, bin, arch, version); err != nil {
			return err
		}
		for _, p := range programs {
			if err := bill(filepath.Join(bin, p.name), version); err != nil {
				return err
			}
		}
		list, err := contents(root, bin, bin)
		if err != nil {
			return err
		}
		if err := r.pack(arch, inOrder(append(list, more...))); err != nil {
			return err
		}
	}
	if err := r.sum(); err != nil {
		return err
	}
	key := os.Getenv("MINISIGN_KEY")
	if key == "" {
		fmt.Fprintln(os.Stderr, "dist: not signed; MINISIGN_KEY names the releaser's key, MINISIGN_PASSWORD_FILE the file with its password")
		return nil
	}
	password := ""
	if f := os.Getenv("MINISIGN_PASSWORD_FILE"); f != "" {
		b, err := os.ReadFile(f)
		if err != nil {
			return err
		}
		password = strings.TrimRight(string(b), "\r\n")
	}
	return r.sign(key, password)
}

// build compiles the programs. Nothing of this machine gets into them: no paths, no state of git, no build ID.
func build(root, bin, arch, version string) error {
	toolchain, err := compiler(root)
	if err != nil {
		return err
	}
	for _, p := range programs {
		cmd := exec.Command("go", "build", "-trimpath", "-buildvcs=false", "-ldflags", "-buildid= -s -w -X github.com/muster-dr/muster/internal/cli.number="+version,
			"-o", filepath.Join(bin, p.name), p.pkg)
		cmd.Dir = filepath.Join(root, p.module)
		cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS=linux", "GOARCH="+arch, "GOAMD64=v1", "GOARM64=v8.0", "GOFLAGS=", "GOWORK=off", "GOEXPERIMENT=", "GOTOOLCHAIN=go"+strings.TrimPrefix(toolchain, "go"))
		cmd.Stderr = os.Stderr
		fmt.Fprintln(os.Stderr, "dist: building", p.name, "for", arch)
		if err := cmd.Run(); err != nil {
			return fmt.Errorf("build %s for %s: %w", p.name, arch, err)
		}
	}
	return nil
}

// compiler is the version of Go that go.mod names, whichever the environment prefers.
func compiler(root string) (string, error) {
	b, err := os.ReadFile(filepath.Join(root, "go.mod"))
	if err != nil {
		return "", err
	}
	found := ""
	for line := range strings.Lines(string(b)) {
		switch f := strings.Fields(line); {
		case len(f) == 2 && (f[0] == "toolchain" || f[0] == "go" && found == ""):
			found = f[1]
		}
	}
	if found == "" {
		return "", errors.New("go.mod names no version of Go")
	}
	return found, nil
}

// uncommitted are the files of the sources that no commit has as they are. Outside git it can't be told.
func uncommitted(root string) ([]string, error) {
	out, err := exec.Command("git", "-C", root, "status", "--porcelain").Output()
	if err != nil {
		return nil, fmt.Errorf("what is committed can't be told: %w", err)
	}
	return strings.FieldsFunc(string(out), func(r rune) bool { return r == '\n' }), nil
}

// bill writes a program's bill of materials (CycloneDX) beside it, from what the program itself says it is
// made of.
func bill(program, version string) error {
	cmd := exec.Command("go", "tool", "cyclonedx-gomod", "bin", "-json", "-noserial", "-notimestamp", "-version", "v"+version, "-output", program+".cdx.json", program)
	said, err := cmd.CombinedOutput()
	if err != nil {
		return fmt.Errorf("bill of materials of %s: %w\n%s", filepath.Base(program), err, said)
	}
	return nil
}
