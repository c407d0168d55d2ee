// Package photo takes in the pictures that people send with their reports: it tells pictures
// from what is none by their content, bounds them before it decodes them, and takes out what a
// camera writes beside the picture: place, device, owner (requirement P-PII).
package photo

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"image"
	"image/color"
	"image/jpeg"
	"image/png"
	"sync"

	"github.com/muster-dr/muster/internal/plan"
)

// MaxSize is how many bytes a picture may have as it is sent.
const MaxSize = 5 << 20

// mostPixels bounds what decoding one takes: about 200 MB of memory for a PNG.
const (
	mostPixels    = 25_000_000
	mostPixelsJPG = 60_000_000 // less memory for each
	// mostPixelsHeavy is of progressive JPEGs, whose coefficients are all held at once, and of
	// those in four colours.
	mostPixelsHeavy = 16_000_000
	quality         = 85
)

// Picture is a picture without anything beside it.
type Picture struct {
	Bytes         []byte
	Type          string // image/jpeg, image/png or image/webp
	Width, Height int    // 0 for WebP, which is not decoded
	Digest        string // SHA-256 of Bytes, in hexadecimal
}

// Refusal says why something is no picture that can be taken.
type Refusal struct{ plan.Text }

func (r *Refusal) Error() string { return r.Both() }

func refuse(en, ja string, args ...any) error { return &Refusal{plan.Say(en, ja, args...)} }

// decoding lets one picture of the process be decoded at a time: each takes memory that others
// need as well.
var decoding sync.Mutex

// Clean checks a picture and takes out what is beside it. The error is a *Refusal. Whoever calls
// it waits until the pictures of others are done.
func Clean(b []byte) (Picture, error) {
	if len(b) > MaxSize {
		return Picture{}, TooLarge(int64(len(b)))
	}
	decoding.Lock()
	defer decoding.Unlock()
	var p Picture
	var err error
	switch {
	case bytes.HasPrefix(b, []byte{0xff, 0xd8, 0xff}):
		p, err = cleanJPEG(b)
	case bytes.HasPrefix(b, []byte("\x89PNG\r\n\x1a\n")):
		p, err = cleanPNG(b)
	case len(b) >= 16 && string(b[:4]) == "RIFF" && string(b[8:12]) == "WEBP":
		p, err = cleanWebP(b)
	default:
		return Picture{}, refuse("this is no JPEG, PNG or WebP picture; send one of these", "JPEG・PNG・WebP のいずれの画像でもありません。いずれかの形式で送ってください")
	}
	if err != nil {
		return Picture{}, err
	}
	sum := sha256.Sum256(p.Bytes)
	p.Digest = hex.EncodeToString(sum[:])
	return p, nil
}

// TooLarge refuses a picture by its size, in bytes; 0 is more than was read.
func TooLarge(size int64) error {
	if size == 0 {
		return refuse("the picture has more than %d MB; nothing was kept, send a smaller one", "画像が %d MB を超えています。保存していません。小さくして送り直してください", MaxSize>>20)
	}
	return refuse("the picture has %.1[1]f MB, and at most %[2]d MB are taken; nothing was kept, send a smaller one",
		"画像が %.1[1]f MB あります。上限は %[2]d MB です。保存していません。小さくして送り直してください", float64(size)/(1<<20), MaxSize>>20)
}

var errBroken = refuse("the picture is damaged and can't be read; take it again", "画像が壊れていて読み取れません。撮り直してください")

// size reads how large the picture says it is, and refuses what would take too much memory.
func size(b []byte, most int) (image.Config, error) {
	c, _, err := image.DecodeConfig(bytes.NewReader(b))
	if err != nil || c.Width <= 0 || c.Height <= 0 {
		return c, errBroken
	}
	if c.Width > most/c.Height {
		return c, refuse("the picture has %[1]d × %[2]d pixels, more than %[3]d million; send a smaller one",
			"画像が %[1]d × %[2]d ピクセルあり、上限（%[3]d 百万画素）を超えています。小さくして送り直してください", c.Width, c.Height, most/1_000_000)
	}
	return c, nil
}

func cleanPNG(b []byte) (Picture, error) {
	if _, err := size(b, mostPixels); err != nil {
		return Picture{}, err
	}
	img, err := png.Decode(bytes.NewReader(b))
	if err != nil {
		return Picture{}, errBroken
	}
	var out bytes.Buffer
	if err := png.Encode(&out, img); err != nil {
		return Picture{}, errBroken
	}
	return Picture{Bytes: out.Bytes(), Type: "image/png", Width: img.Bounds().Dx(), Height: img.Bounds().Dy()}, nil
}

// progressive reports whether a JPEG has the header of a progressive one with its own size. It
// looks everywhere: what lies between segments is skipped by the decoder too.
func progressive(b []byte, c image.Config) bool {
	for _, components := range []byte{1, 3, 4} {
		head := []byte{0xff, 0xc2, 0, 8 + 3*components, 8, byte(c.Height >> 8), byte(c.Height), byte(c.Width >> 8), byte(c.Width), components}
		if bytes.Contains(b, head) {
			return true
		}
	}
	return false
}

func cleanJPEG(b []byte) (Picture, error) {
	c, err := size(b, mostPixelsJPG)
	if err == nil && (c.ColorModel == color.CMYKModel || progressive(b, c)) {
		_, err = size(b, mostPixelsHeavy)
	}
	if err != nil {
		return Picture{}, err
	}
	img, err := jpeg.Decode(bytes.NewReader(b))
	if err != nil {
		return Picture{}, errBroken
	}
	if o := orientation(b); o > 1 {
		if img.Bounds().Dx()*img.Bounds().Dy() > mostPixels { // turning takes a whole second picture
			return Picture{}, refuse("the picture has to be turned, and is too large for that; send a smaller one", "画像の向きの補正に対して大きすぎます。小さくして送り直してください")
		}
		img = turn(img, o)
	}
	var out bytes.Buffer
	if err := jpeg.Encode(&out, img, &jpeg.Options{Quality: quality}); err != nil {
		return Picture{}, errBroken
	}
	return Picture{Bytes: out.Bytes(), Type: "image/jpeg", Width: img.Bounds().Dx(), Height: img.Bounds().Dy()}, nil
}
