package clocktest

import "encoding/binary"

const entryName = "__vdso_clock_gettime"

// code is clock_gettime(which, *timespec). The offset lies in the eight bytes before it.
var code = []byte{
	0xb8, 0xe4, 0x00, 0x00, 0x00, // mov eax, 228: clock_gettime
	0x0f, 0x05, // syscall
	0x85, 0xc0, // test eax, eax
	0x75, 0x0e, // jne end: it failed
	0x85, 0xff, // test edi, edi
	0x75, 0x0a, // jne end: not CLOCK_REALTIME
	0x48, 0x8b, 0x15, 0xe2, 0xff, 0xff, 0xff, // mov rdx, [rip-30]: the offset
	0x48, 0x01, 0x16, // add [rsi], rdx: its seconds
	0xc3, // end: ret
}

// jump is a jump by that many bytes, counted from where it stands.
func jump(by int64) []byte {
	return binary.LittleEndian.AppendUint32([]byte{0xe9}, uint32(int32(by-5)))
}
