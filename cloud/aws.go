package cloud

import (
	"context"
	"errors"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/arn"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/secretsmanager"
	"github.com/aws/smithy-go"
	"github.com/aws/smithy-go/logging"
	smithyhttp "github.com/aws/smithy-go/transport/http"
)

// quiet: what the library would write beside our answer tells people nothing that the answer does not.
var quiet = config.WithLogger(logging.Nop{})

// fromAWS reads AWS Secrets Manager. An ARN is asked for in its own region, a name in that of the settings or
// of the machine.
func fromAWS(ctx context.Context, name string) (string, error) {
	options := []func(*config.LoadOptions) error{config.WithEC2IMDSRegion(), quiet}
	if a, err := arn.Parse(name); err == nil {
		if a.Service != "secretsmanager" || a.Region == "" {
			return "", &trouble{why: Form}
		}
		options = []func(*config.LoadOptions) error{config.WithRegion(a.Region), quiet}
	}
	cfg, err := config.LoadDefaultConfig(ctx, options...)
	if err == nil && cfg.Region == "" {
		err = errors.New("no region")
	}
	if err != nil {
		if profile := new(config.SharedConfigProfileNotExistError); errors.As(err, profile) {
			return "", &trouble{Settings, "there is no profile " + profile.Profile, "プロファイル " + profile.Profile + " がありません"}
		}
		return "", &trouble{Settings, "no region is known; set AWS_REGION, or write the secret's ARN", "リージョンが不明です。AWS_REGION を設定するか、ARNで参照してください"}
	}
	// Asked for by itself, so that the error of a role that can't be had is not taken for the store's.
	if _, err := cfg.Credentials.Retrieve(ctx); err != nil {
		return "", &trouble{why: Credentials, said: err.Error()}
	}
	out, err := secretsmanager.NewFromConfig(cfg).GetSecretValue(ctx, &secretsmanager.GetSecretValueInput{SecretId: &name})
	if err != nil {
		return "", aws2why(err)
	}
	if out.SecretString == nil {
		return string(out.SecretBinary), nil
	}
	return aws.ToString(out.SecretString), nil
}

func aws2why(err error) error {
	status := 0
	if answer := new(smithyhttp.ResponseError); errors.As(err, &answer) {
		status = answer.HTTPStatusCode()
	}
	var api smithy.APIError
	if errors.As(err, &api) && status != 200 {
		said := answered(status, api.ErrorCode(), api.ErrorMessage())
		if _, busy := retry.DefaultThrottleErrorCodes[api.ErrorCode()]; busy {
			return &trouble{why: Busy, said: said}
		}
		switch api.ErrorCode() {
		case "AccessDeniedException", "DecryptionFailure":
			return &trouble{why: Denied, said: said}
		case "UnrecognizedClientException", "InvalidSignatureException", "ExpiredTokenException", "InvalidClientTokenId", "SignatureDoesNotMatch", "IncompleteSignature",
			"MissingAuthenticationToken", "MissingAuthenticationTokenException", "OptInRequired":
			return &trouble{why: Credentials, said: said}
		case "ResourceNotFoundException", "InvalidRequestException": // the second: it is about to be deleted
			return &trouble{why: Missing, said: said}
		}
		return &trouble{why: byStatus(status), said: said}
	}
	if status >= 500 {
		return &trouble{why: Away, said: answered(status, "", "")}
	}
	return err
}
