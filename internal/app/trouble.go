// Package app is the processes that muster runs as: the server, a site's worker, and
// `muster up`, which is all of them and the engine on one machine.
package app

import (
	"errors"
	"io/fs"
	"strings"
	"syscall"

	"github.com/muster-dr/muster/internal/i18n"
	"github.com/muster-dr/muster/internal/nearest"
	"github.com/muster-dr/muster/internal/plan"
)

// Trouble is why a process could not start or go on: what is wrong, and the way out.
type Trouble struct {
	What   string
	WayOut string
	Err    error
	// Mistake marks what the caller has set wrong, as against what the machine lacks.
	Mistake bool
	inUse   bool // another muster has the data directory
	// Refused marks what a guard said no to.
	Refused bool
}

func (t *Trouble) Error() string {
	s := t.What
	if t.Err != nil {
		s += ": " + t.Err.Error()
	}
	if t.WayOut != "" {
		s += "\n" + t.WayOut
	}
	return s
}

func (t *Trouble) Unwrap() error { return t.Err }

// notThere is the way out where a name is none of those that there are: the one that was probably meant, and all. Its What is the caller's.
func notThere(l i18n.Lang, name string, there []string) *Trouble {
	t := &Trouble{Mistake: true, WayOut: l.T("There are: %s", "登録済み: %s", strings.Join(there, ", "))}
	if len(there) == 0 {
		t.WayOut = l.T("There is none", "登録されていません")
	}
	if near := nearest.Word(name, there); near != "" {
		t.WayOut = l.T("Did you mean %q? ", "%q の間違いではありませんか。", near) + t.WayOut
	}
	return t
}

// plainDisk puts a full disk into words of both languages.
func plainDisk(err error) error {
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) {
		return plan.Wrong("the disk is full; free some space and try again", "ディスクの空きがありません。空き容量を確保してから、もう一度実行してください")
	}
	return err
}

// fileTrouble explains why a place on disk can't be used.
func fileTrouble(l i18n.Lang, path string, err error) error {
	t := &Trouble{What: l.T("%s can't be used", "%s を利用できません", path), Err: spoken{l, err}}
	switch {
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		t.WayOut = l.T("The disk is full: free some space. Runs in progress go on by themselves after that", "ディスクの空きがありません。空き容量を確保してください。進行中の実施はその後自動で続行します")
	case errors.Is(err, fs.ErrPermission), errors.Is(err, syscall.EROFS):
		t.WayOut = l.T("Give this user the right to write there, or name another directory with --data", "書き込み権限を与えるか、--data で別のディレクトリを指定してください")
	case errors.Is(err, syscall.ENOTDIR), errors.Is(err, fs.ErrExist):
		t.WayOut = l.T("Something that is no directory is in the way; name another one with --data", "ディレクトリでないものがあります。--data で別の場所を指定してください")
	default:
		t.WayOut = l.T("`muster doctor` says more", "詳細は `muster doctor` で確認できます")
	}
	return t
}
