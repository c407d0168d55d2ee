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
	smithyhttp "github.com/aws/smithy-go/transport/http"
)

// fromAWS reads AWS Secrets Manager. An ARN is asked for in its own region, a name in that of the settings or
// of the machine.
func fromAWS(ctx context.Context, name string) (string, error) {
	options := []func(*config.LoadOptions) error{config.WithEC2IMDSRegion()}
	if a, err := arn.Parse(name); err == nil {
		if a.Service != "secretsmanager" || a.Region == "" {
			return "", &trouble{why: Form}
		}
		options = []func(*config.LoadOptions) error{config.WithRegion(a.Region)}
	}
	cfg, err := config.LoadDefaultConfig(ctx, options...)
	if err == nil && cfg.Region == "" {
		err = errors.New("no region")
	}
	if err != nil {
		if profile := new(config.SharedConfigProfileNotExistError); errors.As(err, profile) {
			return "", &trouble{Settings, "there is no profile " + profile.Profile}
		}
		return "", &trouble{Settings, "no region is known; set AWS_REGION, or write the secret's ARN"}
	}
	// Asked for by itself, so that the error of a role that can't be had is not taken for the store's.
	if _, err := cfg.Credentials.Retrieve(ctx); err != nil {
		return "", &trouble{Credentials, err.Error()}
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
			return &trouble{Busy, said}
		}
		switch api.ErrorCode() {
		case "AccessDeniedException", "DecryptionFailure":
			return &trouble{Denied, said}
		case "UnrecognizedClientException", "InvalidSignatureException", "ExpiredTokenException", "InvalidClientTokenId", "SignatureDoesNotMatch", "IncompleteSignature",
			"MissingAuthenticationToken", "MissingAuthenticationTokenException", "OptInRequired":
			return &trouble{Credentials, said}
		case "ResourceNotFoundException", "InvalidRequestException": // the second: it is about to be deleted
			return &trouble{Missing, said}
		}
		return &trouble{byStatus(status), said}
	}
	if status >= 500 {
		return &trouble{Away, answered(status, "", "")}
	}
	return err
}
