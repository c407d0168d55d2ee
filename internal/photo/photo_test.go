package photo

import (
	"bytes"
	"encoding/binary"
	"errors"
	"image"
	"image/color"
	"image/jpeg"
	"image/png"
	"runtime"
	"strings"
	"testing"
)

// halves is a picture whose left half is black.
func halves(w, h int) image.Image {
	img := image.NewRGBA(image.Rect(0, 0, w, h))
	for y := range h {
		for x := range w {
			c := color.White
			if x < w/2 {
				c = color.Black
			}
			img.Set(x, y, c)
		}
	}
	return img
}

// shot is a JPEG as a phone writes it: held sideways, with the place beside the picture.
func shot(t *testing.T, orientation byte) []byte {
	t.Helper()
	var plain bytes.Buffer
	if err := jpeg.Encode(&plain, halves(64, 32), nil); err != nil {
		t.Fatal(err)
	}
	tiff := []byte("MM\x00\x2a\x00\x00\x00\x08\x00\x01\x01\x12\x00\x03\x00\x00\x00\x01\x00" + string(orientation) + "\x00\x00\x00\x00\x00\x00GPS 35.6812N 139.7671E")
	body := append([]byte("Exif\x00\x00"), tiff...)
	block := append([]byte{0xff, 0xe1}, binary.BigEndian.AppendUint16(nil, uint16(len(body)+2))...)
	return append(append(append([]byte{}, plain.Bytes()[:2]...), append(block, body...)...), plain.Bytes()[2:]...)
}

func TestWhatACameraWritesBesideThePictureIsTakenOut(t *testing.T) {
	in := shot(t, 6)
	if !bytes.Contains(in, []byte("GPS 35.6812N")) || orientation(in) != 6 {
		t.Fatal("the test's own picture is not as it should be")
	}
	p, err := Clean(in)
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(p.Bytes, []byte("GPS")) || bytes.Contains(p.Bytes, []byte("Exif")) {
		t.Error("place and device are still in the picture")
	}
	if p.Type != "image/jpeg" || p.Width != 32 || p.Height != 64 || len(p.Digest) != 64 {
		t.Errorf("%s %d × %d %s; want a JPEG set upright, 32 × 64", p.Type, p.Width, p.Height, p.Digest)
	}
	img, err := jpeg.Decode(bytes.NewReader(p.Bytes))
	if err != nil {
		t.Fatal(err)
	}
	top, _, _, _ := img.At(16, 4).RGBA()
	bottom, _, _, _ := img.At(16, 60).RGBA()
	if top > 0x4000 || bottom < 0xc000 {
		t.Errorf("top %x, bottom %x; what was left must be on top after the turn", top, bottom)
	}
}

// Every orientation puts the black half where a viewer that reads EXIF would show it.
func TestPicturesAreSetUpright(t *testing.T) {
	for o, where := range map[int][2]int{1: {4, 16}, 2: {60, 16}, 3: {60, 16}, 4: {4, 16}, 5: {16, 4}, 6: {16, 4}, 7: {16, 60}, 8: {16, 60}} {
		img := turn(halves(64, 32), o)
		if v, _, _, _ := img.At(where[0], where[1]).RGBA(); v != 0 {
			t.Errorf("orientation %d: the black half is not at %v", o, where)
		}
	}
}

func TestPNGAndWebPLoseTheirNotes(t *testing.T) {
	var b bytes.Buffer
	if err := png.Encode(&b, halves(8, 8)); err != nil {
		t.Fatal(err)
	}
	raw := b.Bytes()
	note := []byte("\x00\x00\x00\x0btEXtOwner\x00sato\x00\x00\x00\x00\x00")
	noted := append(append(append([]byte{}, raw[:33]...), note...), raw[33:]...)
	_ = noted // its checksum is wrong on purpose: a decoder may refuse, never keep it
	if p, err := Clean(noted); err == nil && bytes.Contains(p.Bytes, []byte("sato")) {
		t.Error("the note is still in the PNG")
	}
	if p, err := Clean(raw); err != nil || p.Type != "image/png" || p.Width != 8 {
		t.Errorf("PNG: %+v %v", p, err)
	}
	block := func(name, body string) []byte {
		if len(body)%2 == 1 {
			body += "\x00"
		}
		return append(append([]byte(name), binary.LittleEndian.AppendUint32(nil, uint32(len(body)))...), body...)
	}
	var webp []byte
	for _, x := range [][]byte{block("VP8X", "\x0c\x00\x00\x00\x07\x00\x00\x07\x00\x00"), block("VP8L", "pixels"), block("EXIF", "GPS 35.6812N"), block("XMP ", "owner sato")} {
		webp = append(webp, x...)
	}
	webp = append(append([]byte("RIFF"), binary.LittleEndian.AppendUint32(nil, uint32(len(webp)+4))...), append([]byte("WEBP"), webp...)...)
	p, err := Clean(webp)
	if err != nil {
		t.Fatal(err)
	}
	if s := string(p.Bytes); strings.Contains(s, "GPS") || strings.Contains(s, "sato") || !strings.Contains(s, "pixels") || p.Bytes[20]&0x0c != 0 {
		t.Errorf("WebP is %q", s)
	}
	if n := binary.LittleEndian.Uint32(p.Bytes[4:]); int(n) != len(p.Bytes)-8 {
		t.Errorf("it says %d bytes and has %d", n, len(p.Bytes)-8)
	}
}

