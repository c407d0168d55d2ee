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
		if short(c.Token) {
			return "", &Trouble{What: l.T("token (MUSTER_TOKEN) has fewer than %d characters", "token (MUSTER_TOKEN) が%d文字未満です", shortestToken),
				WayOut: l.T("Whoever guesses it is the console: make one with `openssl rand -hex 32`, or leave it out and the server makes its own", "推測されるとコンソールとして操作されます。`openssl rand -hex 32` で作るか、指定を外してサーバーに作らせてください"), Mistake: true}
		}
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

// shortestToken is how many characters a token of the server has at least.
const shortestToken = 20

func short(token string) bool { return len(strings.TrimSpace(token)) < shortestToken }

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
	if short(token) {
		return "", &Trouble{What: l.T("%s holds no token of 20 characters or more", "%s に20文字以上のトークンがありません", path),
			WayOut: l.T("Remove the file: the server makes a new one when it starts", "ファイルを削除してください。サーバーの起動時に新しく作られます"), Mistake: true}
	}
	return token, nil
}
