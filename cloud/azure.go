package cloud

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"os"
	"regexp"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/runtime"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"
	"github.com/Azure/azure-sdk-for-go/sdk/security/keyvault/azsecrets"
)

// azureName is a vault and a secret in it, the vault by its name or by its host in one of Microsoft's clouds. No other host is asked: whoever
// writes plans would else have our token sent where they like.
var azureName = regexp.MustCompile(`^([A-Za-z0-9-]+)(\.vault\.azure\.net|\.vault\.azure\.cn|\.vault\.usgovcloudapi\.net)?/([A-Za-z0-9-]+)$`)

// signIn is the one sentence that says what Microsoft's sign-in did not like, in a long report.
var signIn = regexp.MustCompile(`AADSTS[0-9]+[^"\\\r\n]*`)

// noted remembers that there was no token, which is not the vault's fault.
type noted struct {
	azcore.TokenCredential
	err error
}

func (n *noted) GetToken(ctx context.Context, o policy.TokenRequestOptions) (azcore.AccessToken, error) {
	token, err := n.TokenCredential.GetToken(ctx, o)
	n.err = err
	return token, err
}

// fromAzure reads Azure Key Vault: VAULT/SECRET, its current version.
func fromAzure(ctx context.Context, name string) (string, error) {
	parts := azureName.FindStringSubmatch(name)
	if parts == nil {
		return "", &trouble{why: Form}
	}
	// Developers' command line tools are no way for a server to sign in, unless somebody says so.
	if os.Getenv("AZURE_TOKEN_CREDENTIALS") == "" {
		if err := os.Setenv("AZURE_TOKEN_CREDENTIALS", "prod"); err != nil {
			return "", err
		}
	}
	chain, err := azidentity.NewDefaultAzureCredential(nil)
	if err != nil {
		return "", &trouble{why: Settings, said: err.Error()}
	}
	who := &noted{TokenCredential: chain}
	client, err := azsecrets.NewClient("https://"+parts[1]+cmp.Or(parts[2], ".vault.azure.net"), who, nil)
	if err != nil {
		return "", &trouble{why: Settings, said: err.Error()}
	}
	out, err := client.GetSecret(ctx, parts[3], "", nil)
	answer := new(azcore.ResponseError)
	switch {
	case err == nil && out.Value != nil:
		return *out.Value, nil
	case err == nil:
		return "", &trouble{why: Unreadable}
	case who.err != nil:
		said := who.err.Error()
		if at := signIn.FindString(said); at != "" {
			said = at
		}
		return "", &trouble{why: Credentials, said: said}
	case errors.As(err, &answer) && answer.StatusCode != 200:
		return "", azure2why(answer)
	}
	return "", err
}

func azure2why(answer *azcore.ResponseError) error {
	var body struct {
		Error struct {
			Message string `json:"message"`
			Inner   struct {
				Code string `json:"code"`
			} `json:"innererror"`
		} `json:"error"`
	}
	if b, err := runtime.Payload(answer.RawResponse); err == nil {
		_ = json.Unmarshal(b, &body) // what can't be read is left out
	}
	why := byStatus(answer.StatusCode)
	if answer.StatusCode == 403 && body.Error.Inner.Code == "SecretDisabled" {
		why = Missing
	}
	return &trouble{why: why, said: answered(answer.StatusCode, answer.ErrorCode, body.Error.Message)}
}
