package ssh

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"os"
	"strconv"
	"strings"

	"github.com/pkg/sftp"

	"github.com/muster-dr/muster/activities"
	"github.com/muster-dr/muster/internal/plan"
)

// Copy is the parameters of ssh.copy.
type Copy struct {
	Host Target `json:"host" kind:"ssh" example:"app1" help:"Host that gets the file." ja:"ファイルの送信先ホスト"`
	From string `json:"from" reach:"path" help:"File on the site worker's machine; empty takes text." ja:"拠点ワーカーのマシン上のファイル。空なら text を使う" default:"" example:"/srv/releases/orders.conf"`
	Text string `json:"text" help:"The file's content, when from is empty." ja:"from が空の場合のファイルの内容" default:""`
	To   string `json:"to" help:"Absolute path on the host; its folder must be there." ja:"ホスト上の絶対パス。親フォルダーは存在している必要がある" example:"/etc/orders/orders.conf"`
	Mode string `json:"mode" help:"Permissions, octal, in quotes." ja:"パーミッション（8進数。引用符で囲む）" default:"0644" example:"\"0644\""`
}

// Copied is its result.
type Copied struct {
	Path   string `json:"path" help:"The file on the host." ja:"ホスト上のファイル"`
	Bytes  int64  `json:"bytes" help:"Its size." ja:"大きさ"`
	SHA256 string `json:"sha256" help:"Digest of its content, read back." ja:"読み戻した内容のダイジェスト"`
}

// source is what is to be copied; its digest is what the goal is held against.
func (p Copy) source() (io.ReadCloser, error) {
	if p.From == "" {
		return io.NopCloser(strings.NewReader(p.Text)), nil
	}
	f, err := os.Open(p.From)
	if err != nil {
		return nil, activities.RefusedBoth("from: %v", "from：%v", err)
	}
	return f, nil
}

func (p Copy) mode() (os.FileMode, error) {
	m, err := strconv.ParseUint(p.Mode, 8, 12)
	if err != nil {
		return 0, activities.RefusedBoth("mode: %q is no octal number such as \"0644\"", "mode：%q は \"0644\" のような 8 進数ではない", p.Mode)
	}
	return os.FileMode(m), nil
}

func upload(ctx context.Context, p Copy) (out Copied, err error) {
	mode, err := p.mode()
	if err != nil {
		return out, err
	}
	if !strings.HasPrefix(p.To, "/") {
		return out, activities.RefusedBoth("to: %q is not absolute", "to：%q は絶対パスではない", p.To)
	}
	c, err := p.open(ctx)
	if err != nil {
		return out, notBegun(err)
	}
	defer c.end()
	in, err := p.source()
	if err != nil {
		return out, err
	}
	defer in.Close()
	part := p.To + ".muster-part" // replaced whole, so that nobody reads a half
	f, err := c.OpenFile(part, os.O_WRONLY|os.O_CREATE|os.O_TRUNC)
	if err != nil {
		return out, fmt.Errorf("write %s on %s: %w", part, p.Host.Name, err)
	}
	sum := sha256.New()
	_, err = io.Copy(f, io.TeeReader(in, sum))
	err = errors.Join(err, f.Close())
	if err == nil {
		err = errors.Join(c.Chmod(part, mode), c.PosixRename(part, p.To))
	}
	if err != nil {
		_ = c.Remove(part)
		if ctx.Err() != nil {
			err = context.Cause(ctx)
		}
		return out, fmt.Errorf("copy to %s on %s: %w", p.To, p.Host.Name, err)
	}
	if out, err = c.readBack(p.To); err != nil {
		return out, err
	}
	if want := digest(sum); out.SHA256 != want {
		return out, activities.FindingBoth("%s on %s reads back as %s, and %s was written: somebody else writes it, or its disk lies", "%s（%s）を読み戻すと %s で、書き込んだのは %s：ほかの誰かが書き込んでいるか、ディスクの異常", p.To, p.Host.Name, out.SHA256, want)
	}
	return out, nil
}

func lookCopied(ctx context.Context, p Copy) (activities.Seen, error) {
	in, err := p.source()
	if err != nil {
		return activities.Seen{}, err
	}
	defer in.Close()
	sum := sha256.New()
	if _, err := io.Copy(sum, in); err != nil {
		return activities.Seen{}, err
	}
	mode, err := p.mode()
	if err != nil {
		return activities.Seen{}, err
	}
	c, err := p.open(ctx)
	if err != nil {
		return activities.Seen{}, err
	}
	defer c.end()
	st, err := c.Stat(p.To)
	if errors.Is(err, fs.ErrNotExist) {
		return activities.Seen{Sight: plan.HoldsNot, Detail: activities.Lacking("%s is not there", "%s がない", p.To).Both()}, nil
	}
	if err != nil {
		return activities.Seen{}, fmt.Errorf("%s on %s: %w", p.To, p.Host.Name, err)
	}
	got, err := c.readBack(p.To)
	if err != nil {
		return activities.Seen{}, err
	}
	if got.SHA256 != digest(sum) || st.Mode().Perm() != mode.Perm() {
		return activities.Seen{Sight: plan.HoldsNot, Detail: activities.Lacking("%s has other content or permissions", "%s の内容または権限が異なる", p.To).Both()}, nil
	}
	return activities.Seen{Sight: plan.Holds, Detail: activities.Lacking("%s has this content", "%s は同じ内容である", p.To).Both(), Output: got}, nil
}

func digest(h hash.Hash) string { return hex.EncodeToString(h.Sum(nil)) }

// files is a host's file system; end ends the connection under it, which ctx does too.
type files struct {
	*sftp.Client
	end func()
}

func (p Copy) open(ctx context.Context) (files, error) {
	c, err := dial(ctx, p.Host)
	if err != nil {
		return files{}, err
	}
	stop := context.AfterFunc(ctx, func() { _ = c.Close() })
	unwatch := watch(c)
	s, err := sftp.NewClient(c)
	if err != nil {
		stop()
		_ = c.Close()
		unwatch()
		return files{}, fmt.Errorf("host %s offers no file transfer (sftp): %w", p.Host.Name, err)
	}
	return files{s, func() { stop(); _ = s.Close(); _ = c.Close(); unwatch() }}, nil
}

func (f files) readBack(path string) (Copied, error) {
	in, err := f.Open(path)
	if err != nil {
		return Copied{}, fmt.Errorf("read %s back: %w", path, err)
	}
	defer in.Close()
	sum := sha256.New()
	n, err := io.Copy(sum, in)
	if err != nil {
		return Copied{}, fmt.Errorf("read %s back: %w", path, err)
	}
	return Copied{Path: path, Bytes: n, SHA256: digest(sum)}, nil
}
