package app

import (
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/muster-dr/muster/internal/config"
	"github.com/muster-dr/muster/internal/i18n"
)

// listen opens the API's address, or says who has it.
func listen(ctx context.Context, l i18n.Lang, address string) (net.Listener, error) {
	var lc net.ListenConfig
	ln, err := lc.Listen(ctx, "tcp", address)
	if err == nil {
		return ln, nil
	}
	t := &Trouble{What: l.T("can't listen on %s", "%s で待ち受けできません", address), Err: bareNet(err)}
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		t.Err = nil
		t.What = l.T("%s is taken by another program", "%s は別のプログラムが使用中です", address)
		ask, cancel := context.WithTimeout(ctx, 2*time.Second)
		defer cancel()
		here := config.Config{Listen: address}.Here()
		if there := mainsThere(ask, []string{"https://" + here, "http://" + here}); len(there) > 0 {
			t.What = l.T("a muster server already answers at %s", "musterサーバーが %s で既に動作しています", there[0])
		}
		t.WayOut = l.T("Use that one, end it, or choose another port with --listen", "そちらを使うか、終了させるか、--listen で別のポートを指定してください")
	case errors.Is(err, syscall.EACCES):
		t.WayOut = l.T("Ports below 1024 need a privilege; choose another with --listen", "1024未満のポートには権限が必要です。--listen で別のポートを指定してください")
	default:
		t.Mistake = true
		if errors.Is(err, syscall.EADDRNOTAVAIL) {
			t.What, t.Err = l.T("can't listen on %s: this machine has no such address", "%s で待ち受けできません: このマシンにないアドレスです", address), nil
		}
		t.WayOut = l.T("Give an address of this machine with --listen, such as 127.0.0.1:7700", "--listen でこのマシンのアドレスを指定してください。例: 127.0.0.1:7700")
	}
	return nil, t
}

// ownTLS is the server's side of HTTPS; nil is HTTP. The files are read for every
// connection, so that a new certificate needs no restart; one that is half written leaves the
// last good one in use.
func ownTLS(l i18n.Lang, c config.Config) (*tls.Config, error) {
	if !c.Encrypted() {
		return nil, nil
	}
	pair, err := tls.LoadX509KeyPair(c.TLS.CertFile, c.TLS.KeyFile)
	if err != nil {
		return nil, &Trouble{Mistake: true, What: l.T("tls: the server's certificate can't be used", "tls: サーバー証明書を使用できません"), Err: spoken{l, err},
			WayOut: l.T("tls.cert_file and tls.key_file name two PEM files that belong together and that muster's user may read", "tls.cert_file と tls.key_file には、対になるPEMファイルを、musterの実行ユーザーが読めるように指定してください")}
	}
	var last atomic.Pointer[tls.Certificate]
	last.Store(&pair)
	return &tls.Config{MinVersion: tls.VersionTLS12, GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
		if fresh, err := tls.LoadX509KeyPair(c.TLS.CertFile, c.TLS.KeyFile); err == nil {
			last.Store(&fresh)
		}
		return last.Load(), nil
	}}, nil
}

func bareNet(err error) error {
	if op := new(net.OpError); errors.As(err, &op) {
		return op.Err
	}
	return err
}

// serve answers requests until ctx ends, then lets those in progress finish for a moment.
func serve(ctx context.Context, ln net.Listener, h http.Handler, secured *tls.Config, log *slog.Logger) error {
	base, end := context.WithCancel(context.WithoutCancel(ctx))
	defer end()
	srv := &http.Server{
		Handler:           h,
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelDebug), // strangers that speak no TLS, and so on
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       15 * time.Second,
		WriteTimeout:      60 * time.Second, // a long poll takes up to 25 s
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    32 << 10,
		BaseContext:       func(net.Listener) context.Context { return base },
	}
	done := make(chan error, 1)
	go func() {
		if secured == nil {
			done <- srv.Serve(ln)
			return
		}
		srv.TLSConfig = secured
		done <- srv.ServeTLS(ln, "", "")
	}()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
	}
	// Acts in progress get their answer; long polls would not end by themselves.
	polls := time.AfterFunc(time.Second, end)
	defer polls.Stop()
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
	defer cancel()
	if err := srv.Shutdown(last); err != nil {
		_ = srv.Close()
	}
	<-done
	return nil
}
