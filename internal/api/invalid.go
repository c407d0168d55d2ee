package api

import (
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/validation"

	"github.com/muster-dr/muster/internal/i18n"
)

// huma makes its own errors (validation, body limits, unknown media types) through these variables;
// they are the one place to give them our shape and the caller's language.
func init() {
	huma.NewError = func(status int, msg string, errs ...error) huma.StatusError {
		return invalid(i18n.EN, status, msg, errs)
	}
	huma.NewErrorWithContext = func(ctx huma.Context, status int, msg string, errs ...error) huma.StatusError {
		p := invalid(lang(ctx.Context()), status, msg, errs)
		if op := ctx.Operation(); status == http.StatusRequestEntityTooLarge && op != nil && op.OperationID == opMerge {
			p = noReturn(lang(ctx.Context()))
		}
		return p
	}
}

// invalid is what huma found wrong, as a problem.
func invalid(l i18n.Lang, status int, msg string, errs []error) *Problem {
	code := CodeBadRequest
	switch {
	case status == http.StatusNotFound:
		code = CodeNotFound
	case status >= 500:
		code = CodeInternal
	}
	p := problem(status, code, validated(l, msg), "")
	if status == http.StatusRequestEntityTooLarge {
		p.Detail = l.T("The request is too large; nothing was kept. Send a smaller photo, or a shorter text.", "送信内容が大きすぎるため、何も保存していません。写真を小さくするか、文章を短くしてください。")
	}
	for _, err := range errs {
		var d huma.ErrorDetailer
		switch {
		case err == nil:
		case errors.As(err, &d):
			e := d.ErrorDetail()
			p.Lines = append(p.Lines, fmt.Sprintf("%s: %s", e.Location, validated(l, e.Message)))
		default:
			p.Lines = append(p.Lines, err.Error())
		}
	}
	if code == CodeBadRequest {
		p.WayOut = l.T("The API is described at /api/openapi.json", "APIの仕様は /api/openapi.json にあります")
	}
	return p
}

// validated is a message of huma's in the caller's language; what is not among them stays as it is.
func validated(l i18n.Lang, msg string) string {
	if l != i18n.JA {
		return msg
	}
	for _, s := range ofHuma {
		if found := s.english.FindStringSubmatch(msg); found != nil {
			args := make([]any, 0, len(found))
			for _, x := range found[1:] {
				args = append(args, x)
			}
			return fmt.Sprintf(s.japanese, args...)
		}
	}
	return msg
}

type sentence struct {
	english  *regexp.Regexp
	japanese string
}

var verb = regexp.MustCompile(`%[a-z]`)

// ofHuma are the messages that a request to our routes can lead to, from huma's own variables where it has them, so that
// a version that words them anew is met as well.
var ofHuma = func() (out []sentence) {
	for _, s := range [][2]string{
		{"validation failed", "リクエストの内容に誤りがあります"},
		{"request body is required", "リクエストの本文がありません"},
		{"request body read timeout", "リクエストの本文を時間内に受信できませんでした"},
		{"cannot read request body", "リクエストの本文を読み取れません"},
		{"unexpected error occurred", "予期しないエラーが発生しました"},
		{"required %s parameter is missing", "必須の値がありません"},
		{"unknown query parameter", "このようなパラメーターはありません"},
		{"invalid integer", "整数で指定してください"},
		{"invalid float", "数値で指定してください"},
		{"invalid floating value", "数値で指定してください"},
		{"invalid boolean", "true または false で指定してください"},
		{validation.MsgUnexpectedProperty, "このような項目はありません"},
		{validation.MsgExpectedRFC3339DateTime, "日時を RFC 3339 の形式（2026-11-19T14:03:00+09:00 など）で指定してください"},
		{validation.MsgExpectedBoolean, "true または false で指定してください"},
		{validation.MsgExpectedNumber, "数値で指定してください"},
		{validation.MsgExpectedInteger, "整数で指定してください"},
		{validation.MsgExpectedString, "文字列で指定してください"},
		{validation.MsgExpectedBase64String, "Base64 で指定してください"},
		{validation.MsgExpectedArray, "配列で指定してください"},
		{validation.MsgExpectedObject, "オブジェクトで指定してください"},
		{validation.MsgExpectedArrayItemsUnique, "同じ値が重複しています"},
		{validation.MsgExpectedOneOf, "%s のいずれかを指定してください"},
		{validation.MsgExpectedMinimumNumber, "%s 以上で指定してください"},
		{validation.MsgExpectedExclusiveMinimumNumber, "%s より大きい値を指定してください"},
		{validation.MsgExpectedMaximumNumber, "%s 以下で指定してください"},
		{validation.MsgExpectedExclusiveMaximumNumber, "%s より小さい値を指定してください"},
		{validation.MsgExpectedMinLength, "%s 文字以上で指定してください"},
		{validation.MsgExpectedMaxLength, "%s 文字以内で指定してください"},
		{validation.MsgExpectedBePattern, "%s の形式で指定してください"},
		{validation.MsgExpectedMatchPattern, "%s の形式で指定してください"},
		{validation.MsgExpectedMinItems, "%s 件以上を指定してください"},
		{validation.MsgExpectedMaxItems, "%s 件以内で指定してください"},
		{validation.MsgExpectedRequiredProperty, "必須項目 %s がありません"},
	} {
		pattern := verb.ReplaceAllString(regexp.QuoteMeta(s[0]), "(.*)")
		if !strings.Contains(s[1], "%s") {
			pattern = strings.ReplaceAll(pattern, "(.*)", ".*")
		}
		out = append(out, sentence{regexp.MustCompile("(?s)^" + pattern + "$"), s[1]})
	}
	return out
}()
