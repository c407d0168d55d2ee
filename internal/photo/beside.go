package photo

import (
	"encoding/binary"
	"image"
)

// orientation is how a camera held the picture, by its EXIF block: 1 to 8, 1 when it says
// nothing. The block itself is lost with the encoding, so the picture is turned before.
func orientation(b []byte) int {
	for i := 2; i+4 <= len(b) && b[i] == 0xff; {
		marker, n := b[i+1], int(binary.BigEndian.Uint16(b[i+2:]))
		if marker == 0xda || n < 2 || i+2+n > len(b) {
			break // the picture itself begins, or it is cut off
		}
		body := b[i+4 : i+2+n]
		if marker == 0xe1 && len(body) > 14 && string(body[:6]) == "Exif\x00\x00" {
			return tagged(body[6:])
		}
		i += 2 + n
	}
	return 1
}

// tagged finds the orientation in a TIFF header and its first directory.
func tagged(t []byte) int {
	var order binary.ByteOrder = binary.BigEndian
	if string(t[:2]) == "II" {
		order = binary.LittleEndian
	}
	at := int64(order.Uint32(t[4:8]))
	if at+2 > int64(len(t)) {
		return 1
	}
	for i := range int64(order.Uint16(t[at:])) {
		entry := at + 2 + 12*i
		if entry+12 > int64(len(t)) {
			return 1
		}
		if order.Uint16(t[entry:]) == 0x0112 {
			if o := int(order.Uint16(t[entry+8:])); o >= 1 && o <= 8 {
				return o
			}
			return 1
		}
	}
	return 1
}

// turn sets a picture upright.
func turn(img image.Image, orientation int) image.Image {
	b := img.Bounds()
	w, h := b.Dx(), b.Dy()
	out := image.NewRGBA(image.Rect(0, 0, w, h))
	if orientation >= 5 {
		out = image.NewRGBA(image.Rect(0, 0, h, w))
	}
	for y := range h {
		for x := range w {
			tx, ty := x, y
			switch orientation {
			case 2:
				tx = w - 1 - x
			case 3:
				tx, ty = w-1-x, h-1-y
			case 4:
				ty = h - 1 - y
			case 5:
				tx, ty = y, x
			case 6:
				tx, ty = h-1-y, x
			case 7:
				tx, ty = h-1-y, w-1-x
			case 8:
				tx, ty = y, w-1-x
			}
			out.Set(tx, ty, img.At(b.Min.X+x, b.Min.Y+y))
		}
	}
	return out
}

// cleanWebP takes the blocks with metadata out of a WebP file. The standard library does not
// decode it, so what remains is as it was sent.
func cleanWebP(b []byte) (Picture, error) {
	if n := int64(binary.LittleEndian.Uint32(b[4:])) + 8; n > int64(len(b)) {
		return Picture{}, errBroken
	}
	out := append([]byte{}, b[:12]...)
	image := false
	for i := 12; i < len(b); {
		if i+8 > len(b) {
			break // a stray byte at the end
		}
		name, n := string(b[i:i+4]), int64(binary.LittleEndian.Uint32(b[i+4:]))
		end := int64(i) + 8 + n + n%2
		if int64(i)+8+n > int64(len(b)) {
			return Picture{}, errBroken
		}
		end = min(end, int64(len(b)))
		block := append([]byte{}, b[i:end]...)
		i = int(end)
		switch name {
		case "VP8X":
			if n < 10 {
				return Picture{}, errBroken
			}
			block[8] &^= 0x08 | 0x04 // it has EXIF, it has XMP
		case "VP8 ", "VP8L", "ANMF":
			image = true
		case "ALPH", "ANIM", "ICCP":
		default: // EXIF, XMP and what nobody knows
			continue
		}
		out = append(out, block...)
	}
	if !image {
		return Picture{}, errBroken
	}
	binary.LittleEndian.PutUint32(out[4:], uint32(len(out)-8))
	return Picture{Bytes: out, Type: "image/webp"}, nil
}
