package board_test

import (
	"io"
	"mime/multipart"
	"net/http"
	"strings"
	"testing"
)

// Slow uploads hold up nobody who sends no photo, and one photo too many is told the way out.
func TestSlowUploadsHoldUpNoReportWithoutAPhoto(t *testing.T) {
	w := recorded(t)
	b := w.browser(personID(0))
	whole := snapshot(t)
	for range 16 {
		in, out := io.Pipe()
		t.Cleanup(func() { _ = out.CloseWithError(io.ErrUnexpectedEOF) })
		m := multipart.NewWriter(out)
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, w.url+"/runs/"+drill+"/act/assess", in)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Content-Type", m.FormDataContentType())
		req.Header.Set("Sec-Fetch-Site", "same-origin")
		go func() {
			if res, err := b.http.Do(req); err == nil {
				_ = res.Body.Close()
			}
		}()
		// The photo begins and does not end.
		part, err := m.CreateFormFile("photo", "IMG_0001.jpg")
		if err != nil {
			t.Fatal(err)
		}
		if _, err := part.Write(whole[:len(whole)/2]); err != nil {
			t.Fatal(err)
		}
	}
	b.lang = "ja"
	for { // until all of them have their place
		res, body := b.upload("/runs/"+drill+"/act/assess", []byte("no picture"), "system", "orders", "damage", "stopped")
		if res.StatusCode == http.StatusUnprocessableEntity {
			continue
		}
		if res.StatusCode != http.StatusServiceUnavailable || res.Header.Get("Retry-After") == "" || !strings.Contains(body, "写真なしで報告してください") {
			t.Fatalf("one photo too many: %s\n%s", res.Status, body)
		}
		break
	}
	// A form of which no photo was chosen, as browsers send it.
	res, body := b.uploadAll("/runs/"+drill+"/act/assess", [][]byte{{}}, "system", "orders", "damage", "no such damage")
	if res.StatusCode != http.StatusUnprocessableEntity || !strings.Contains(body, "選択されていない") {
		t.Errorf("a report without a photo: %s\n%s", res.Status, body)
	}
}
