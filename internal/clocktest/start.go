package clocktest

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

const (
	runKey   = "MUSTER_CLOCKTEST_RUN"
	dirKey   = "MUSTER_CLOCKTEST_DIR"
	traceKey = "MUSTER_CLOCKTEST_TRACE"
)

// A test's binary is started in a program's place, and in the place of who looks after it.
func init() {
	var err error
	switch dir := os.Getenv(dirKey); {
	case os.Getenv(traceKey) != "":
		err = attend(os.Getenv(traceKey), dir)
	case os.Getenv(runKey) != "":
		err = become(os.Getenv(runKey), dir)
	default:
		return
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "clocktest:", err)
		os.Exit(70)
	}
	os.Exit(0)
}

// become makes this process the program, once somebody looks after it.
func become(path, dir string) error {
	if err := unix.Prctl(unix.PR_SET_PTRACER, unix.PR_SET_PTRACER_ANY, 0, 0, 0); err != nil && !errors.Is(err, unix.EINVAL) {
		return err // EINVAL: nobody asks for it here
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	env := slices.DeleteFunc(os.Environ(), func(kv string) bool {
		return strings.HasPrefix(kv, runKey+"=") || strings.HasPrefix(kv, dirKey+"=")
	})
	attendant := exec.Command(self)
	attendant.Env = append(slices.Clone(env), traceKey+"="+strconv.Itoa(os.Getpid()), dirKey+"="+dir)
	attendant.Stderr = os.Stderr
	ready, err := attendant.StdoutPipe()
	if err != nil {
		return err
	}
	if err := attendant.Start(); err != nil {
		return err
	}
	if _, err := io.ReadFull(ready, make([]byte, 1)); err != nil {
		return fmt.Errorf("nobody looks after it: %w", err)
	}
	return syscall.Exec(path, append([]string{path}, os.Args[1:]...), env)
}

// attend waits until the process has become its program, and gives it the clock before it runs.
func attend(of, dir string) error {
	pid, err := strconv.Atoi(of)
	if err != nil {
		return err
	}
	if _, _, no := unix.Syscall6(unix.SYS_PTRACE, unix.PTRACE_SEIZE, uintptr(pid), 0, unix.PTRACE_O_TRACEEXEC, 0, 0); no != 0 {
		return fmt.Errorf("seize process %d: %w", pid, no)
	}
	if _, err := os.Stdout.Write([]byte("r")); err != nil {
		return err
	}
	for {
		var status unix.WaitStatus
		if _, err := unix.Wait4(pid, &status, unix.WALL, nil); err != nil {
			if errors.Is(err, unix.EINTR) {
				continue
			}
			return fmt.Errorf("wait for process %d: %w", pid, err)
		}
		switch {
		case status.Exited(), status.Signaled():
			return nil
		case status.StopSignal() == unix.SIGTRAP && status.TrapCause() == unix.PTRACE_EVENT_EXEC:
			return errors.Join(locked(dir, func() error { return giveClock(pid, dir) }), unix.PtraceDetach(pid))
		case status.Stopped():
			signal := int(status.StopSignal())
			if status.TrapCause() > 0 { // not a signal of its own
				signal = 0
			}
			if err := unix.PtraceCont(pid, signal); err != nil {
				return err
			}
		}
	}
}

// magic stands before the offset in a process's memory.
const magic = "clocked\x00"

// giveClock puts a function of ours in place of the kernel's that tells the time. It asks the
// kernel, and adds the offset to the wall clock.
func giveClock(pid int, dir string) error {
	by, err := offset(dir)
	if err != nil {
		return err
	}
	begin, end, err := vdso(pid)
	if err != nil {
		return err
	}
	mem, err := os.OpenFile(fmt.Sprintf("/proc/%d/mem", pid), os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer mem.Close()
	image := make([]byte, end-begin)
	if _, err := mem.ReadAt(image, begin); err != nil {
		return fmt.Errorf("read the vdso: %w", err)
	}
	object, err := elf.NewFile(bytes.NewReader(image))
	if err != nil {
		return fmt.Errorf("read the vdso: %w", err)
	}
	symbols, err := object.DynamicSymbols()
	if err != nil {
		return fmt.Errorf("read the vdso: %w", err)
	}
	i := slices.IndexFunc(symbols, func(s elf.Symbol) bool { return s.Name == entryName })
	if i < 0 {
		return fmt.Errorf("the vdso has no %s", entryName)
	}
	entry := int64(symbols[i].Value)
	ours := slices.Concat([]byte(magic), binary.LittleEndian.AppendUint64(nil, uint64(by)), code)
	at := int64(len(image)-len(ours)) &^ 15
	if len(bytes.Trim(image[at:], "\x00")) > 0 {
		return errors.New("the vdso has no room at its end")
	}
	slot := at + int64(len(magic))
	if _, err := mem.WriteAt(ours, begin+at); err != nil {
		return fmt.Errorf("write the vdso: %w", err)
	}
	if _, err := mem.WriteAt(jump(slot+8-entry), begin+entry); err != nil {
		return fmt.Errorf("write the vdso: %w", err)
	}
	return os.WriteFile(filepath.Join(dir, strconv.Itoa(pid)+slotSuffix), strconv.AppendInt(nil, begin+slot, 10), 0o600)
}

// vdso is where the kernel's functions are in a process's memory.
func vdso(pid int) (begin, end int64, err error) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/maps", pid))
	if err != nil {
		return 0, 0, err
	}
	for line := range strings.Lines(string(b)) {
		if strings.HasSuffix(strings.TrimSpace(line), "[vdso]") {
			_, err := fmt.Sscanf(line, "%x-%x", &begin, &end)
			return begin, end, err
		}
	}
	return 0, 0, errors.New("it has no vdso")
}