func TestWhatIsNoPictureIsRefused(t *testing.T) {
	bomb := []byte("\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\x00\x01\x00\x00\x00\x01\x00\x00\x08\x02\x00\x00\x00")
	bomb = binary.BigEndian.AppendUint32(bomb, 0xa2ddbcd5)
	whole := shot(t, 1)
	for name, c := range map[string]struct {
		in   []byte
		want string
	}{
		"html":      {[]byte("<svg onload=alert(1)>"), "no JPEG"},
		"empty":     {nil, "no JPEG"},
		"too large": {append(append([]byte{}, whole...), make([]byte, MaxSize)...), "5 MB"},
		"cut off":   {whole[:len(whole)/2], "damaged"},
		"only head": {[]byte{0xff, 0xd8, 0xff, 0xe1, 0xff, 0xff}, "damaged"},
		"bomb":      {bomb, ""},
		"webp cut":  {[]byte("RIFF\xff\xff\xff\x00WEBPVP8 "), "damaged"},
	} {
		_, err := Clean(c.in)
		r := new(Refusal)
		if !errors.As(err, &r) || !strings.Contains(r.EN, c.want) || r.JA == "" {
			t.Errorf("%s: %v; want a refusal with %q in both languages", name, err, c.want)
		}
	}
}

func FuzzClean(f *testing.F) {
	f.Add([]byte("RIFF\x10\x00\x00\x00WEBPVP8X"))
	f.Add([]byte{0xff, 0xd8, 0xff, 0xe1, 0, 16, 'E', 'x', 'i', 'f', 0, 0, 'I', 'I', 42, 0, 255, 255, 255, 255})
	f.Fuzz(func(_ *testing.T, b []byte) {
		orientation(b)
		_, _ = Clean(b)
	})
}

// A small file must not take a gigabyte: what holds all of a picture at once is bounded by its
// head, before it is decoded.
func TestHeavyPicturesAreRefusedByTheirHead(t *testing.T) {
	head := func(kind, components byte, w, h int) []byte {
		b := []byte{0xff, 0xd8, 0xff, 0xfe, 0, 4, 'h', 'i', 0xff, kind, 0, 8 + 3*components, 8, byte(h >> 8), byte(h), byte(w >> 8), byte(w), components}
		for i := range components {
			b = append(b, i+1, 0x11, 0)
		}
		return append(b, 0xff, 0xda, 0, 2)
	}
	for _, c := range []struct {
		name  string
		b     []byte
		heavy bool
	}{
		{"progressive", head(0xc2, 3, 5000, 5000), true},
		{"progressive, grey", head(0xc2, 1, 5000, 5000), true},
		{"four colours", head(0xc0, 4, 5000, 5000), true},
		{"baseline", head(0xc0, 3, 5000, 5000), false},
		{"progressive, small", head(0xc2, 3, 4000, 3000), false},
	} {
		_, err := Clean(c.b)
		if err == nil || strings.Contains(err.Error(), "more than 16 million") != c.heavy {
			t.Errorf("%s: %v, refused as heavy should be %v", c.name, err, c.heavy)
		}
	}
}

// Each takes memory that others need: while one picture is decoded, another one waits, whoever
// asks for it.
func TestOnePictureIsDecodedAtATime(t *testing.T) {
	b := shot(t, 1)
	decoding.Lock()
	done := make(chan error, 1)
	go func() {
		_, err := Clean(b)
		done <- err
	}()
	for stacks := make([]byte, 1<<20); ; runtime.Gosched() {
		select {
		case <-done:
			decoding.Unlock()
			t.Fatal("it did not wait")
		default:
		}
		// The goroutine of Clean stands at the lock.
		for one := range strings.SplitSeq(string(stacks[:runtime.Stack(stacks, true)]), "\n\n") {
			if strings.Contains(one, "photo.Clean(") && strings.Contains(one, "sync.(*Mutex).Lock") {
				decoding.Unlock()
				if err := <-done; err != nil {
					t.Error(err)
				}
				return
			}
		}
	}
}
