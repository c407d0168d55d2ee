package evidence

import (
	"bytes"
	"context"
	"crypto"
	"crypto/sha256"
	"crypto/x509"
	"encoding/asn1"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"strconv"
	"strings"
	"time"

	tsp "github.com/notaryproject/tspclient-go"

	"github.com/muster-dr/muster/internal/plan"
)

// Stamp is a time stamp (RFC 3161) of a checkpoint as it is kept: the bytes that were stamped, what the
// authority was asked, and its whole answer. `openssl ts` reads all three.
type Stamp struct {
	Size                        uint64
	Checkpoint, Request, Answer []byte
}

// Stamped is what a time stamp says.
type Stamped struct {
	Size      uint64    `json:"size"` // entries of the log that was stamped
	At        time.Time `json:"at"`   // the authority's clock
	AccuracyS *float64  `json:"accuracy_s,omitempty"`
	Policy    string    `json:"policy"` // the authority's, as an OID
	Serial    string    `json:"serial"`
	Authority string    `json:"authority"` // subject of the certificate that signed
	Issuer    string    `json:"issuer"`
	// CertificateEnds is when that certificate ends. The stamp was made before.
	CertificateEnds time.Time `json:"certificate_ends"`
	// Trusted: the certificate leads to an authority that was given.
	Trusted bool `json:"trusted"`
	// Parts are those of the bundle whose seal is the earliest that it covers; GapS is how long
	// after the newest of them was sealed it was made.
	Parts []int   `json:"parts,omitempty"`
	GapS  float64 `json:"gap_s,omitempty"`
}

// ClockTolerance is how far an authority's clock and the server's may be apart.
const ClockTolerance = 5 * time.Minute

// OpenStamp makes sure of a time stamp: that the request is about this checkpoint, that the answer is to
// this request (digest, nonce, policy), that it is signed, by a certificate for time stamps that was valid
// then, and that this leads to one of the authorities. Without authorities the certificate in the
// answer is taken, and Trusted is false.
func OpenStamp(s Stamp, authorities []*x509.Certificate) (Stamped, error) {
	var req tsp.Request
	if err := req.UnmarshalBinary(s.Request); err != nil {
		return Stamped{}, plan.Wrong("the request can't be read: %v", "要求を読み取れません: %v", err)
	}
	sum := sha256.Sum256(s.Checkpoint)
	if !bytes.Equal(req.MessageImprint.HashedMessage, sum[:]) {
		return Stamped{}, plan.Wrong("the request is about something else: its digest is not that of the checkpoint", "要求のダイジェストがチェックポイントのものではありません（別のものに対する要求です）")
	}
	var answer tsp.Response
	if err := answer.UnmarshalBinary(s.Answer); err != nil {
		return Stamped{}, plan.Wrong("the answer is no time stamp: %v", "応答がタイムスタンプではありません: %v", err)
	}
	token, err := answer.SignedToken()
	if refused := new(tsp.InvalidResponseError); errors.As(err, &refused) {
		return Stamped{}, plan.Wrong("the authority refused: %v", "時刻認証局が拒否しました: %v", refused.Detail)
	}
	if err != nil {
		return Stamped{}, plan.Wrong("the answer is no time stamp: %v", "応答がタイムスタンプではありません: %v", err)
	}
	info, err := token.Info()
	if err != nil {
		return Stamped{}, plan.Wrong("the answer is no time stamp: %v", "応答がタイムスタンプではありません: %v", err)
	}
	out := Stamped{Size: s.Size, At: info.GenTime.UTC(), Policy: info.Policy.String(), Serial: fmt.Sprintf("%X", info.SerialNumber)}
	if a := info.Accuracy; a != (tsp.Accuracy{}) {
		seconds := (time.Duration(a.Seconds)*time.Second + time.Duration(a.Milliseconds)*time.Millisecond + time.Duration(a.Microseconds)*time.Microsecond).Seconds()
		out.AccuracyS = &seconds
	}
	if err := answers(&req, &answer, info); err != nil {
		return out, err
	}
	signer, err := signed(token, info.GenTime, authorities)
	if signer != nil {
		out.Authority, out.Issuer, out.CertificateEnds = signer.Subject.String(), signer.Issuer.String(), signer.NotAfter.UTC()
	}
	if err != nil {
		return out, err
	}
	out.Trusted = len(authorities) > 0
	return out, nil
}

