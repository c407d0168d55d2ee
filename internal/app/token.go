package app

import (
	"crypto/rand"
	"errors"
	"io/fs"
	"os"
	"strings"

	"github.com/muster-dr/muster/internal/config"
	"github.com/muster-dr/muster/internal/i18n"
)

// serverToken is the API's token: the one that was set, else the one in its file, which
// is made when it is missing.
func serverToken(l i18n.Lang, c config.Config) (string, error) {
	if c.Token != "" {
		return c.Token, nil
	}
	path := c.TokenPath()
	token, err := ReadToken(l, path)
	if !errors.Is(err, fs.ErrNotExist) {
		return token, err
	}
	token = rand.Text() + rand.Text()
	if err := writeSynced(path, token+"\n"); err != nil {
		return "", fileTrouble(l, path, err)
	}
	return token, nil
}

// ReadToken reads a token's file. It refuses one that others may read, as ssh refuses
// such a key. A missing file is fs.ErrNotExist.
func ReadToken(l i18n.Lang, path string) (string, error) {
	info, err := os.Stat(path)
	if err != nil {
		return "", err
	}
	if info.Mode().Perm()&0o077 != 0 {
		return "", &Trouble{What: l.T("Others may read the token in %s (mode %04o)", "%s のトークンを他のユーザーが読めます (モード %04o)", path, info.Mode().Perm()),
			WayOut: l.T("chmod 600 %s, and start the server with a new token if somebody may have read it", "chmod 600 %s を実行し、読まれた可能性があればトークンを作り直してください", path), Mistake: true}
	}
	b, err := os.ReadFile(path)
	if err != nil {
		return "", err
	}
	token := strings.TrimSpace(string(b))
	if len(token) < 20 {
		return "", &Trouble{What: l.T("%s holds no token of 20 characters or more", "%s に20文字以上のトークンがありません", path),
			WayOut: l.T("Remove the file: the server makes a new one when it starts", "ファイルを削除してください。サーバーの起動時に新しく作られます"), Mistake: true}
	}
	return token, nil
}