// answers makes sure that an answer is to this request.
func answers(req *tsp.Request, answer *tsp.Response, info *tsp.TSTInfo) error {
	switch {
	case !info.MessageImprint.HashAlgorithm.Algorithm.Equal(req.MessageImprint.HashAlgorithm.Algorithm) || !bytes.Equal(info.MessageImprint.HashedMessage, req.MessageImprint.HashedMessage):
		return plan.Wrong("it is the time stamp of something else: its digest is %x, the checkpoint's %x", "別のもののタイムスタンプです: ダイジェストは %x、チェックポイントは %x", info.MessageImprint.HashedMessage, req.MessageImprint.HashedMessage)
	case req.Nonce == nil:
		return plan.Wrong("the request has no nonce, so an old answer would do", "要求にノンスがなく、過去の応答の流用を排除できません")
	case info.Nonce == nil || info.Nonce.Cmp(req.Nonce) != 0:
		return plan.Wrong("its nonce is %s, and %s was asked for: it is the answer to another request", "ノンスが %s です（要求は %s）。別の要求に対する応答です", number(info.Nonce), number(req.Nonce))
	case req.ReqPolicy != nil && !req.ReqPolicy.Equal(info.Policy):
		return plan.Wrong("its policy is %s, and %s was asked for", "ポリシーが %s です（要求は %s）", info.Policy, req.ReqPolicy)
	}
	if err := answer.Validate(req); err != nil {
		return plan.Wrong("the answer does not fit the request: %v", "応答が要求に合いません: %v", err)
	}
	return nil
}

// number is a nonce as openssl prints it; "-" is none.
func number(n *big.Int) string {
	if n == nil {
		return "-"
	}
	return fmt.Sprintf("0x%X", n)
}

// signed makes sure of the signature, at the time that the stamp says.
func signed(token *tsp.SignedToken, at time.Time, authorities []*x509.Certificate) (*x509.Certificate, error) {
	roots := x509.NewCertPool()
	for _, c := range authorities {
		roots.AddCert(c)
	}
	if len(authorities) == 0 {
		for _, c := range token.Certificates {
			roots.AddCert(c)
		}
	}
	var signer *x509.Certificate
	for i := range token.SignerInfos {
		if c, err := token.SigningCertificate(&token.SignerInfos[i]); err == nil {
			signer = c
		}
	}
	if signer == nil {
		return nil, plan.Wrong("nothing in it says which certificate signed it (RFC 5816)", "署名した証明書を特定する情報（RFC 5816）が含まれていません")
	}
	_, err := token.Verify(context.Background(), x509.VerifyOptions{Roots: roots, CurrentTime: at})
	unknown, invalid := new(x509.UnknownAuthorityError), new(x509.CertificateInvalidError)
	switch {
	case err == nil:
		return signer, nil
	case errors.As(err, unknown):
		return signer, plan.Wrong("it is signed by %q, issued by %q, which leads to none of the authorities that were given", "署名者は %q（発行者 %q）で、指定された時刻認証局につながりません", signer.Subject, signer.Issuer)
	case errors.As(err, invalid) && invalid.Reason == x509.Expired:
		c := invalid.Cert
		return signer, plan.Wrong("the certificate of %q is valid from %s to %s, and the stamp says %s", "%q の証明書の有効期間は %s から %s までで、タイムスタンプの時刻 %s はその外です",
			c.Subject, c.NotBefore.UTC().Format(time.RFC3339), c.NotAfter.UTC().Format(time.RFC3339), at.UTC().Format(time.RFC3339))
	}
	return signer, plan.Wrong("its signature by %q does not hold: %v", "%q の署名が成り立ちません: %v", signer.Subject, err)
}

// StampRequest is what an authority is asked about a checkpoint; policy "" is its own choice.
func StampRequest(checkpoint []byte, policy string) ([]byte, error) {
	var oid asn1.ObjectIdentifier
	if policy != "" {
		var err error
		if oid, err = Policy(policy); err != nil {
			return nil, err
		}
	}
	req, err := tsp.NewRequest(tsp.RequestOptions{Content: checkpoint, HashAlgorithm: crypto.SHA256, ReqPolicy: oid})
	if err != nil {
		return nil, err
	}
	// 64 bits, as openssl asks: some authorities take no longer ones.
	req.Nonce.Rsh(req.Nonce, uint(max(0, req.Nonce.BitLen()-63)))
	return req.MarshalBinary()
}

// Policy reads an object identifier as in 1.2.392.200091.100.
func Policy(s string) (asn1.ObjectIdentifier, error) {
	var out asn1.ObjectIdentifier
	for part := range strings.SplitSeq(s, ".") {
		n, err := strconv.ParseUint(part, 10, 31)
		if err != nil {
			return nil, plan.Wrong("%q is no policy such as 1.2.3.4", "%q は 1.2.3.4 の形のポリシーではありません", s)
		}
		out = append(out, int(n))
	}
	if _, err := asn1.Marshal(out); err != nil {
		return nil, plan.Wrong("%q is no policy such as 1.2.3.4", "%q は 1.2.3.4 の形のポリシーではありません", s)
	}
	return out, nil
}

// Certificates reads the certificates of a PEM file.
func Certificates(b []byte) ([]*x509.Certificate, error) {
	var out []*x509.Certificate
	for len(b) > 0 {
		var block *pem.Block
		if block, b = pem.Decode(b); block == nil {
			break
		}
		if block.Type != "CERTIFICATE" {
			continue
		}
		c, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, err
		}
		out = append(out, c)
	}
	if len(out) == 0 {
		return nil, plan.Wrong("it holds no PEM certificate", "PEM形式の証明書が含まれていません")
	}
	return out, nil
}
